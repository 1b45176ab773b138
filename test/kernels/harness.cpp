#include "test/kernels/harness.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>

#include "kernels/base/error.hpp"
#include "kernels/cpu/cpu_backend.hpp"
#include "kernels/reference/reference_backend.hpp"

namespace regkit::test {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kBf16Tolerance = 2e-2;
constexpr double kTurnedTolerance = 0.1;  // of the mean, where ReLUs turn; for the products: bf16_test.cpp

// Every instruction set of the CPU back end, and the best one with workers, which must not change a bit. What
// workers do is not compiled for each set; in the long form they are tried with all.
void add_cpu(std::vector<BackendUnderTest>& table, Precision precision) {
    const std::vector<std::string> isas = cpu_isas(precision);
    for (const std::string& isa : isas)
        for (const int workers : {1, 3}) {
            if (workers > 1 && isa != isas.front() && !long_form()) continue;
            const std::string label = "cpu " + isa + " " + precision_name(precision) + ", workers ";
            table.push_back({label + std::to_string(workers),
                             [=] {
                                 BackendOptions options;
                                 options.device = "cpu";
                                 options.isa = isa;
                                 options.workers = workers;
                                 options.precision = precision;
                                 return make_backend(options).backend;
                             },
                             precision == Precision::f32 ? 1e-5 : kBf16Tolerance,
                             workers == 1 ? "" : label + "1"});
        }
}

}  // namespace

bool long_form() {
    static const bool is_set = std::getenv("REGKIT_SLOW") != nullptr;
    return is_set;
}

// A new back end is one more line here.
const std::vector<BackendUnderTest>& backends_under_test() {
    static const std::vector<BackendUnderTest> table = [] {
        std::vector<BackendUnderTest> rows;
        add_cpu(rows, Precision::f32);
        add_cpu(rows, Precision::bf16);
        add_cuda(rows);
        // REGKIT_TEST_BACKENDS=avx512: the rows with this in their label.
        if (const char* const wanted = std::getenv("REGKIT_TEST_BACKENDS")) {
            std::erase_if(rows, [&](const auto& row) { return row.label.find(wanted) == std::string::npos; });
            require(!rows.empty(), ErrorKind::usage, std::string("REGKIT_TEST_BACKENDS: none is ") + wanted);
        }
        return rows;
    }();
    return table;
}

Values random_values(std::int64_t count, std::uint32_t seed, double low, double high) {
    Values values;
    for (std::int64_t i = 0; i < count; ++i) {
        const std::uint32_t bits = philox4x32(static_cast<std::uint32_t>(i), seed, 0, 0, 17, 42).word[0];
        values.push_back(static_cast<float>(low + (high - low) * (bits >> 8) / 16777216.0));
    }
    return values;
}

// ---- Run
// --------------------------------------------------------------------------------------------------------
Buffer& Run::buffer(const Shape& shape, Halo halo) {
    const Shape larger{shape.batch + 1, shape.channels, shape.length + 37};
    buffers_.push_back(backend_.alloc(larger, halo));
    backend_.write(buffers_.back().view(), Values(static_cast<std::size_t>(larger.size()), kNaN));
    return buffers_.back();
}

View Run::input(const Shape& shape, const Values& values, Halo halo) {
    const View view = buffer(shape, halo).view(shape.batch, shape.length);
    backend_.write(view, values);
    return view;
}

View Run::random(const Shape& shape, std::uint32_t seed, Halo halo) {
    return input(shape, random_values(shape.size(), seed), halo);
}

View Run::output(const Shape& shape, Halo halo) {
    return buffer(shape, halo).view(shape.batch, shape.length);
}

Slice Run::flat(const Values& values) {
    constexpr std::int64_t kMargin = 5;  // NaN on both sides, and an offset that is no multiple of a vector
    const auto count = static_cast<std::int64_t>(values.size());
    buffers_.push_back(backend_.alloc_flat(count + 2 * kMargin));
    backend_.fill(buffers_.back().slice(), std::numeric_limits<float>::quiet_NaN());
    const Slice slice = buffers_.back().slice(kMargin, count);
    backend_.write(slice, values);
    return slice;
}

