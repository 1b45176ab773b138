// For safetensors_torch.py: `safetensors_probe write FILE` writes known tensors; `safetensors_probe read
// FILE` prints name, shape, sum and metadata of any file.
#include <cstdio>
#include <cstring>

#include "io/safetensors/safetensors.hpp"
#include "kernels/base/error.hpp"

using namespace regkit;

int main(int argc, char** argv) try {
    if (argc != 3) return 2;
    if (std::strcmp(argv[1], "write") == 0) {
        TensorFile file;
        file.metadata = {{"format", "pt"}, {"note", "two\nlines"}};
        NamedTensor weight{"conv.weight", {3, 2, 5}, {}};
        for (int i = 0; i < 30; ++i) weight.values.push_back(static_cast<float>(i) * 0.25f - 3);
        file.tensors = {weight, {"conv.bias", {3}, {0.1f, 0.2f, 0.3f}}, {"scalar", {}, {42}}};
        write_safetensors(argv[2], file);
        return 0;
    }
    const TensorFile file = read_safetensors(argv[2]);
    for (const auto& [key, value] : file.metadata) std::printf("meta\t%s\t%s\n", key.c_str(), value.c_str());
    for (const NamedTensor& tensor : file.tensors) {
        double sum = 0;
        for (std::size_t i = 0; i < tensor.values.size(); ++i)
            sum += static_cast<double>(tensor.values[i]) * static_cast<double>(i + 1);
        std::printf("tensor\t%s\t", tensor.name.c_str());
        for (const auto dimension : tensor.shape) std::printf("%lld,", static_cast<long long>(dimension));
        std::printf("\t%.17g\n", sum);
    }
    return 0;
} catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(error.kind());
}
