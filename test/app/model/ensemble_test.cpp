// Several models as one: the mean and the spread beside plain formulas in long double, and an ensemble of
// models of different kinds beside its Predictors, in any order of stretches.
#include "app/model/ensemble.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "app/model/model_mean.hpp"
#include "io/fasta/fasta.hpp"
#include "kernels/base/error.hpp"
#include "test/app/model/kinds.hpp"

using namespace regkit;
using namespace regkit::test;

namespace {

using Row = std::vector<float>;

long double sigmoid(long double x) {
    return 1 / (1 + std::exp(-x));
}

long double mean_of(const std::vector<long double>& values) {
    long double sum = 0;
    for (const long double value : values) sum += value;
    return sum / static_cast<long double>(values.size());
}

long double deviation(const std::vector<long double>& values) {
    long double squares = 0;
    for (const long double value : values) squares += (value - mean_of(values)) * (value - mean_of(values));
    return std::sqrt(squares / static_cast<long double>(values.size() - 1));
}

bool near(float value, long double expected, long double tolerance = 1e-6L) {
    return std::fabs(static_cast<long double>(value) - expected) <=
           tolerance * std::max(1.0L, std::fabs(expected));
}

struct Combined {
    Row mean, spread;
};

Combined combined(const std::vector<Row>& models) {
    const std::vector<std::span<const float>> rows(models.begin(), models.end());
    Combined made{Row(models.front().size()), Row(models.front().size())};
    mean_of_models(rows, made.mean, made.spread);
    Row alone(made.mean.size());
    mean_of_models(rows, alone, {});
    CHECK(alone == made.mean);
    return made;
}

Combined combined_logits(const std::vector<Row>& models, Task task) {
    const std::vector<std::span<const float>> rows(models.begin(), models.end());
    Combined made{Row(models.front().size()), Row(models.front().size())};
    mean_of_model_logits(rows, task, made.mean, made.spread);
    return made;
}

const Kind& kind(const std::string& name) {
    return *std::ranges::find_if(kinds(), [&](const Kind& one) { return one.name == name; });
}

struct Run {
    std::vector<Row> rows;
    std::vector<std::uint8_t> codes;
};

// `unit` bases at a time; positions before `lead` are N.
template <typename Predict>
Run run(const std::vector<std::uint8_t>& contig, std::int64_t begin, std::int64_t unit, int rows,
        const Predict& predict) {
    Run made{std::vector<Row>(static_cast<std::size_t>(rows)), {}};
    const auto length = std::ssize(contig);
    const FetchCodes fetch = [&](std::int64_t from, std::int64_t to, std::span<std::uint8_t> codes) {
        REQUIRE((from >= 0 && to <= length && std::ssize(codes) == to - from));
        std::copy(contig.begin() + from, contig.begin() + to, codes.begin());
    };
    const TileSink sink = [&](std::int64_t, std::int64_t, auto codes, std::span<const float> values) {
        const auto cells = std::ssize(values) / rows;
        for (std::int64_t r = 0; r < rows; ++r)
            made.rows[static_cast<std::size_t>(r)].insert(made.rows[static_cast<std::size_t>(r)].end(),
                                                          values.begin() + r * cells,
                                                          values.begin() + (r + 1) * cells);
        made.codes.insert(made.codes.end(), codes.begin(), codes.end());
    };
    for (std::int64_t at = begin; at < length;) {
        const std::int64_t stop = std::min(length, (at / unit + 1) * unit);
        predict(length, at, stop, fetch, sink);
        at = stop;
    }
    return made;
}

}  // namespace