Slice Run::random_flat(std::int64_t count, std::uint32_t seed, double low, double high) {
    return flat(random_values(count, seed, low, high));
}

Slice Run::output_flat(std::int64_t count) {
    return flat(Values(static_cast<std::size_t>(count), kNaN));
}

Slice Run::zeros(std::int64_t count) {
    return flat(Values(static_cast<std::size_t>(count), 0.0));
}

Values Run::read(const View& view) {
    Values values(static_cast<std::size_t>(view.shape.size()));
    backend_.read(view, values);
    return values;
}

Values Run::read(const Slice& slice) {
    Values values(static_cast<std::size_t>(slice.count));
    backend_.read(slice, values);
    return values;
}

void Run::keep(const std::string& name, const View& view) {
    keep(name, read(view));
    // A convolution of width 1 whose padding is the whole halo writes the halo's sum over channels beside the
    // row.
    const auto left = static_cast<int>(view.halo.left), right = static_cast<int>(view.halo.right);
    const Shape& s = view.shape;
    const View probe = output({s.batch, 1, s.length + left + right}, {});
    backend_(Conv{.x = view,
                  .weight = flat(Values(static_cast<std::size_t>(s.channels), 1.0)),
                  .geometry = {1, 1, 1, left, right},
                  .y = probe});
    const Values row = read(probe);
    std::int64_t wrong = 0;
    for (std::int64_t n = 0; n < s.batch; ++n)
        for (std::int64_t p = 0; p < probe.shape.length; ++p)
            if ((p < left || p >= left + s.length) &&
                !(row[static_cast<std::size_t>(n * probe.shape.length + p)] == 0))
                ++wrong;
    INFO(name << ": values in the halo that are not zero");
    CHECK(wrong == 0);
}

void Run::keep(const std::string& name, const Slice& slice) {
    keep(name, read(slice));
}

void Run::keep(const std::string& name, const Values& values) {
    results_.push_back({name, values});
}

// ---- comparisons
// ------------------------------------------------------------------------------------------------
void check_close(const std::string& what, const Values& got, const Values& expected, double tolerance) {
    INFO(what);
    REQUIRE(got.size() == expected.size());
    double largest = 0;
    for (const double value : expected) largest = std::fmax(largest, std::fabs(value));
    std::size_t worst = 0;
    double worst_difference = -1;
    // One assertion for all: doctest's are slow beside the comparison of a value.
    REQUIRE(std::all_of(expected.begin(), expected.end(), [](double value) { return std::isfinite(value); }));
    for (std::size_t i = 0; i < got.size(); ++i) {
        const double difference = std::fabs(got[i] - expected[i]);
        if (!(difference <= worst_difference)) {  // so that NaN is the worst
            worst = i;
            worst_difference = difference;
            if (std::isnan(difference)) break;
        }
    }
    if (got.empty()) return;
    INFO("element " << worst << " of " << got.size() << ": " << got[worst] << ", expected "
                    << expected[worst]);
    CHECK(worst_difference <= tolerance * largest);
}

namespace {

// The mean of the differences, relative to that of what is expected.
void check_mean(const std::string& what, const Values& got, const Values& expected, double tolerance) {
    INFO(what);
    REQUIRE(got.size() == expected.size());
    double difference = 0, size = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
        difference += std::fabs(got[i] - expected[i]);
        size += std::fabs(expected[i]);
    }
    CHECK(difference <= tolerance * size);
}

}  // namespace

