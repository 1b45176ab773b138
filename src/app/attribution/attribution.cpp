// Rows of a batch are windows of one length: of both strands, and on the ways from baselines as many as there
// are points. What a row gives is folded into the contributions of its bases at once, so that memory is that
// of a piece.
#include "app/attribution/attribution.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "app/attribution/attribution_windows.hpp"
#include "app/attribution/base_shuffle.hpp"
#include "app/model/label_fit.hpp"
#include "base/splitmix.hpp"
#include "io/fasta/fasta.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"
#include "nn/network.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kBases = 4;
constexpr double kBatchBytes = 256 << 20;                    // of all that is held for a batch, about
constexpr double kMarkerBytes = 4 * 8 + 5 * 4 + 4 * 4;       // of sums, gradients and contributions, a base
constexpr std::int64_t kMostBases = 50'000;                  // of a batch
constexpr double kRounding = 0x1p-21;                        // of a logit
constexpr std::int64_t kFirstSteps = 16, kMostSteps = 1296;  // thrice as many each time

// A window of one strand, and the weights of its outputs.
struct Strand {
    std::int64_t begin = 0;  // the contig's base of its first code, or on the other strand of its last one
    bool reverse = false;
    std::vector<std::uint8_t> codes;
    std::vector<float> weights;

    std::int64_t base_of(std::int64_t i) const { return begin + (reverse ? std::ssize(codes) - 1 - i : i); }
};

// A point on the way from a baseline to a strand; without a baseline the strand itself.
struct Row {
    const Strand* strand = nullptr;
    const std::vector<std::uint8_t>* baseline = nullptr;
    float share = 1;
};

// Contributions of pieces that overlap, until nothing more comes to a base.
class Overlaps {
  public:
    Overlaps(std::size_t rows, const Attribution::Take& take) : rows_(rows), take_(take) {}

    // `sums` [rows][end - begin]; begins ascend.
    void add(std::int64_t begin, std::int64_t end, std::span<const double> sums) {
        pass_on(begin);
        for (std::vector<float>& row : rows_)
            row.resize(std::max(row.size(), static_cast<std::size_t>(end - begin_)));
        const auto length = static_cast<std::size_t>(end - begin),
                   skip = static_cast<std::size_t>(begin - begin_);
        for (std::size_t r = 0; r < rows_.size(); ++r)
            for (std::size_t i = 0; i < length; ++i)
                rows_[r][skip + i] += static_cast<float>(sums[r * length + i]);
    }
    void finish() { pass_on(begin_ + std::ssize(rows_.front())); }

  private:
    void pass_on(std::int64_t until) {
        const std::int64_t end = std::min(until, begin_ + std::ssize(rows_.front()));
        if (begin_ < end) {
            ready_.clear();
            for (std::vector<float>& row : rows_) {
                const auto cut = row.begin() + static_cast<std::ptrdiff_t>(end - begin_);
                ready_.insert(ready_.end(), row.begin(), cut);
                row.erase(row.begin(), cut);
            }
            take_(begin_, end, ready_);
        }
        begin_ = std::max(begin_, until);
    }

    std::vector<std::vector<float>> rows_;  // from base `begin_` on
    const Attribution::Take& take_;
    std::int64_t begin_ = 0;
    std::vector<float> ready_;
};

}  // namespace

double Completeness::off() const {
    const double error = std::fabs(sum - difference);
    return error <= rounding ? 0 : (error - rounding) / std::fabs(difference);
}

void Completeness::add(const Completeness& other, double factor) {
    sum += factor * other.sum;
    difference += factor * other.difference;
    rounding += factor * other.rounding;
}

struct Attribution::Impl {
    Impl(Model model, Backend& backend, FetchReference fetch_reference, const AttributionOptions& how)
        : options(how),
          fetch(std::move(fetch_reference)),
          network(model.spec, static_cast<int>(model.markers.size()), backend),
          most(most_bases()),
          windows(model.spec, network.summary(), output_layout(model, network.summary()),
                  {how.all_phases, how.rc_average, most}) {
        for (const Marker& marker : model.markers) names.push_back(marker.name);
        network.load(std::move(model.tensors));
        network.only_predict();
    }

