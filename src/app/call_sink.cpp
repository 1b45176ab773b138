#include "app/call_sink.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "io/fasta.hpp"

namespace regkit {

BinAverager::BinAverager(int markers, std::int64_t width, TrackSet& tracks, ThreadPool& pool)
    : width_(width), tracks_(tracks), pool_(pool), sum_(static_cast<std::size_t>(markers)) {}

// The open part, [begin_, end), as one value a marker.
void BinAverager::emit(std::int64_t end) {
    const double count = static_cast<double>(end - begin_);
    averages_.resize(sum_.size());
    for (std::size_t m = 0; m < sum_.size(); ++m) {
        averages_[m] = static_cast<float>(sum_[m] / count);
        sum_[m] = 0;
    }
    tracks_.values(contig_, begin_, end - begin_, 1, averages_, 1);
    begin_ = end;
}

void BinAverager::end_stretch() {
    if (end_ > begin_) emit(end_);
    begin_ = end_ = 0;
}

void BinAverager::add(int contig, std::int64_t begin, std::int64_t count, std::span<const float> values,
                      std::int64_t row) {
    if (contig != contig_ || begin != end_) {
        end_stretch();
        contig_ = contig;
        begin_ = begin;
    }
    const std::int64_t end = end_ = begin + count;
    const std::int64_t markers = static_cast<std::int64_t>(sum_.size());
    const auto add_up = [&](double sum, std::int64_t m, std::int64_t from, std::int64_t to) {
        const float* v = values.data() + m * row;
        for (std::int64_t p = from; p < to; ++p) sum += static_cast<double>(v[p - begin]);
        return sum;
    };
    // The open bin first.
    const std::int64_t open_end = std::min(end, (begin_ / width_ + 1) * width_);
    pool_.run(markers, [&](std::int64_t m, int) {
        double& sum = sum_[static_cast<std::size_t>(m)];
        sum = add_up(sum, m, begin, open_end);
    });
    if (open_end % width_ != 0) return;
    emit(open_end);
    // Whole bins, then the start of the next.
    const std::int64_t bins = (end - open_end) / width_;
    averages_.resize(static_cast<std::size_t>(markers * bins));
    pool_.run(markers, [&](std::int64_t m, int) {
        for (std::int64_t b = 0; b < bins; ++b)
            averages_[static_cast<std::size_t>(m * bins + b)] = static_cast<float>(
                add_up(0, m, open_end + b * width_, open_end + (b + 1) * width_) / static_cast<double>(width_));
        sum_[static_cast<std::size_t>(m)] = add_up(0, m, open_end + bins * width_, end);
    });
    if (bins > 0) tracks_.values(contig_, open_end, width_, bins, averages_, bins);
    begin_ = open_end + bins * width_;
}

CallSink::CallSink(TrackSet& tracks, TrackFormat format, int markers, const CallRules& rules, std::int64_t resolution,
                   ThreadPool& pool)
    : tracks_(tracks),
      pool_(pool),
      markers_(markers),
      intervals_wanted_(!holds_values(format)),
      resolution_(resolution),
      caller_(markers, rules),
      bins_(markers, resolution, tracks, pool) {}

void CallSink::tile(std::int64_t begin, std::span<const std::uint8_t> codes, std::span<const float> values) {
    const auto row = static_cast<std::int64_t>(codes.size());
    pool_.run(markers_, [&](std::int64_t m, int) {
        unsigned bad = 0;
        for (const float v : values.subspan(static_cast<std::size_t>(m * row), codes.size()))
            bad |= v >= 0.0f && v <= 1.0f ? 0u : 1u;
        require(bad == 0, ErrorKind::input,
                "the model predicts something that is no probability near position " + std::to_string(begin + 1));
    });
    for (std::int64_t i = 0; i < row;) {
        const bool is_n = codes[static_cast<std::size_t>(i)] == kCodeN;
        std::int64_t j = i + 1;
        while (j < row && (codes[static_cast<std::size_t>(j)] == kCodeN) == is_n) ++j;
        if (is_n) n_bases_ += j - i;
        else stretch(begin + i, j - i, values.subspan(static_cast<std::size_t>(i)), row);
        i = j;
    }
    bases_ += row;
    if (intervals_wanted_) release();
}

void CallSink::stretch(std::int64_t begin, std::int64_t count, std::span<const float> values, std::int64_t row) {
    if (begin != next_) end_region();
    if (intervals_wanted_) caller_.add(begin, count, values, row, pool_);
    else if (resolution_ == 1) tracks_.values(contig_, begin, 1, count, values, row);
    else bins_.add(contig_, begin, count, values, row);
    next_ = begin + count;
}

void CallSink::end_region() {
    next_ = -1;
    if (intervals_wanted_) {
        caller_.end_stretch();
        release();
    } else {
        bins_.end_stretch();
    }
}

void CallSink::release() {
    caller_.release(contig_, [this](const CalledInterval& called) {
        tracks_.interval(called);
        ++intervals_;
    });
}

}  // namespace regkit