void run_everywhere(const std::string& what, const Body& body, bool exact, bool large) {
    CAPTURE(what);
    const auto reference = make_reference_backend();
    Run expected(*reference);
    body(expected);
    REQUIRE(!expected.results().empty());
    std::map<std::string, std::vector<Result>> earlier;
    for (const BackendUnderTest& row : backends_under_test()) {
        if (large && row.label.starts_with("emulator") && !row.same_bits.empty()) continue;
        CAPTURE(row.label);
        const auto backend = row.make();
        Run got(*backend);
        body(got);
        REQUIRE(got.results().size() == expected.results().size());
        for (std::size_t i = 0; i < got.results().size(); ++i) {
            const Result& result = got.results()[i];
            const Values& values = expected.results()[i].values;
            if (in_bf16(*backend) && got.through_relu)
                check_mean(result.name, result.values, values, kTurnedTolerance);
            else
                check_close(result.name, result.values, values, exact ? 0 : row.tolerance);
            if (row.same_bits.empty()) continue;
            INFO(result.name << " differs from " << row.same_bits);
            CHECK(result.values == earlier[row.same_bits][i].values);
        }
        earlier[row.label] = got.results();
    }
}

bool in_bf16(const Backend& backend) {
    return std::string(backend.description()).ends_with(" bf16");
}

void check_same(Run& run, const std::string& what, const Values& got, const Values& expected,
                double tolerance) {
    if (!in_bf16(run.backend())) return check_close(what, got, expected, tolerance);
    if (run.through_relu) return check_mean(what, got, expected, kTurnedTolerance);
    double largest = 0;
    for (const double value : expected) largest = std::fmax(largest, std::fabs(value));
    // Sums of products of numbers up to 1 may all but cancel.
    check_close(what, got, expected, largest > 0 ? kBf16Tolerance * std::fmax(1, 1 / largest) : 0);
}

void for_each_backend(const std::function<void(Backend&, double)>& body) {
    for (const BackendUnderTest& row : backends_under_test()) {
        CAPTURE(row.label);
        const auto backend = row.make();
        body(*backend, row.tolerance);
    }
}

void check_gradient(const std::string& what, const std::vector<Values>& inputs, const Forward& forward,
                    const Gradient& gradient) {
    CAPTURE(what);
    const auto reference = make_reference_backend();
    const auto evaluate = [&](const std::vector<Values>& at) {
        Run run(*reference);
        return forward(run, at);
    };
    const Values d_outputs = random_values(static_cast<std::int64_t>(evaluate(inputs).size()), 99);
    const auto objective = [&](const std::vector<Values>& at) {
        const Values outputs = evaluate(at);
        double sum = 0;
        for (std::size_t i = 0; i < outputs.size(); ++i) sum += outputs[i] * d_outputs[i];
        return sum;
    };
    Run run(*reference);
    const std::vector<Values> analytic = gradient(run, inputs, d_outputs);
    REQUIRE(analytic.size() == inputs.size());
    for (std::size_t k = 0; k < inputs.size(); ++k) {
        constexpr double kStep = 1e-5;
        // The short form takes a sample that reaches every dimension: its stride has no factor of theirs. So
        // do the sanitizers, which look at what is read and written, not at values.
        constexpr std::size_t kSample = 40, kPrime = 7919;
        const std::size_t count = inputs[k].size();
        const std::size_t sample = long_form() && !kSanitized ? count : std::min(count, kSample);
        Values numeric, sampled;
        for (std::size_t j = 0; j < sample; ++j) {
            const std::size_t i = sample == count ? j : (j * kPrime + k) % count;
            auto moved = inputs;
            moved[k][i] = inputs[k][i] + kStep;
            const double above = objective(moved);
            moved[k][i] = inputs[k][i] - kStep;
            numeric.push_back((above - objective(moved)) / (2 * kStep));
            sampled.push_back(analytic[k][i]);
        }
        REQUIRE(analytic[k].size() == count);
        // Differences come from sums of the whole size: the tolerance is of the largest gradient, sampled or
        // not.
        double largest = 0, among = 0;
        for (const double value : analytic[k]) largest = std::fmax(largest, std::fabs(value));
        for (const double value : numeric) among = std::fmax(among, std::fabs(value));
        check_close("gradient of input " + std::to_string(k), sampled, numeric,
                    among > 0 ? 1e-6 * largest / among : 1e-6);
    }
}

}  // namespace regkit::test