TEST_CASE("the mean and the standard deviation of a sample, of values") {
    const std::vector<Row> models{{0.1f, 0.9f, 1e-7f, 1}, {0.3f, 0.8f, 0, 1}, {0.8f, 0.95f, 3e-7f, 0}};
    const Combined made = combined(models);
    for (std::size_t i = 0; i < 4; ++i) {
        const std::vector<long double> here{models[0][i], models[1][i], models[2][i]};
        CHECK(near(made.mean[i], mean_of(here), 1e-7L));
        CHECK(near(made.spread[i], deviation(here), 1e-7L));
    }
    CHECK(made.spread[3] <= 1);
    const Combined equal = combined({{0.1f, 0.7f}, {0.1f, 0.7f}, {0.1f, 0.7f}});
    CHECK((equal.mean == Row{0.1f, 0.7f} && equal.spread == Row{0, 0}));
    Row two(2), one(1);
    const std::vector<std::span<const float>> uneven{two, one}, alone{two};
    CHECK_THROWS_AS(mean_of_models(uneven, two, {}), Error);
    CHECK_THROWS_AS(mean_of_models(alone, two, {}), Error);
}

TEST_CASE("the logit of the mean probability, however far out") {
    const std::vector<Row> models{{-1, 2, -40, 30, 250, -250, 0, 5},
                                  {0.5f, 2.5f, -41, 29, 240, 10, 0, 5},
                                  {3, -7, -38, 33, 245, 3, 0, 5}};
    const Combined made = combined_logits(models, Task::nucleotide);
    for (std::size_t i = 0; i < 8; ++i) {
        std::vector<long double> p, q;
        for (const Row& model : models) {
            p.push_back(sigmoid(model[i]));
            q.push_back(sigmoid(-static_cast<long double>(model[i])));
        }
        CHECK(near(made.mean[i], std::log(mean_of(p) / mean_of(q))));
        CHECK(near(made.spread[i], deviation(p)));
    }
    CHECK((made.mean[6] == 0 && made.mean[7] == 5 && made.spread[7] == 0));
    // where an exponential overflows: 2/3 of exp(-1000) left, or a third of all
    const Combined far = combined_logits({{1000, 1000}, {1000, -1000}, {5000, -2000}}, Task::bin);
    CHECK(near(far.mean[0], 1000 + std::log(1.5L)));
    CHECK(near(far.mean[1], std::log(0.5L)));
    const float none = std::numeric_limits<float>::infinity();
    const Combined odd = combined_logits({{none, 1}, {0, -none}, {0, 1}}, Task::nucleotide);
    CHECK((std::isnan(odd.mean[0]) && std::isnan(odd.mean[1])));
    const Combined coverage = combined_logits({{-3, 2, 80, 4}, {1, 2.5f, 30, 4}}, Task::coverage);
    const auto softplus_of = [](long double x) { return std::log1p(std::exp(x)); };
    CHECK(near(coverage.mean[0], std::log(std::expm1((softplus_of(-3) + softplus_of(1)) / 2))));
    CHECK(near(coverage.mean[2], 55));
    CHECK(near(coverage.spread[1], std::fabs(softplus_of(2.5L) - softplus_of(2)) / std::sqrt(2.0L)));
    CHECK((coverage.mean[3] == 4 && coverage.spread[3] == 0));
}

