#include "app/window_labeller.hpp"

#include <algorithm>

namespace regkit {

void WindowLabeller::predict(std::int64_t length, std::int64_t begin, std::int64_t end, const FetchCodes& fetch,
                             const TileSink& sink) {
    if (window_ == 0) {
        predictor_.predict(length, begin, end, fetch, sink);
        return;
    }
    const std::int64_t markers = predictor_.markers();
    while (begin < end) {
        const std::int64_t from = begin / window_ * window_;
        const std::int64_t to = std::min(from + window_, length);
        const std::int64_t stop = std::min(to, end);
        codes_.resize(static_cast<std::size_t>(to - from));
        values_.resize(static_cast<std::size_t>(markers * (to - from)));
        fetch(from, to, codes_);
        predictor_.predict_windows({codes_.data(), 1, to - from}, values_);
        cut_.clear();
        for (std::int64_t m = 0; m < markers; ++m) {
            const auto row = values_.begin() + m * (to - from);
            cut_.insert(cut_.end(), row + (begin - from), row + (stop - from));
        }
        sink(begin, stop, {codes_.data() + (begin - from), static_cast<std::size_t>(stop - begin)}, cut_);
        begin = stop;
    }
}

}  // namespace regkit
