// The sum over ranks on one device: gpu_ranks DEVICE. Of one rank, the only one that a GPU can have, the sum
// is its own values: all of the way through NCCL but a second GPU. Exits 77, with the reason, where it went
// another way than the device's.
#include <cstdio>
#include <cstring>
#include <vector>

#include "kernels/base/error.hpp"
#include "kernels/compose.hpp"

using namespace regkit;

namespace {

class OneRank final : public Communicator {
  public:
    int rank() const override { return 0; }
    int size() const override { return 1; }
    void sum_in_order(std::span<float>) override {}
    void sum_in_order(std::span<double>) override {}
    void all_gather(std::span<const std::byte> mine, std::span<std::byte> all) override {
        std::memcpy(all.data(), mine.data(), mine.size());
    }
    void broadcast(std::span<std::byte>) override {}
    std::chrono::milliseconds patience() const override { return std::chrono::seconds(60); }
};

// More than are gathered at a time, and a rest.
constexpr std::int64_t kValues = (std::int64_t{1} << 24) + 12345;

bool sums(const std::string& device) {
    const auto backend = make_backend({device, 0, "", Precision::f32}).backend;
    std::vector<float> values(kValues);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 1000) - 499.75f;
    const Buffer from = backend->alloc_flat(kValues), to = backend->alloc_flat(kValues);
    backend->write(from.slice(), std::span<const float>(values));
    OneRank ranks;
    compose::Staging staging;
    for (int i = 0; i < 2; ++i) {
        compose::all_reduce(*backend, from.slice(), to.slice(), ranks, staging);
        std::vector<float> got(values.size());
        backend->read(to.slice(), std::span<float>(got));
        require(got == values, ErrorKind::mismatch, "the sum of one rank is not what it gave");
    }
    bool on_device = device == "cpu";
    for (const std::string& notice : backend->take_notices()) {
        std::printf("%s\n", notice.c_str());
        on_device = on_device || notice.starts_with("gradients are summed on the GPUs, by NCCL");
    }
    return on_device;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: gpu_ranks DEVICE\n");
        return 2;
    }
    try {
        if (sums(argv[1])) return 0;
        std::printf("SKIPPED: the sum went through the host\n");
        return 77;
    } catch (const std::exception& e) {
        std::fprintf(stderr, "gpu_ranks: %s\n", e.what());
        return 1;
    }
}
