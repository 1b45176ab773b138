// A model over sequence of any length: tiles, halo and padding are invisible. Each prediction is the same
// bytes wherever a tile, region, batch or shard begins.
//
// An output is a cell of resolution() bases, cells lying on the contig's grid (multiples of the resolution).
// Three kinds:
//  - models of finite context run over long tiles with a halo;
//  - models of a fixed window and one or a few bins (Task 1) run a window for every bin: its bases around the
//    bin, N beyond the contig;
//  - models without finite context (LSTM) run the paper's windows, one after the other on the contig's grid.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "app/model/model.hpp"
#include "kernels/backend.hpp"

namespace regkit {

struct PredictorOptions {
    std::int64_t tile =
        50000;  // nucleotides of output computed at a time; rounded to whole windows or strides
    // The mean of the output for the sequence and for its reverse complement, which is cut into the same
    // stride cells (multiples of the stride on the contig) and bins, so that the bytes depend on no tile here
    // either.
    bool rc_average = false;
    // Instead of probabilities, or of coverage where the model predicts that; with rc_average those of the
    // mean.
    bool logits = false;
    // Values are those that the 8-bit codes of the logits stand for (kernels/sinks.hpp); with rc_average,
    // means of two such.
    bool coded = false;
    // Models of finite context run the paper's windows too: independent, of the training length, zero-padded
    // at both ends, on the contig's grid; a contig's last is shorter.
    bool paper_windows = false;
};

// Gives codes of contig positions [begin, end), which lie inside [0, contig length).
using FetchCodes = std::function<void(std::int64_t begin, std::int64_t end, std::span<std::uint8_t> codes)>;
// values [markers][cells] of the cells of contig positions [begin, end), in ascending order, once each;
// `begin` is a multiple of the resolution, and so is `end` unless the contig ends there. `codes` are the
// bases [begin, end) (so that sinks can leave N out).
using TileSink = std::function<void(std::int64_t begin, std::int64_t end, std::span<const std::uint8_t> codes,
                                    std::span<const float> values)>;

// The same, but only of cells whose value is not below their marker's cutoff: runs of sample 0, in cells from
// the one that holds `begin` on. See kernels/sinks.hpp.
using CalledSink = std::function<void(std::int64_t begin, std::int64_t end,
                                      std::span<const std::uint8_t> codes, const CalledRuns& called)>;

class Predictor {
  public:
    // `backend` must outlive it. Error(input) where the model's label layout is not one of its architecture.
    // A model that is moved in leaves no weights in memory but the ones that it predicts with.
    Predictor(Model model, Backend& backend, const PredictorOptions& options);
    ~Predictor();
    Predictor(Predictor&&) noexcept;

    int markers() const;
    std::int64_t resolution() const;  // bases a cell
    // Bases may be counted from any multiple of it: predictions away from the ends of what is known stay the
    // same.
    std::int64_t grid() const;

    // Cells of positions [begin, end) of a contig of `length` bases; whole cells, of which the contig's end
    // may cut the last. Tiles are anchored to contig coordinates. The end of the contig is padded with N up
    // to the stride; beyond both ends the trunk sees zeros, windows of a fixed length N. The codes and values
    // that the sink gets are good until it returns. For a contig whose end is not known yet, `end` is a
    // multiple of unit() and `length` any number of bases known that is a multiple of the grid and at least
    // end + ahead().
    void predict(std::int64_t length, std::int64_t begin, std::int64_t end, const FetchCodes& fetch,
                 const TileSink& sink);
    // Predictions at or above the cutoff of their marker (one a marker), the same bytes as predict gives; but
    // tiles that are all N may be left out, nothing is called in them.
    void predict_called(std::int64_t length, std::int64_t begin, std::int64_t end,
                        std::span<const float> cutoffs, const FetchCodes& fetch, const CalledSink& sink);
    // A stream is cut at multiples of unit(); a unit needs so many bases before and behind it.
    std::int64_t unit() const;
    std::int64_t behind() const;
    std::int64_t ahead() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace regkit
