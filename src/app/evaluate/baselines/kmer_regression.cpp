// Counts of k-mers add up, so that a trained regression is a sum that moves along with the position: a weight
// for the k-mer that comes in, and off with the one that is left behind.
//
// Training goes through the samples one by one, in an order drawn anew each epoch. Each of a sample's k-mers
// has the same gradient, the probability's error, and Adagrad gives rare ones, such as those with CpG, larger
// steps. Eight markers are learnt side by side, for whose sake the weights lie [k-mer][marker]: simple loops
// over them become vector code.
#include "app/evaluate/baselines/kmer_regression.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "base/splitmix.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr std::size_t kBlock = 8;                           // markers side by side; a bit of a byte each
constexpr std::int64_t kMostBases = std::int64_t{1} << 27;  // of all samples, a byte each

using Lanes = std::array<float, kBlock>;

// Numbers of 2 k bits, A C G T being 0 to 3: the lesser of a k-mer and its reverse complement.
std::uint32_t canonical(std::uint32_t kmer, int k) {
    std::uint32_t reverse = 0;
    for (int i = 0; i < k; ++i) reverse = reverse << 2 | (3 - (kmer >> (2 * i) & 3));
    return std::min(kmer, reverse);
}

}  // namespace

struct KmerRegression::Samples {
    std::size_t count = 0;
    std::int64_t bin = 1;
    std::vector<std::uint8_t> codes;                 // [sample][bin and what it reaches]
    std::vector<std::vector<std::uint8_t>> present;  // [block][sample]: a bit a marker
};

KmerRegression::KmerRegression(const KmerSettings& settings, std::int64_t markers)
    : settings_(settings), markers_(static_cast<std::size_t>(markers)), bias_(markers_), learnt_(markers_) {
    require(settings.k >= 1 && settings.k <= 7, ErrorKind::usage, "k-mers of 1 to 7 bases");
    feature_of_.resize(std::size_t{1} << (2 * settings.k));
    for (std::uint32_t kmer = 0; kmer < feature_of_.size(); ++kmer) {
        const std::uint32_t least = canonical(kmer, settings.k);
        feature_of_[kmer] = least < kmer ? feature_of_[least] : static_cast<std::uint16_t>(kmers_++);
    }
    weights_.resize((2 * kmers_ + 1) * markers_);
}

KmerRegression::Zones KmerRegression::zones(std::int64_t bin) const {
    const std::int64_t first = settings_.reach - settings_.near;
    return {static_cast<std::size_t>(first),
            static_cast<std::size_t>(first + bin + 2 * settings_.near - settings_.k + 1),
            static_cast<std::size_t>(bin + 2 * settings_.reach - settings_.k + 1)};
}

void KmerRegression::features(std::span<const std::uint8_t> codes, std::uint16_t* out) const {
    const std::uint32_t mask = static_cast<std::uint32_t>(feature_of_.size()) - 1;
    std::uint32_t kmer = 0;
    int known = 0;  // bases since the last N
    for (std::size_t i = 0; i < codes.size(); ++i) {
        known = codes[i] == kCodeN ? 0 : known + 1;
        kmer = (kmer << 2 | (codes[i] - 1u)) & mask;
        if (i + 1 < static_cast<std::size_t>(settings_.k)) continue;
        *out++ = known >= settings_.k ? feature_of_[kmer] : static_cast<std::uint16_t>(2 * kmers_);
    }
}

bool KmerRegression::gather(const LabelledWindows& windows, Samples& samples) const {
    const LabelLayout& layout = windows.dataset.layout();
    const std::int64_t length = layout.bin + 2 * settings_.reach,
                       most = std::max<std::int64_t>(std::min(settings_.samples, kMostBases / length), 1),
                       outputs = std::ssize(windows.windows) * layout.count,
                       stride = std::max((settings_.stride + layout.bin - 1) / layout.bin,
                                         (outputs + most - 1) / most);
    samples.bin = layout.bin;
    samples.codes.reserve(static_cast<std::size_t>((outputs + stride - 1) / stride * length));
    samples.present.resize((markers_ + kBlock - 1) / kBlock);
    std::vector<std::uint8_t> codes(static_cast<std::size_t>(layout.span() + 2 * settings_.reach));
    WindowBatch laid;
    for (std::int64_t w = 0; w < std::ssize(windows.windows); ++w) {
        if (!windows.keep_going(w)) return false;
        // Outputs are numbered through all windows; those at multiples of the stride are learnt from.
        const std::int64_t first = (w * layout.count + stride - 1) / stride * stride - w * layout.count;
        if (first >= layout.count) continue;
        const std::int64_t index = nth(windows.windows, w);
        const DatasetWindow& at = nth(windows.dataset.windows(), index);
        const std::int64_t begin = at.begin + layout.offset;
        windows.read(at.contig, begin - settings_.reach, begin + layout.span() + settings_.reach, codes);
        laid.clear();
        laid.add(windows.dataset, index,
                 std::span(codes).subspan(static_cast<std::size_t>(settings_.reach),
                                          static_cast<std::size_t>(layout.span())),
                 windows.labels, windows.excluded, 0);
        auto keep = laid.kept.begin();
        for (std::int64_t i = first; i < layout.count; i += stride) {
            while (keep != laid.kept.end() && keep->end <= i) ++keep;
            if (keep == laid.kept.end()) break;
            if (keep->begin > i) continue;
            const auto first_code = codes.begin() + i * layout.bin;
            samples.codes.insert(samples.codes.end(), first_code, first_code + length);
            for (auto& block : samples.present) block.push_back(0);
            for (const LabelRun& run : laid.labels)
                if (run.begin <= i && i < run.end)
                    nth(samples.present, run.marker / static_cast<int>(kBlock)).back() |=
                        static_cast<std::uint8_t>(1u << (run.marker % static_cast<int>(kBlock)));
            ++samples.count;
        }
    }
    return windows.keep_going(std::ssize(windows.windows));
}

