// Each level keeps one open record. Values are summed straight into the first level, a bin's worth at a time;
// a record that is closed is written out and merged into the level above, whose bins are four times as wide,
// so that each value is looked at once.
#include "io/bigwig/bigwig_zoom.hpp"

#include <algorithm>
#include <utility>

namespace regkit::bigwig {
namespace {

constexpr std::uint64_t kFactor = 4;
constexpr std::uint64_t kLargestReduction = std::uint64_t{1} << 31;  // the field has 32 bits
constexpr std::size_t kLanes = 8;

}  // namespace

Moments moments(std::span<const float> values) {
    // Independent lanes, so that the compiler may use vectors without being allowed to reorder sums.
    std::array<float, kLanes> low, high;
    low.fill(values.front());
    high.fill(values.front());
    std::array<double, kLanes> sum{}, squares{};
    const auto take = [&](std::size_t lane, float v) {
        low[lane] = v < low[lane] ? v : low[lane];
        high[lane] = v > high[lane] ? v : high[lane];
        const double d = v;
        sum[lane] += d;
        squares[lane] += d * d;
    };
    std::size_t i = 0;
    for (; i + kLanes <= values.size(); i += kLanes)
        for (std::size_t lane = 0; lane < kLanes; ++lane) take(lane, values[i + lane]);
    for (std::size_t lane = 0; i < values.size(); ++i, ++lane) take(lane, values[i]);

    Moments all{low[0], high[0], sum[0], squares[0]};
    for (std::size_t lane = 1; lane < kLanes; ++lane) {
        all.min = std::min(all.min, low[lane]);
        all.max = std::max(all.max, high[lane]);
        all.sum += sum[lane];
        all.sum_squares += squares[lane];
    }
    return all;
}

ZoomBuilder::ZoomBuilder(std::uint64_t first_reduction, std::function<void(ZoomBlock&&)> done)
    : done_(std::move(done)) {
    // One level at least, however wide the first.
    for (std::uint64_t r = std::min(first_reduction, kLargestReduction);
         levels_ < kMaxLevels && r <= kLargestReduction; r *= kFactor) {
        level_[at(levels_)].reduction = r;
        level_[at(levels_)].block.level = levels_;
        ++levels_;
    }
}

void ZoomBuilder::add(std::uint32_t contig, std::uint64_t begin, std::uint32_t span,
                      std::span<const float> values) {
    const std::uint64_t reduction = level_[0].reduction;
    for (std::size_t i = 0; i < values.size();) {
        const std::uint64_t bin = begin / reduction;
        const std::uint64_t bin_end = (bin + 1) * reduction;
        // As many whole items as the bin holds; an item across its border is shared out.
        const std::uint64_t whole = (bin_end - begin) / span;
        const std::size_t count =
            std::min<std::uint64_t>(std::max<std::uint64_t>(whole, 1), values.size() - i);
        const Moments m = moments(values.subspan(i, count));
        const std::uint64_t end = begin + count * span;
        const auto piece = [&](std::uint64_t from, std::uint64_t to) {
            const double weight = whole > 0 ? static_cast<double>(span) : static_cast<double>(to - from);
            merge(0, {contig, from / reduction, from, to, to - from, m.min, m.max, m.sum * weight,
                      m.sum_squares * weight});
        };
        if (whole > 0) {
            piece(begin, end);
        } else {
            for (std::uint64_t from = begin; from < end;) {
                const std::uint64_t to = std::min(end, (from / reduction + 1) * reduction);
                piece(from, to);
                from = to;
            }
        }
        const double weight = static_cast<double>(span);
        total_.min = total_.bases == 0 ? m.min : std::min<double>(total_.min, m.min);
        total_.max = total_.bases == 0 ? m.max : std::max<double>(total_.max, m.max);
        total_.bases += end - begin;
        total_.sum += m.sum * weight;
        total_.sum_squares += m.sum_squares * weight;
        begin = end;
        i += count;
    }
}

void ZoomBuilder::merge(int level, const Record& part) {
    Level& l = level_[at(level)];
    if (l.open && l.open->bin != part.bin) close(level);
    if (!l.open) {
        l.open = part;
        return;
    }
    Record& r = *l.open;
    r.end = part.end;
    r.bases += part.bases;
    r.min = std::min(r.min, part.min);
    r.max = std::max(r.max, part.max);
    r.sum += part.sum;
    r.sum_squares += part.sum_squares;
}

void ZoomBuilder::close(int level) {
    Level& l = level_[at(level)];
    if (!l.open) return;
    Record r = *l.open;
    l.open.reset();
    ++l.records;
    const auto begin = static_cast<std::uint32_t>(r.begin);
    const auto end = static_cast<std::uint32_t>(r.end);
    std::string& out = l.block.bytes;
    if (out.empty()) l.block.range = {r.contig, begin, end, 0, 0};
    l.block.range.end = end;
    put(out, r.contig);
    put(out, begin);
    put(out, end);
    put(out, static_cast<std::uint32_t>(r.bases));
    put(out, r.min);
    put(out, r.max);
    put(out, static_cast<float>(r.sum));
    put(out, static_cast<float>(r.sum_squares));
    if (out.size() == std::size_t{kRecordsPerBlock} * 32) flush(level);
    if (level + 1 < levels_) {
        r.bin /= kFactor;
        merge(level + 1, r);
    }
}

void ZoomBuilder::flush(int level) {
    Level& l = level_[at(level)];
    if (l.block.bytes.empty()) return;
    ZoomBlock full;
    full.level = level;
    std::swap(full, l.block);
    l.block.level = level;
    done_(std::move(full));
}

void ZoomBuilder::end_contig() {
    for (int level = 0; level < levels_; ++level) {
        close(level);
        flush(level);
    }
}

}  // namespace regkit::bigwig
