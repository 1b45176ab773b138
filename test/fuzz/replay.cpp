// Gives every target the inputs of its corpus, and each of these some times more with a few bytes changed,
// cut out, repeated or taken from another. No search for new code as libFuzzer has it (make fuzz): the short
// form for `make check` and `make asan`, built with what these build anyway.
//   replay CORPUS_FOLDER CHANGES
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/splitmix.hpp"
#include "test/fuzz/fuzz.hpp"

#define TARGET(name) void fuzz_one_##name(std::string_view input);
#include "fuzz_targets.inc"
#undef TARGET

namespace {

struct Named {
    const char* name;
    Target target;
};
constexpr Named kTargets[] = {
#define TARGET(name) {#name, fuzz_one_##name},
#include "fuzz_targets.inc"
#undef TARGET
};

std::vector<std::string> inputs_of(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    std::vector<std::string> inputs;
    for (const std::filesystem::path& file : files) {
        std::ifstream in(file, std::ios::binary);
        inputs.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    }
    return inputs;
}

class Changer {
  public:
    explicit Changer(std::uint64_t seed) : random_(seed) {}

    std::string change(std::string text, const std::vector<std::string>& others) {
        for (std::size_t times = 1 + below(4); times > 0; --times) once(text, others[below(others.size())]);
        return text;
    }

  private:
    std::size_t below(std::size_t n) {
        const std::uint64_t value = regkit::splitmix(random_);
        random_ += regkit::kSplitMixStep;
        return value % n;
    }

    void once(std::string& text, const std::string& other) {
        static const std::string kTelling("\0\xff\n\t\r -.,:@0129AN>#^;=", 22);
        const std::size_t at = below(text.size() + 1),
                          length = below(std::min<std::size_t>(text.size() - at, 40) + 1);
        switch (below(6)) {
            case 0:
                if (at < text.size()) text[at] = static_cast<char>(below(256));
                return;
            case 1:
                text.insert(at, 1, kTelling[below(kTelling.size())]);
                return;
            case 2:
                text.erase(at, length);
                return;
            case 3:
                text.insert(at, text.substr(at, length));
                return;
            case 4:
                text.resize(at);
                return;
            default:
                const std::size_t from = below(other.size() + 1);
                text.insert(at, other, from, below(60));
        }
    }

    std::uint64_t random_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return std::fputs("replay CORPUS_FOLDER CHANGES\n", stderr), 2;
    const std::filesystem::path corpus = argv[1];
    const int changes = std::atoi(argv[2]);
    for (const Named& named : kTargets) {
        const std::vector<std::string> inputs = inputs_of(corpus / named.name);
        expect(!inputs.empty(), named.name);
        Changer changer(1);
        long tried = 0, read = 0;
        for (const std::string& input : inputs) {
            std::string now = input;
            for (int i = 0; i <= changes; ++i) {
                put("tried", now);  // what a crash leaves behind
                read += try_input(named.target, now);
                ++tried;
                now = changer.change(input, inputs);
            }
        }
        std::fprintf(stderr, "%s: %ld inputs, %ld of them read\n", named.name, tried, read);
        expect(read > 0, "nothing was read");
    }
}