TEST_CASE("an ensemble of several kinds is the mean of its models, whatever the stretches") {
    const auto backend = make_backend({.device = "cpu", .workers = 2, .isa = ""}).backend;
    ThreadPool pool(2);
    const std::vector<std::pair<std::string, std::string>> pairs{
        {"position-wise bins", "one bin a window"},
        {"LSTM", "more context on the right than on the left"},
        {"coverage", "coverage"}};
    for (const auto& [first, second] : pairs) {
        CAPTURE(first);
        const std::vector<std::uint8_t> contig = random_contig(1603, 3);
        std::vector<Model> models{model_of_kind(kind(first), *backend),
                                  model_of_kind(kind(second), *backend)};
        for (NamedTensor& tensor : models[1].tensors)
            if (tensor.name.ends_with("bias"))
                for (float& value : tensor.values) value += 0.5f;
        for (const bool logits : {false, true}) {
            const PredictorOptions options{.tile = 300, .logits = logits};
            std::vector<Run> alone;
            for (const Model& model : models) {
                Predictor predictor(model, *backend, options);
                alone.push_back(run(contig, 0, std::ssize(contig), kKindMarkers,
                                    [&](auto... more) { predictor.predict(more...); }));
            }
            for (const bool spread : {false, true}) {
                Ensemble ensemble(models, {"a", "b"}, *backend, {.predictor = options, .spread = spread},
                                  pool);
                REQUIRE(ensemble.rows() == (spread ? 6 : 3));
                CHECK(ensemble.unit() % ensemble.grid() == 0);
                CHECK(ensemble.ahead() % ensemble.grid() == 0);
                const auto predict = [&](std::int64_t length, std::int64_t begin, std::int64_t end,
                                         const FetchCodes& fetch, const TileSink& sink) {
                    ensemble.predict(length, begin, end, 0, fetch, sink);
                };
                const Run whole = run(contig, 0, std::ssize(contig), ensemble.rows(), predict),
                          pieces = run(contig, 0, ensemble.unit(), ensemble.rows(), predict);
                CHECK((whole.rows == pieces.rows && whole.codes == contig));
                for (std::size_t m = 0; m < kKindMarkers; ++m) {
                    const std::vector<Row> rows{alone[0].rows[m], alone[1].rows[m]};
                    const Combined expected =
                        logits ? combined_logits(rows, models[0].spec.task) : combined(rows);
                    CHECK(whole.rows[m] == expected.mean);
                    if (spread) CHECK(whole.rows[m + kKindMarkers] == expected.spread);
                }
            }
        }
    }
}

TEST_CASE("positions before a record's first base are each model's own to leave out") {
    const auto backend = make_backend({.device = "cpu", .workers = 1, .isa = ""}).backend;
    ThreadPool pool(1);
    std::vector<std::uint8_t> contig = random_contig(500, 5);
    const std::int64_t lead = 83;  // behind whole strides of one model, in the first window of the other
    std::fill_n(contig.begin(), lead, kCodeN);
    std::vector<Model> models{model_of_kind(kind("LSTM"), *backend),
                              model_of_kind(kind("more context on the right than on the left"), *backend)};
    std::vector<Row> rows;
    for (const Model& model : models) {
        Predictor predictor(model, *backend, {});
        const std::int64_t skip = lead / predictor.grid() * predictor.grid();
        const std::vector<std::uint8_t> rest(contig.begin() + skip, contig.end());
        rows.push_back(run(rest, lead - skip, std::ssize(rest), kKindMarkers, [&](auto... more) {
                           predictor.predict(more...);
                       }).rows.front());
    }
    Ensemble ensemble(models, {"a", "b"}, *backend, {}, pool);
    REQUIRE(ensemble.grid() == 100);
    const Run made =
        run(contig, lead, 500, kKindMarkers,
            [&](std::int64_t length, std::int64_t begin, std::int64_t end, const FetchCodes& fetch,
                const TileSink& sink) { ensemble.predict(length, begin, end, lead, fetch, sink); });
    CHECK(made.rows.front() == combined(rows).mean);
}

TEST_CASE("outputs of different lengths have no mean") {
    const auto backend = make_backend({.device = "cpu", .workers = 1, .isa = ""}).backend;
    ThreadPool pool(1);
    const auto refusal = [&](const char* first, const char* second) {
        try {
            Ensemble({model_of_kind(kind(first), *backend), model_of_kind(kind(second), *backend)},
                     {"a.st", "b.st"}, *backend, {}, pool);
        } catch (const Error& error) {
            CHECK(error.kind() == ErrorKind::mismatch);
            return std::string(error.what());
        }
        return std::string();
    };
    CHECK(refusal("position-wise bins", "LSTM of bins")
              .starts_with("b.st: an output stands for 5 bases, of a.st for 16"));
    CHECK(refusal("position-wise bins", "one bin a window").empty());
    CHECK(models_text({"a.st"}) == "a.st");
    CHECK(models_text({"a.st", "b.st"}) == "the mean of 2 models");
}
