// A stretch is predicted by one model after the other, each on its own tiles, into an array of its own; then
// the mean is formed, marker by marker. Grids meet at their least common multiple, where a stream may be cut.
#include "app/model/ensemble.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "app/model/model_mean.hpp"
#include "base/text.hpp"
#include "kernels/base/arithmetic.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kMostGrid = 1'000'000'000;  // bases

KnotMaps knots_of(const Model& model, const Ensemble::Options& options) {
    return options.calibrated ? KnotMaps(model.calls) : KnotMaps();
}

}  // namespace

std::string models_text(const std::vector<std::string>& paths) {
    return paths.size() == 1 ? paths.front() : "the mean of " + counted(std::ssize(paths), "model");
}

Ensemble::Ensemble(std::vector<Model> models, const std::vector<std::string>& paths, Backend& backend,
                   const Options& options, ThreadPool& pool)
    : pool_(pool),
      task_(models.front().spec.task),
      logits_(options.predictor.logits),
      spread_(options.spread && models.size() > 1) {
    for (Model& model : models) {
        if (options.calibrated) model = calibrated(std::move(model));
        KnotMaps knots = models.size() > 1 ? knots_of(model, options) : KnotMaps();
        members_.push_back({Predictor(std::move(model), backend, options.predictor), std::move(knots), {}});
        const Predictor& made = members_.back().predictor;
        const std::string& path = nth(paths, std::ssize(members_) - 1);
        require(made.resolution() == resolution(), ErrorKind::mismatch,
                path + ": an output stands for " + counted(made.resolution(), "base") + ", of " +
                    paths.front() + " for " + std::to_string(resolution()) + "; there is no mean of the two");
        grid_ = std::lcm(grid_, made.grid());
        require(grid_ <= kMostGrid, ErrorKind::mismatch,
                path + ": its windows and those of the models before it meet only every " +
                    std::to_string(grid_) + " bases; choose models of the same window");
    }
    tile_ = round_up(options.predictor.tile, grid_ <= options.predictor.tile ? grid_ : resolution());
}

std::int64_t Ensemble::unit() const {
    return is_one() ? members_.front().predictor.unit() : round_up(tile_, grid_);
}

std::int64_t Ensemble::behind() const {
    std::int64_t most = 0;
    for (const Member& member : members_) most = std::max(most, member.predictor.behind());
    return most;
}

// What is known ends on everybody's grid, too.
std::int64_t Ensemble::ahead() const {
    if (is_one()) return members_.front().predictor.ahead();
    std::int64_t most = 0;
    for (const Member& member : members_) most = std::max(most, member.predictor.ahead());
    return round_up(most, grid_);
}

void Ensemble::predict(std::int64_t length, std::int64_t begin, std::int64_t end, std::int64_t lead,
                       const FetchCodes& fetch, const TileSink& sink) {
    if (is_one()) return members_.front().predictor.predict(length, begin, end, fetch, sink);
    while (begin < end) {
        const std::int64_t stop = std::min(end, (begin / tile_ + 1) * tile_);
        codes_.resize(static_cast<std::size_t>(stop - begin));
        for (Member& member : members_) predict_member(member, length, begin, stop, lead, fetch);
        form_mean((stop - begin + resolution() - 1) / resolution());
        sink(begin, stop, codes_, values_);
        begin = stop;
    }
}

void Ensemble::predict_member(Member& member, std::int64_t length, std::int64_t begin, std::int64_t end,
                              std::int64_t lead, const FetchCodes& fetch) {
    Predictor& predictor = member.predictor;
    const std::int64_t skip = lead / predictor.grid() * predictor.grid();
    const std::int64_t cells = (end - begin + resolution() - 1) / resolution();
    member.values.resize(static_cast<std::size_t>(cells * markers()));
    predictor.predict(
        length - skip, begin - skip, end - skip,
        [&](std::int64_t from, std::int64_t to, std::span<std::uint8_t> codes) {
            fetch(from + skip, to + skip, codes);
        },
        [&](std::int64_t from, std::int64_t, std::span<const std::uint8_t> codes,
            std::span<const float> values) {
            const std::int64_t at = from + skip - begin, row = std::ssize(values) / markers();
            std::copy(codes.begin(), codes.end(), codes_.begin() + at);
            for (std::int64_t m = 0; m < markers(); ++m)
                std::copy_n(values.data() + m * row, row,
                            member.values.data() + m * cells + at / resolution());
        });
}

void Ensemble::form_mean(std::int64_t cells) {
    values_.resize(static_cast<std::size_t>(cells * rows()));
    const auto row_of = [cells](auto& values, std::int64_t row) {
        return std::span(values).subspan(static_cast<std::size_t>(row * cells),
                                         static_cast<std::size_t>(cells));
    };
    pool_.run(markers(), [&](std::int64_t m, int) {
        std::vector<std::span<const float>> models;
        for (Member& member : members_) {
            const std::span<float> row = row_of(member.values, m);
            if (logits_)
                member.knots.apply_logits(static_cast<int>(m), row);
            else
                member.knots.apply(static_cast<int>(m), row);
            models.push_back(row);
        }
        const std::span<float> mean = row_of(values_, m),
                               spread = spread_ ? row_of(values_, markers() + m) : std::span<float>();
        if (logits_)
            mean_of_model_logits(models, task_, mean, spread);
        else
            mean_of_models(models, mean, spread);
    });
}

void Ensemble::predict_called(std::int64_t length, std::int64_t begin, std::int64_t end, std::int64_t lead,
                              std::span<const float> cutoffs, const FetchCodes& fetch,
                              const CalledSink& sink) {
    if (is_one()) return members_.front().predictor.predict_called(length, begin, end, cutoffs, fetch, sink);
    require(std::ssize(cutoffs) == markers(), ErrorKind::usage, "predict_called: one cutoff a marker");
    predict(length, begin, end, lead, fetch,
            [&](std::int64_t from, std::int64_t to, std::span<const std::uint8_t> codes,
                std::span<const float> values) {
                const std::size_t cells = values.size() / static_cast<std::size_t>(rows());
                called_.clear();
                for (int m = 0; m < markers(); ++m)
                    called_.append_row(0, m, values.subspan(static_cast<std::size_t>(m) * cells, cells),
                                       nth(cutoffs, m));
                sink(from, to, codes, called_);
            });
}

}  // namespace regkit
