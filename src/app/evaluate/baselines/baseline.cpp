// Bases are read one window after the other, since a FASTA file is not read by several threads; windows of a
// batch are then scored side by side.
#include "app/evaluate/baselines/baseline.hpp"

#include <algorithm>

#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kBatchBases = std::int64_t{1} << 18;
constexpr std::int64_t kBatchScores = std::int64_t{1} << 24;

}  // namespace

bool count_baseline(const Baseline& baseline, std::int64_t markers, const LabelledWindows& windows,
                    ThreadPool& pool, const CountPositions& count) {
    const LabelLayout& layout = windows.dataset.layout();
    const std::int64_t reach = baseline.reach(), span = layout.span(), length = span + 2 * reach;
    const std::int64_t batch =
        std::max<std::int64_t>(1, std::min(kBatchBases / length, kBatchScores / (markers * layout.count)));
    std::vector<std::uint8_t> codes;
    std::vector<float> scores;
    WindowBatch laid;
    const std::int64_t total = std::ssize(windows.windows);
    for (std::int64_t first = 0; first < total; first += batch) {
        if (!windows.keep_going(first)) return false;
        const std::int64_t here = std::min(batch, total - first);
        codes.resize(static_cast<std::size_t>(here * length));
        scores.resize(static_cast<std::size_t>(here * markers * layout.count));
        laid.clear();
        const auto codes_of = [&](std::int64_t s) {
            return std::span(codes).subspan(static_cast<std::size_t>(s * length),
                                            static_cast<std::size_t>(length));
        };
        for (std::int64_t s = 0; s < here; ++s) {
            const std::int64_t index = nth(windows.windows, first + s);
            const DatasetWindow& at = nth(windows.dataset.windows(), index);
            const std::int64_t begin = at.begin + layout.offset;
            windows.read(at.contig, begin - reach, begin + span + reach, codes_of(s));
            laid.add(windows.dataset, index,
                     codes_of(s).subspan(static_cast<std::size_t>(reach), static_cast<std::size_t>(span)),
                     windows.labels, windows.excluded, s * layout.count);
        }
        sort_labels(laid.labels);
        const std::int64_t stride = here * layout.count;
        pool.run(here, [&](std::int64_t s, int) {
            baseline.score({codes_of(s), reach, layout.bin, layout.count, nth(windows.windows, first + s)},
                           scores.data() + s * layout.count, stride);
        });
        count(scores, stride, laid.kept, laid.labels, laid.places);
    }
    return windows.keep_going(total);
}

}  // namespace regkit
