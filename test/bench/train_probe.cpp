// For train_models.py: train_probe SPEC.json BATCH MARKERS THREADS SECONDS wall|cpu. Trains on random windows
// and prints the seconds of each step after the first, one a line.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "nn/network.hpp"

using namespace regkit;

namespace {

std::uint32_t next_random(std::uint64_t& state) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::uint32_t>(state >> 33);
}

// Of the whole process where `cpu`.
double now(bool cpu) {
    if (cpu) return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Two of a hundred positions are positive, in runs of up to 400.
void random_labels(std::int64_t batch, std::int64_t outputs, int markers, std::vector<LabelRun>& runs,
                   std::vector<std::int64_t>& offsets) {
    std::uint64_t state = 2;
    const auto longest = static_cast<std::uint32_t>(std::min<std::int64_t>(outputs, 400));
    const std::uint32_t gap = 50 * longest;
    for (std::int64_t s = 0; s < batch; ++s) {
        for (std::int32_t m = 0; m < markers; ++m)
            for (std::int64_t at = next_random(state) % gap; at < outputs;
                 at += 1 + next_random(state) % gap) {
                const std::int64_t end =
                    std::min<std::int64_t>(outputs, at + 1 + next_random(state) % longest);
                runs.push_back({m, static_cast<std::int32_t>(at), static_cast<std::int32_t>(end)});
                at = end;
            }
        offsets.push_back(static_cast<std::int64_t>(runs.size()));
    }
}

void bench(const Spec& spec, std::int64_t batch, int markers, int threads, double seconds, bool cpu) {
    const auto backend = make_backend({"cpu", threads, ""}).backend;
    Network network(spec, markers, *backend);
    network.initialise(1, std::vector<double>(static_cast<std::size_t>(markers), 0.02));
    std::vector<std::uint8_t> codes;
    std::uint64_t state = 1;
    for (std::int64_t i = 0; i < batch * spec.window; ++i)
        codes.push_back(static_cast<std::uint8_t>(1 + next_random(state) % 4));
    std::vector<LabelRun> runs;
    std::vector<std::int64_t> offsets{0};
    random_labels(batch, network.summary().outputs, markers, runs, offsets);
    const Codes windows{codes.data(), batch, spec.window};
    const double begin = now(false);
    for (std::int64_t step = 0; step < 3 || now(false) - begin < seconds; ++step) {
        const double start = now(cpu);
        TrainStep how;
        how.seed = 1;
        how.step = static_cast<std::uint64_t>(step);
        AdamStep adam;
        adam.step = step + 1;
        if (!network.train(windows, {runs.data(), offsets.data()}, how, adam).finite()) std::exit(1);
        if (step >= 1) std::printf("%.6f\n", now(cpu) - start);
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 7) {
        std::fprintf(stderr, "usage: train_probe SPEC.json BATCH MARKERS THREADS SECONDS wall|cpu\n");
        return 2;
    }
    try {
        std::ifstream file(argv[1]);
        const std::string text{std::istreambuf_iterator<char>(file), {}};
        bench(parse_spec(text, argv[1]), std::atoll(argv[2]), std::atoi(argv[3]), std::atoi(argv[4]),
              std::atof(argv[5]), std::string(argv[6]) == "cpu");
    } catch (const std::exception& e) {
        std::fprintf(stderr, "train_probe: %s\n", e.what());
        return 1;
    }
}