void KmerRegression::learn(const Samples& samples, std::size_t block) {
    const std::vector<std::uint8_t>& present = samples.present[block];
    const std::size_t first = block * kBlock, here = std::min(kBlock, markers_ - first);
    const std::size_t unknown = 2 * kmers_;  // the feature of what holds an N
    std::vector<Lanes> weights(unknown + 1), squares(unknown + 1);
    Lanes bias{}, bias_squares;
    bias_squares.fill(1);
    for (Lanes& lanes : squares) lanes.fill(1);
    for (std::size_t m = 0; m < here; ++m) {
        const auto positives = std::count_if(present.begin(), present.end(),
                                             [&](std::uint8_t bits) { return (bits >> m & 1) != 0; });
        const auto p = static_cast<double>(positives), n = static_cast<double>(samples.count) - p;
        if (p > 0 && n > 0) bias[m] = static_cast<float>(std::log(p / n));
    }
    const Zones zones = this->zones(samples.bin);
    const auto length = static_cast<std::size_t>(samples.bin + 2 * settings_.reach);
    std::vector<std::uint16_t> of(zones.end);  // features of a sample
    std::vector<std::uint32_t> order(samples.count);
    std::iota(order.begin(), order.end(), 0u);
    std::uint64_t state = 0;
    for (int epoch = 0; epoch < settings_.epochs; ++epoch) {
        for (std::size_t i = order.size(); i > 1; --i, state += kSplitMixStep)
            std::swap(order[i - 1], order[(splitmix(state) >> 32) * i >> 32]);
        for (const std::uint32_t s : order) {
            features(std::span(samples.codes).subspan(s * length, length), of.data());
            for (std::size_t at = 0; at < zones.end; ++at)
                if ((at < zones.near || at >= zones.behind) && of[at] < kmers_)
                    of[at] = static_cast<std::uint16_t>(of[at] + kmers_);
            Lanes z = bias, error;
            for (const std::uint16_t feature : of)
                for (std::size_t m = 0; m < kBlock; ++m) z[m] += weights[feature][m];
            for (std::size_t m = 0; m < kBlock; ++m) {
                error[m] = 1 / (1 + std::exp(-z[m])) - static_cast<float>(present[s] >> m & 1);
                bias_squares[m] += error[m] * error[m];
                bias[m] -= settings_.rate * error[m] / std::sqrt(bias_squares[m]);
            }
            for (const std::uint16_t feature : of) {
                if (feature == unknown) continue;
                Lanes &w = weights[feature], &sum = squares[feature];
                for (std::size_t m = 0; m < kBlock; ++m) {
                    const float gradient = error[m] + settings_.penalty * w[m];
                    sum[m] += gradient * gradient;
                    w[m] -= settings_.rate * gradient / std::sqrt(sum[m]);
                }
            }
        }
    }
    for (std::size_t m = 0; m < here; ++m) {
        bias_[first + m] = static_cast<double>(bias[m]);
        for (std::size_t f = 0; f < unknown; ++f) weights_[f * markers_ + first + m] = weights[f][m];
    }
}

std::unique_ptr<KmerRegression> KmerRegression::fit(const KmerSettings& settings, std::int64_t markers,
                                                    const LabelledWindows& windows, ThreadPool& pool) {
    std::unique_ptr<KmerRegression> regression(new KmerRegression(settings, markers));
    Samples samples;
    if (!regression->gather(windows, samples) || samples.count == 0) return nullptr;
    for (std::size_t m = 0; m < regression->markers_; ++m) {
        const std::vector<std::uint8_t>& present = samples.present[m / kBlock];
        const auto is_present = [&](std::uint8_t bits) { return (bits >> (m % kBlock) & 1) != 0; };
        regression->learnt_[m] = std::any_of(present.begin(), present.end(), is_present) &&
                                 !std::all_of(present.begin(), present.end(), is_present);
    }
    pool.run(std::ssize(samples.present),
             [&](std::int64_t block, int) { regression->learn(samples, static_cast<std::size_t>(block)); });
    return regression;
}

void KmerRegression::score(const ScoredPositions& positions, float* scores, std::int64_t stride) const {
    const auto bin = static_cast<std::size_t>(positions.bin);
    const Zones zones = this->zones(positions.bin);
    std::vector<std::uint16_t> of(positions.codes.size());
    features(positions.codes, of.data());
    std::vector<double> sums(bias_);
    const auto add = [&](std::size_t at, bool near, double sign) {
        const std::size_t feature = of[at] + (near || of[at] == 2 * kmers_ ? 0 : kmers_);
        const float* const weights = weights_.data() + feature * markers_;
        for (std::size_t m = 0; m < markers_; ++m) sums[m] += sign * static_cast<double>(weights[m]);
    };
    for (std::size_t at = 0; at < zones.end; ++at) add(at, at >= zones.near && at < zones.behind, 1);
    for (std::int64_t i = 0; i < positions.count; ++i) {
        for (std::size_t m = 0; m < markers_; ++m)
            scores[static_cast<std::int64_t>(m) * stride + i] = static_cast<float>(sums[m]);
        if (i + 1 == positions.count) break;
        const std::size_t begin = static_cast<std::size_t>(i) * bin;
        // Each zone moves by a base at a time.
        for (std::size_t at = begin; at < begin + bin; ++at) {
            add(at, false, -1);
            add(at + zones.near, false, 1);
            add(at + zones.near, true, -1);
            add(at + zones.behind, true, 1);
            add(at + zones.behind, false, -1);
            add(at + zones.end, false, 1);
        }
    }
}

}  // namespace regkit
