// The core as a library: the strongest position of every marker in one sequence.
//   predict MODEL.safetensors ACGT...
#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include "app/model/model.hpp"
#include "app/model/predictor.hpp"
#include "base/log.hpp"
#include "io/fasta/fasta.hpp"
#include "kernels/backend.hpp"
#include "kernels/base/error.hpp"

// The library prints nothing: what it warns of goes where its caller says.
class Words : public regkit::Log {
    void write(regkit::LogLevel, const std::string& text) override {
        std::cerr << "predict: " << text << '\n';
    }
};

int main(int argc, char** argv) {
    if (argc != 3) {
        std::cerr << "Usage: predict MODEL.safetensors SEQUENCE\n";
        return 2;
    }
    try {
        Words log;
        const regkit::Model model = regkit::load_model(argv[1], log);
        std::vector<std::uint8_t> sequence;
        for (const char base : std::string(argv[2])) sequence.push_back(regkit::encode_base(base));
        const auto length = static_cast<std::int64_t>(sequence.size());
        for (const std::uint8_t code : sequence)
            regkit::require(code < regkit::kSymbols, regkit::ErrorKind::input, "a letter is no base");

        const regkit::BackendChoice choice = regkit::make_backend({.device = "cpu", .workers = 0, .isa = ""});
        regkit::Predictor predictor(model, *choice.backend, {});
        std::vector<float> best(model.markers.size(), -1);
        std::vector<std::int64_t> where(model.markers.size());
        const auto fetch = [&](std::int64_t begin, std::int64_t end, std::span<std::uint8_t> codes) {
            std::copy(sequence.begin() + begin, sequence.begin() + end, codes.begin());
        };
        predictor.predict(length, 0, length, fetch,
                          [&](std::int64_t begin, std::int64_t end, std::span<const std::uint8_t>,
                              std::span<const float> values) {
                              const auto width = static_cast<std::size_t>(end - begin);
                              for (std::size_t m = 0; m < best.size(); ++m)
                                  for (std::size_t p = 0; p < width; ++p)
                                      if (values[m * width + p] > best[m]) {
                                          best[m] = values[m * width + p];
                                          where[m] = begin + static_cast<std::int64_t>(p);
                                      }
                          });
        for (std::size_t m = 0; m < best.size(); ++m)
            std::cout << model.markers[m].name << '\t' << where[m] << '\t' << best[m] << '\n';
    } catch (const regkit::Error& error) {
        std::cerr << "predict: " << error.what() << '\n';
        return static_cast<int>(error.kind());
    }
}
