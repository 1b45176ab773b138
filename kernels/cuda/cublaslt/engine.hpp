// What the tail needs of cuBLASLt. Implementations: lt_engine.cpp, over the library; no_engine.cpp, for a
// build without its header; and one of the tests that computes on the CPU.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "kernels/cuda/library_plan.hpp"

namespace regkit::cuda::cublaslt {

// What is done to the sums of a product on their way out.
enum class Epilogue : int {
    none,
    // max(sum + bias[row], 0), bias in bf16: CUBLASLT_EPILOGUE_RELU_BIAS.
    bias_relu,
    // Beside the product, bias[column] = the sum of op(B)'s column, in fp32: CUBLASLT_EPILOGUE_BGRADB.
    bias_gradient,
};

// Which of a product's sizes counts positions.
enum class Positions : int { rows, columns, depth };

// D = op(A) * op(B) + beta * D: rows x columns, each a sum of `depth` products. Matrices lie column by column
// (CUBLAS_OP_T: row by row), a pitch apart; A and B are bf16, sums fp32.
struct Product {
    std::int64_t rows, columns, depth;
    Positions positions;  // that size is the largest there will be, but for depth: then it is the only one
    bool a_transposed, b_transposed;
    std::int64_t a_pitch, b_pitch, d_pitch;
    bool in_float;  // D is fp32, else bf16
    Epilogue epilogue;

    bool operator==(const Product&) const = default;

    std::int64_t size() const {  // of positions
        return positions == Positions::rows ? rows : positions == Positions::columns ? columns : depth;
    }
    Product at(std::int64_t count) const {  // with so many positions
        Product smaller = *this;
        (positions == Positions::rows      ? smaller.rows
         : positions == Positions::columns ? smaller.columns
                                           : smaller.depth) = count;
        return smaller;
    }
};

// How the library computes a product. One output is one sum in an order that the plan alone fixes: whatever
// the number of positions, and in every run.
using Plan = LibraryPlan;

// Device memory, each at a multiple of kAlignment bytes.
inline constexpr std::int64_t kAlignment = 256;
struct Operands {
    const void* a;
    const void* b;
    void* d;
    void* bias;  // of the epilogue
    float beta;
    void* workspace;
    void* stream;  // of CUDA, on which it runs
};

class Engine {
  public:
    Engine() = default;
    virtual ~Engine() = default;
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    virtual std::string version_name() const = 0;  // "cuBLASLt 13.1.0"
    // Null where the library has none.
    virtual std::unique_ptr<Plan> plan(const Product& product) = 0;
    // Queues the product of so many positions on the operands' stream; false where that fails.
    virtual bool run(Plan& plan, std::int64_t positions, const Operands& operands) = 0;
};

// For CUDA's current device. Null, with the reason, where the library is not here or of no use.
std::unique_ptr<Engine> open_engine(std::string& why);

}  // namespace regkit::cuda::cublaslt
