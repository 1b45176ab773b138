// One way to ask for predictions, whether tiles that do not show or the paper's independent windows give them.
#pragma once

#include <cstdint>
#include <vector>

#include "app/predictor.hpp"

namespace regkit {

class WindowLabeller {
  public:
    // paper_window > 0: independent zero-padded windows of that length at its multiples; a contig's last may be shorter.
    WindowLabeller(Predictor& predictor, std::int64_t tile, std::int64_t paper_window)
        : predictor_(predictor), tile_(tile), window_(paper_window) {}

    // As Predictor::predict.
    void predict(std::int64_t length, std::int64_t begin, std::int64_t end, const FetchCodes& fetch, const TileSink& sink);

    // A stream is cut at multiples of unit(); a unit needs so many bases around it, or the end of the record. Both are
    // multiples of the stride.
    std::int64_t unit() const { return window_ > 0 ? window_ : tile_; }
    std::int64_t behind() const { return window_ > 0 ? 0 : predictor_.halo_left(); }
    std::int64_t ahead() const { return window_ > 0 ? 0 : predictor_.stride() + predictor_.halo_right(); }

  private:
    Predictor& predictor_;
    std::int64_t tile_, window_;
    std::vector<std::uint8_t> codes_;
    std::vector<float> values_, cut_;
};

}  // namespace regkit
