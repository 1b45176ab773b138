// A product in cuBLASLt's words: its descriptors, and what it is asked for in a plan. None of it needs a
// device, so that a test without one holds them against the library.
#pragma once

#include <string>

#include "kernels/cuda/cublaslt/engine.hpp"
#include "kernels/cuda/cublaslt/library.hpp"

namespace regkit::cuda::cublaslt {

// A call of cuBLASLt that failed. Caught within this folder and by its test.
struct CallFailed {
    cublasStatus_t status;
    std::string what;
};

// Owns them. Throws CallFailed.
class Descriptors {
  public:
    Descriptors(const Library& library, const Product& product);
    Descriptors(const Descriptors&) = delete;
    Descriptors& operator=(const Descriptors&) = delete;
    ~Descriptors();

    const Product& product() const { return product_; }
    cublasLtMatmulDesc_t matmul() const { return matmul_; }
    cublasLtMatrixLayout_t a() const { return a_; }
    cublasLtMatrixLayout_t b() const { return b_; }
    cublasLtMatrixLayout_t d() const { return d_; }

    // From now on of so many positions.
    void set_positions(std::int64_t count);
    void set_bias(const void* bias);

  private:
    void make();
    void destroy() noexcept;

    const Library& library_;
    Product product_;
    cublasLtMatmulDesc_t matmul_ = nullptr;
    cublasLtMatrixLayout_t a_ = nullptr, b_ = nullptr, d_ = nullptr;
};

// What a plan of the product may be: see descriptors.cpp. Throws CallFailed.
class Preference {
  public:
    static constexpr std::uint64_t kMostWorkspace = std::uint64_t{32} << 20;

    Preference(const Library& library, const Product& product);
    Preference(const Preference&) = delete;
    Preference& operator=(const Preference&) = delete;
    ~Preference();

    cublasLtMatmulPreference_t raw() const { return raw_; }
    // Ways to add up parts of a sum that are computed apart: bits of cublasLtReductionScheme_t.
    static std::uint32_t reductions(const Product& product);

  private:
    const Library& library_;
    cublasLtMatmulPreference_t raw_ = nullptr;
};

}  // namespace regkit::cuda::cublaslt