    std::int64_t most_bases() const {
        const double each = network.gradient_bytes_per_base() + kMarkerBytes * network.markers();
        return static_cast<std::int64_t>(
            std::clamp(kBatchBytes / each, 1.0, static_cast<double>(kMostBases)));
    }

    // What a piece gives goes into `sums`; of integrated gradients, what it should sum up to is added.
    void attribute(const AttributionTarget& target, const AttributedPiece& piece,
                   std::span<const int> markers, std::vector<Completeness>& complete);
    std::vector<Strand> strands(const AttributionTarget& target, const AttributedPiece& piece) const;
    void integrate(int contig, const AttributedPiece& piece, const std::vector<Strand>& strands,
                   std::span<const int> markers, std::vector<Completeness>& complete);
    std::vector<std::uint8_t> baseline(int contig, const Strand& strand, std::int64_t number) const;
    void add(const AttributedPiece& piece, std::span<const Row> rows, std::span<const int> markers);
    void add_batch(const AttributedPiece& piece, std::span<const Row> rows, std::span<const int> markers);
    void fold(const AttributedPiece& piece, const Row& row, std::size_t marker,
              std::span<const float> gradient);
    void add_outputs(const Strand& strand, std::span<const std::uint8_t> sequence,
                     std::span<const int> markers, double factor, std::vector<Completeness>& to);
    double sum_of_present(std::size_t marker) const;
    void scale(double factor) {
        for (double& sum : sums) sum *= factor;
    }

    AttributionOptions options;
    FetchReference fetch;
    Network network;
    std::int64_t most;
    AttributionWindows windows;
    std::vector<std::string> names;
    // Of a piece: [marker][A, C, G, T][base], and the codes of its bases.
    std::vector<double> sums;
    std::vector<std::uint8_t> present;
    // Reused from batch to batch.
    std::vector<std::uint8_t> codes, from;
    std::vector<float> weights, shares, gradients, logits;
};

std::vector<Strand> Attribution::Impl::strands(const AttributionTarget& target,
                                               const AttributedPiece& piece) const {
    const auto contig = [&](std::int64_t begin, std::int64_t end, std::span<std::uint8_t> bases) {
        fetch(target.contig, begin, end, bases);
    };
    const Haplotype reference{target.contig_length, 0, {}};
    std::vector<Strand> made;
    for (const AttributedWindow& window : piece.windows)
        for (const bool reverse : {false, true}) {
            if (reverse && !options.rc_average) continue;
            Strand& strand = made.emplace_back();
            strand.begin = window.begin + (reverse ? windows.reverse_shift() : 0);
            strand.reverse = reverse;
            strand.codes.resize(static_cast<std::size_t>(window.length));
            reference.codes(strand.begin, contig, strand.codes);
            strand.weights.resize(static_cast<std::size_t>(windows.outputs(window.length)));
            std::fill_n(strand.weights.begin() + window.first, window.count, 1.0f);
            if (!reverse) continue;
            reverse_complement(strand.codes);
            std::ranges::reverse(strand.weights);
        }
    return made;
}

void Attribution::Impl::attribute(const AttributionTarget& target, const AttributedPiece& piece,
                                  std::span<const int> markers, std::vector<Completeness>& complete) {
    const std::int64_t length = piece.end - piece.begin;
    present.resize(static_cast<std::size_t>(length));
    fetch(target.contig, piece.begin, piece.end, present);
    sums.assign(markers.size() * static_cast<std::size_t>(kBases * length), 0.0);
    const std::vector<Strand> both = strands(target, piece);
    if (options.integration) return integrate(target.contig, piece, both, markers, complete);
    std::vector<Row> rows;
    for (const Strand& strand : both) rows.push_back({.strand = &strand});
    add(piece, rows, markers);
    scale(1.0 / static_cast<double>(windows.phases() * (options.rc_average ? 2 : 1)));
}

