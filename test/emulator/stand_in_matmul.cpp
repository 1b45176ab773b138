#include "test/emulator/stand_in_matmul.hpp"

#include <cstring>

#include "kernels/cuda/tensor_core.hpp"

namespace regkit::emulator {

using cuda::Bf16;
using cuda::cublaslt::Epilogue;
using cuda::cublaslt::kAlignment;
using cuda::cublaslt::Operands;
using cuda::cublaslt::Positions;
using cuda::cublaslt::Product;

StandInMatmul& stand_in_matmul() {
    static StandInMatmul only;
    return only;
}

namespace {

struct BuiltPlan final : cuda::cublaslt::Plan {
    BuiltPlan(const Product& its_product, std::int64_t bytes) : LibraryPlan(bytes), product(its_product) {}
    Product product;
};

// op(matrix)[row][column] of what lies column by column.
struct Matrix {
    const Bf16* data;
    std::int64_t pitch;
    bool transposed;
    double at(std::int64_t row, std::int64_t column) const {
        return cuda::to_float(data[transposed ? column + row * pitch : row + column * pitch]);
    }
};

void store(const Product& p, const Operands& o, std::int64_t row, std::int64_t column, double sum) {
    const std::int64_t place = row + column * p.d_pitch;
    if (p.in_float) {
        float& to = static_cast<float*>(o.d)[place];
        if (o.beta != 0) sum += static_cast<double>(o.beta) * to;
        to = static_cast<float>(sum);
        return;
    }
    Bf16& to = static_cast<Bf16*>(o.d)[place];
    if (o.beta != 0) sum += static_cast<double>(o.beta) * cuda::to_float(to);
    if (p.epilogue == Epilogue::bias_relu) {
        sum += cuda::to_float(static_cast<const Bf16*>(o.bias)[row]);
        sum = sum > 0 ? sum : 0;  // also of what is no number: max(x, 0)
    }
    to = cuda::to_bf16(static_cast<float>(sum));
}

void compute(const Product& p, const Operands& o) {
    const Matrix a{static_cast<const Bf16*>(o.a), p.a_pitch, p.a_transposed},
        b{static_cast<const Bf16*>(o.b), p.b_pitch, p.b_transposed};
    std::vector<double> left(static_cast<std::size_t>(p.rows * p.depth)),
        right(static_cast<std::size_t>(p.depth));
    for (std::int64_t row = 0; row < p.rows; ++row)
        for (std::int64_t k = 0; k < p.depth; ++k)
            left[static_cast<std::size_t>(row * p.depth + k)] = a.at(row, k);
    for (std::int64_t column = 0; column < p.columns; ++column) {
        double total = 0;
        for (std::int64_t k = 0; k < p.depth; ++k)
            total += right[static_cast<std::size_t>(k)] = b.at(k, column);
        if (p.epilogue == Epilogue::bias_gradient)
            static_cast<float*>(o.bias)[column] = static_cast<float>(total);
        for (std::int64_t row = 0; row < p.rows; ++row) {
            const double* const from = left.data() + row * p.depth;
            double sum = 0;
            for (std::int64_t k = 0; k < p.depth; ++k) sum += from[k] * right[static_cast<std::size_t>(k)];
            store(p, o, row, column, sum);
        }
    }
}

bool is_aligned(const void* memory) {
    return reinterpret_cast<std::uintptr_t>(memory) % static_cast<std::uintptr_t>(kAlignment) == 0;
}

// What the library would not take, or what a plan was not made for.
bool is_taken(const Product& p, std::int64_t positions, const Operands& o, std::int64_t workspace) {
    const auto pitch = [](std::int64_t values, std::int64_t least) {
        return values >= least && values % 8 == 0;
    };
    const Product now = p.at(positions);
    return positions > 0 &&
           (p.positions == Positions::depth ? positions == p.size() : positions <= p.size()) &&
           pitch(p.a_pitch, p.a_transposed ? now.depth : now.rows) &&
           pitch(p.b_pitch, p.b_transposed ? now.columns : now.depth) && pitch(p.d_pitch, now.rows) &&
           (p.epilogue == Epilogue::none || o.bias) && (workspace == 0 || o.workspace) && is_aligned(o.a) &&
           is_aligned(o.b) && is_aligned(o.d) && is_aligned(o.bias) && is_aligned(o.workspace);
}

class Engine final : public cuda::cublaslt::Engine {
  public:
    std::string version_name() const override { return "stand-in Lt 1.0"; }

    std::unique_ptr<cuda::cublaslt::Plan> plan(const Product& product) override {
        StandInMatmul& script = stand_in_matmul();
        ++script.plans;
        if (script.refuses && script.refuses(product)) return nullptr;
        return std::make_unique<BuiltPlan>(product, script.workspace);
    }

    bool run(cuda::cublaslt::Plan& plan, std::int64_t positions, const Operands& operands) override {
        const Product& product = static_cast<BuiltPlan&>(plan).product;
        if (stand_in_matmul().fails || !is_taken(product, positions, operands, plan.workspace()))
            return false;
        stand_in_matmul().runs.push_back(product.at(positions));
        const auto bytes = static_cast<std::size_t>(plan.workspace());
        static_cast<cudaStream_t>(operands.stream)->queue([=, now = product.at(positions)] {
            if (bytes > 0) std::memset(operands.workspace, 1, bytes);
            compute(now, operands);
            return cudaSuccess;
        });
        return true;
    }
};

}  // namespace

}  // namespace regkit::emulator

std::unique_ptr<regkit::cuda::cublaslt::Engine> regkit::cuda::cublaslt::open_engine(std::string& why) {
    if (emulator::stand_in_matmul().installed) return std::make_unique<emulator::Engine>();
    why = "libcublasLt.so.13: cannot open shared object file";
    return nullptr;
}
