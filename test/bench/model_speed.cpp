// Our side of the comparisons of models in this folder (peer_torch.py is the other):
//   model_speed train|infer|call SPEC.json BATCH MARKERS THREADS SECONDS wall|cpu [DEVICE PRECISION]
// Trains on random windows, or predicts their probabilities or the runs above a cutoff, and prints the
// seconds of each step after the first, one a line; then "rss" and the largest resident memory in MiB.
// Several of these apart by commas are done one after another, a line with its word before each.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <sstream>
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

struct Run {
    std::int64_t batch = 0;
    int markers = 0, threads = 0;
    double seconds = 0;
    bool cpu = false;  // processor time, not wall time
    std::string device = "cpu";
    Precision precision = Precision::f32;
};

template <typename Step>
void repeat(const Run& run, const Step& step) {
    const double begin = now(false);
    for (std::int64_t i = 0; i < 3 || now(false) - begin < run.seconds; ++i) {
        const double start = now(run.cpu);
        step(i);
        if (i >= 1) std::printf("%.6f\n", now(run.cpu) - start);
    }
}

void bench(const Spec& spec, const std::string& mode, const Run& run) {
    const auto backend = make_backend({run.device, run.threads, "", run.precision}).backend;
    Network network(spec, run.markers, *backend);
    network.initialise(1, std::vector<double>(static_cast<std::size_t>(run.markers), 0.02));
    std::vector<std::uint8_t> codes;
    std::uint64_t state = 1;
    for (std::int64_t i = 0; i < run.batch * spec.window; ++i)
        codes.push_back(static_cast<std::uint8_t>(1 + next_random(state) % 4));
    const Codes windows{codes.data(), run.batch, spec.window};
    if (mode == "call") {
        CalledRuns calls;
        const std::vector<float> cutoffs(static_cast<std::size_t>(run.markers), 0.5f);
        repeat(run, [&](std::int64_t) {
            network.infer_runs(windows, 0, spec.window, TailOutput::probabilities, cutoffs, calls);
        });
        return;
    }
    if (mode == "infer") {
        std::vector<float> out(static_cast<std::size_t>(run.batch * run.markers * network.summary().outputs));
        repeat(run,
               [&](std::int64_t) { network.infer(windows, 0, spec.window, TailOutput::probabilities, out); });
        return;
    }
    std::vector<LabelRun> runs;
    std::vector<std::int64_t> offsets{0};
    random_labels(run.batch, network.summary().outputs, run.markers, runs, offsets);
    repeat(run, [&](std::int64_t step) {
        TrainStep how;
        how.seed = 1;
        how.step = static_cast<std::uint64_t>(step);
        AdamStep adam;
        adam.step = step + 1;
        if (!network.train(windows, {runs.data(), offsets.data()}, how, adam).finite()) std::exit(1);
    });
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::string> modes;
    std::istringstream words(argc == 8 || argc == 10 ? argv[1] : "");
    for (std::string word; std::getline(words, word, ',');) modes.push_back(word);
    const auto is_mode = [](const std::string& word) {
        return word == "train" || word == "infer" || word == "call";
    };
    if (modes.empty() || !std::ranges::all_of(modes, is_mode)) {
        std::fprintf(stderr,
                     "usage: model_speed train|infer|call SPEC.json BATCH MARKERS THREADS SECONDS wall|cpu "
                     "[DEVICE f32|bf16]\n");
        return 2;
    }
    try {
        std::ifstream file(argv[2]);
        const std::string text{std::istreambuf_iterator<char>(file), {}};
        Run run{std::atoll(argv[3]), std::atoi(argv[4]), std::atoi(argv[5]), std::atof(argv[6]),
                std::string(argv[7]) == "cpu"};
        if (argc == 10) {
            run.device = argv[8];
            run.precision = std::string(argv[9]) == "bf16" ? Precision::bf16 : Precision::f32;
        }
        for (const std::string& mode : modes) {
            if (modes.size() > 1) std::printf("%s\n", mode.c_str());
            bench(parse_spec(text, argv[2]), mode, run);
            std::fflush(stdout);
        }
    } catch (const std::exception& e) {
        std::fprintf(stderr, "model_speed: %s\n", e.what());
        return 1;
    }
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    std::printf("rss %ld\n", usage.ru_maxrss / 1024);
}