// Points lie in the middles of steps; with thrice as many, those of before are among them.
void Attribution::Impl::integrate(int contig, const AttributedPiece& piece, const std::vector<Strand>& both,
                                  std::span<const int> markers, std::vector<Completeness>& complete) {
    const IntegrationOptions& how = *options.integration;
    const std::int64_t baselines = std::max<std::int64_t>(1, how.shuffles);
    std::vector<std::vector<std::uint8_t>> starts;  // [strand][baseline]
    std::vector<Completeness> whole(markers.size());
    for (const Strand& strand : both) {
        add_outputs(strand, strand.codes, markers, static_cast<double>(baselines), whole);
        for (std::int64_t number = 0; number < baselines; ++number) {
            starts.push_back(baseline(contig, strand, number));
            add_outputs(strand, starts.back(), markers, -1, whole);
        }
    }
    std::int64_t steps = how.steps.value_or(kFirstSteps);
    for (bool first = true;; first = false, steps *= 3) {
        std::vector<Row> rows;
        for (std::size_t way = 0; way < starts.size(); ++way)
            for (std::int64_t step = 0; step < steps; ++step)
                if (first || step % 3 != 1)
                    rows.push_back({.strand = &both[way / static_cast<std::size_t>(baselines)],
                                    .baseline = &starts[way],
                                    .share = static_cast<float>((static_cast<double>(step) + 0.5) /
                                                                static_cast<double>(steps))});
        add(piece, rows, markers);
        for (std::size_t m = 0; m < markers.size(); ++m)
            whole[m].sum = sum_of_present(m) / static_cast<double>(steps);
        if (how.steps || steps >= kMostSteps || std::ranges::all_of(whole, &Completeness::holds)) break;
    }
    const double ways = static_cast<double>(baselines * windows.phases() * (options.rc_average ? 2 : 1));
    scale(1 / (ways * static_cast<double>(steps)));
    for (std::size_t m = 0; m < markers.size(); ++m) complete[m].add(whole[m], 1 / ways);
}

// That of the other strand is the reverse complement of this one's, where both have the same bases.
std::vector<std::uint8_t> Attribution::Impl::baseline(int contig, const Strand& strand,
                                                      std::int64_t number) const {
    const IntegrationOptions& how = *options.integration;
    if (how.shuffles == 0) return std::vector<std::uint8_t>(strand.codes.size(), kCodeN);
    std::uint64_t seed = how.seed;
    for (const std::int64_t part : {std::int64_t{contig}, strand.begin, number})
        seed = splitmix(seed ^ static_cast<std::uint64_t>(part));
    if (!strand.reverse) return shuffle_pairs(strand.codes, seed);
    std::vector<std::uint8_t> bases = strand.codes;
    reverse_complement(bases);
    bases = shuffle_pairs(bases, seed);
    reverse_complement(bases);
    return bases;
}

// Rows of one length together, as many as have room.
void Attribution::Impl::add(const AttributedPiece& piece, std::span<const Row> rows,
                            std::span<const int> markers) {
    while (!rows.empty()) {
        const std::size_t length = rows.front().strand->codes.size();
        const std::size_t room = std::max<std::size_t>(1, static_cast<std::size_t>(most) / length);
        std::size_t count = 0;
        while (count < std::min(room, rows.size()) && rows[count].strand->codes.size() == length) ++count;
        add_batch(piece, rows.first(count), markers);
        rows = rows.subspan(count);
    }
}

