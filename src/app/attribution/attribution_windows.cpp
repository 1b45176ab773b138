// Stretches are cut where tiles of the contig are, so that no bin is cut.
#include "app/attribution/attribution_windows.hpp"

#include <algorithm>

#include "app/variants/variant.hpp"
#include "kernels/base/arithmetic.hpp"
#include "kernels/base/error.hpp"

namespace regkit {

AttributionWindows::AttributionWindows(const Spec& spec, const SpecSummary& summary,
                                       const LabelLayout& layout, const Options& options)
    : options_(options),
      layout_(layout),
      fixed_(summary.fixed_window),
      finite_(summary.finite_context),
      stride_(summary.stride),
      scale_(summary.scale),
      window_(spec.window),
      left_(round_up(summary.context_left, std::int64_t{summary.stride})),
      right_(round_up(summary.context_right, std::int64_t{summary.stride})) {
    require(!fixed_ || !options.all_phases, ErrorKind::usage,
            "--phases all: " + spec.name + " predicts windows around the target; they have no phases");
    if (options.rc_average) left_ = right_ = std::max(left_, right_);
    const std::int64_t context = left_ + right_;
    tile_ = finite_ ? std::max(options.most - context, context / 2) : window_ / 2 - stride_;
    tile_ = std::max(tile_ / stride_, std::int64_t{1}) * stride_;
}

std::vector<AttributedPiece> AttributionWindows::of(std::int64_t contig_length, std::int64_t begin,
                                                    std::int64_t end) const {
    return fixed_ ? fixed(contig_length, begin, end) : along(contig_length, begin, end);
}

std::int64_t AttributionWindows::outputs(std::int64_t length) const {
    return fixed_ ? layout_.count : length / scale_;
}

std::int64_t AttributionWindows::reverse_shift() const {
    return fixed_ ? 2 * layout_.offset + layout_.span() - window_ : 0;
}

// Phase by phase of `lead` bases N before the contig, on which tiles and cells then lie.
std::vector<AttributedPiece> AttributionWindows::along(std::int64_t contig_length, std::int64_t begin,
                                                       std::int64_t end) const {
    const bool whole = !finite_ && end - begin <= 2 * (window_ / 2 - stride_);
    std::vector<AttributedPiece> pieces;
    const std::int64_t last = whole ? 0 : (end + phases() - 2) / tile_;
    for (std::int64_t k = whole ? 0 : begin / tile_; k <= last; ++k) {
        AttributedPiece piece{{}, contig_length, 0};
        for (std::int64_t lead = 0; lead < phases(); ++lead) {
            const std::int64_t from = whole ? begin + lead : std::max(begin + lead, k * tile_),
                               to = whole ? end + lead : std::min(end + lead, (k + 1) * tile_);
            if (from >= to) continue;
            piece.windows.push_back(window(contig_length, from, to, lead));
            const AttributedWindow& made = piece.windows.back();
            piece.begin = std::min(piece.begin, std::max<std::int64_t>(0, made.begin));
            piece.end = std::max(piece.end, std::min(made.begin + made.length, contig_length));
        }
        if (!piece.windows.empty()) pieces.push_back(std::move(piece));
    }
    return pieces;
}

AttributedWindow AttributionWindows::window(std::int64_t contig_length, std::int64_t begin, std::int64_t end,
                                            std::int64_t lead) const {
    const std::int64_t length = contig_length + lead;
    AttributedWindow made;
    if (finite_) {
        const Window run = window_for(begin, end, length, {static_cast<int>(stride_), left_, right_});
        made = {run.begin, run.length(), 0, 0};
    } else {
        const std::int64_t middle = (begin + end) / 2 - window_ / 2;
        made.begin = std::max<std::int64_t>(0, middle) / stride_ * stride_;
        made.length = std::min(made.begin + window_, round_up(length, stride_)) - made.begin;
    }
    made.first = (begin - made.begin) / scale_;
    made.count = (end - made.begin + scale_ - 1) / scale_ - made.first;
    made.begin -= lead;
    return made;
}

std::vector<AttributedPiece> AttributionWindows::fixed(std::int64_t contig_length, std::int64_t begin,
                                                       std::int64_t end) const {
    const std::int64_t bin = layout_.bin, count = layout_.count, middle = count / 2;
    const std::int64_t beside = std::max<std::int64_t>(0, (end - begin - bin + 1) / 2);
    const std::int64_t aside = (beside + bin - 1) / bin;
    const std::int64_t zero = (begin + end) / 2 - bin / 2 - middle * bin - layout_.offset;
    const std::int64_t reverse = options_.rc_average ? reverse_shift() : 0;
    std::vector<AttributedPiece> pieces;
    // Bins are counted from the first of the middle window on.
    const std::int64_t first = middle - aside, last = middle + aside;
    for (std::int64_t w = floor_div(first, count); w <= floor_div(last, count); ++w) {
        const std::int64_t from = std::max(first - w * count, std::int64_t{0}),
                           to = std::min(last - w * count + 1, count);
        const AttributedWindow made{zero + w * layout_.span(), window_, from, to - from};
        if (pieces.empty() || (std::ssize(pieces.back().windows) + 1) * window_ > options_.most)
            pieces.push_back({{}, contig_length, 0});
        AttributedPiece& piece = pieces.back();
        piece.windows.push_back(made);
        const std::int64_t low = made.begin + std::min<std::int64_t>(0, reverse),
                           high = made.begin + window_ + std::max<std::int64_t>(0, reverse);
        piece.begin = std::min(piece.begin, std::max<std::int64_t>(0, low));
        piece.end = std::max(piece.end, std::min(high, contig_length));
    }
    return pieces;
}

}  // namespace regkit
