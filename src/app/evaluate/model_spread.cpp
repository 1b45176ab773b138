// One sum in ascending order a marker, so that workers do not show.
#include "app/evaluate/model_spread.hpp"

#include <algorithm>

#include "app/evaluate/metrics.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {

SpreadSums::SpreadSums(int markers, ThreadPool& pool)
    : pool_(pool), sums_(static_cast<std::size_t>(markers)) {}

void SpreadSums::add(std::span<const float> spreads, std::int64_t length, std::span<const KeptRun> kept,
                     std::span<const LabelRun> labels) {
    pool_.run(std::ssize(sums_), [&](std::int64_t marker, int) {
        Sums& sums = nth(sums_, marker);
        const auto row =
            spreads.subspan(static_cast<std::size_t>(marker * length), static_cast<std::size_t>(length));
        const auto sum_of = [&row](double sum, std::int32_t begin, std::int32_t end) {
            for (std::int32_t i = begin; i < end; ++i) sum += static_cast<double>(nth(row, i));
            return sum;
        };
        auto run = std::ranges::lower_bound(labels, marker, {}, &LabelRun::marker);
        for (const KeptRun& keep : kept) {
            sums.all = sum_of(sums.all, keep.begin, keep.end);
            sums.positions += keep.end - keep.begin;
            while (run != labels.end() && run->marker == marker && run->end <= keep.begin) ++run;
            for (auto r = run; r != labels.end() && r->marker == marker && r->begin < keep.end; ++r) {
                const std::int32_t begin = std::max(r->begin, keep.begin), end = std::min(r->end, keep.end);
                sums.positives = sum_of(sums.positives, begin, end);
                sums.labelled += end - begin;
            }
        }
    });
}

ModelSpread SpreadSums::of(int marker) const {
    const Sums& sums = nth(sums_, marker);
    ModelSpread spread;
    if (sums.positions > 0) spread.everywhere = sums.all / static_cast<double>(sums.positions);
    if (sums.labelled > 0) spread.at_positives = sums.positives / static_cast<double>(sums.labelled);
    return spread;
}

}  // namespace regkit