void Attribution::Impl::add_batch(const AttributedPiece& piece, std::span<const Row> rows,
                                  std::span<const int> markers) {
    codes.clear();
    from.clear();
    weights.clear();
    shares.clear();
    for (const Row& row : rows) {
        const Strand& strand = *row.strand;
        codes.insert(codes.end(), strand.codes.begin(), strand.codes.end());
        weights.insert(weights.end(), strand.weights.begin(), strand.weights.end());
        shares.push_back(row.share);
        if (row.baseline) from.insert(from.end(), row.baseline->begin(), row.baseline->end());
    }
    const std::size_t each = rows.front().strand->codes.size() * kSymbols;
    gradients.resize(markers.size() * rows.size() * each);
    const BetweenCodes between{from, shares};
    network.symbol_gradients({codes.data(), std::ssize(rows), std::ssize(rows.front().strand->codes)},
                             rows.front().baseline ? &between : nullptr, weights, markers, gradients);
    for (std::size_t m = 0; m < markers.size(); ++m)
        for (std::size_t r = 0; r < rows.size(); ++r) {
            const auto gradient = std::span(gradients).subspan((m * rows.size() + r) * each, each);
            require(std::ranges::all_of(gradient, [](float g) { return std::isfinite(g); }), ErrorKind::input,
                    "the gradient of marker " + nth(names, markers[m]) +
                        " is not finite; the model is damaged or did not learn");
            fold(piece, rows[r], m, gradient);
        }
}

// `gradient` [N, A, C, G, T][code].
void Attribution::Impl::fold(const AttributedPiece& piece, const Row& row, std::size_t marker,
                             std::span<const float> gradient) {
    const Strand& strand = *row.strand;
    const std::int64_t length = std::ssize(strand.codes), bases = piece.end - piece.begin;
    for (std::int64_t i = 0; i < length; ++i) {
        const std::int64_t at = strand.base_of(i) - piece.begin;
        if (at < 0 || at >= bases) continue;
        const auto of = [&](std::int64_t code) {
            return static_cast<double>(nth(gradient, code * length + i));
        };
        const double less = row.baseline ? of(nth(*row.baseline, i)) : (of(1) + of(2) + of(3) + of(4)) / 4;
        for (std::int64_t b = 0; b < kBases; ++b) {
            const std::int64_t there = strand.reverse ? kBases - 1 - b : b;
            nth(sums, (static_cast<std::int64_t>(marker) * kBases + there) * bases + at) += of(b + 1) - less;
        }
    }
}

void Attribution::Impl::add_outputs(const Strand& strand, std::span<const std::uint8_t> sequence,
                                    std::span<const int> markers, double factor,
                                    std::vector<Completeness>& to) {
    const std::int64_t outputs = std::ssize(strand.weights), length = std::ssize(sequence);
    logits.resize(static_cast<std::size_t>(network.markers() * outputs));
    network.infer({sequence.data(), 1, length}, 0, length, TailOutput::logits, logits);
    for (std::size_t m = 0; m < markers.size(); ++m)
        for (std::int64_t o = 0; o < outputs; ++o) {
            const double value = factor * static_cast<double>(nth(strand.weights, o)) *
                                 static_cast<double>(nth(logits, markers[m] * outputs + o));
            to[m].difference += value;
            to[m].rounding += kRounding * std::fabs(value);
        }
}

double Attribution::Impl::sum_of_present(std::size_t marker) const {
    const std::int64_t bases = std::ssize(present);
    double sum = 0;
    for (std::int64_t i = 0; i < bases; ++i)
        if (const std::uint8_t code = nth(present, i); code != kCodeN)
            sum += nth(sums, (static_cast<std::int64_t>(marker) * kBases + code - 1) * bases + i);
    return sum;
}

Attribution::Attribution(Model model, Backend& backend, FetchReference fetch,
                         const AttributionOptions& options)
    : impl_(std::make_unique<Impl>(std::move(model), backend, std::move(fetch), options)) {}
Attribution::~Attribution() = default;

std::vector<Completeness> Attribution::run(const AttributionTarget& target, std::span<const int> markers,
                                           const Take& take) {
    std::vector<Completeness> complete(impl_->options.integration ? markers.size() : 0);
    Overlaps overlaps(markers.size() * kBases, take);
    for (const AttributedPiece& piece : impl_->windows.of(target.contig_length, target.begin, target.end)) {
        if (piece.begin >= piece.end) continue;
        impl_->attribute(target, piece, markers, complete);
        overlaps.add(piece.begin, piece.end, impl_->sums);
    }
    overlaps.finish();
    return complete;
}

}  // namespace regkit
