// A model over sequence of any length: tiles, halo and padding are invisible. Each prediction is the same bytes wherever
// a tile, region, batch or shard begins.
//
// An output is a cell of resolution() bases, cells lying on the contig's grid (multiples of the resolution). Three kinds:
//  - models of finite context run over long tiles with a halo;
//  - models of a fixed window and one or a few bins (Task 1) run a window for every bin: its bases around the bin, N beyond
//    the contig;
//  - models without finite context (LSTM) run the paper's windows, one after the other on the contig's grid.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "app/model.hpp"
#include "kernels/backend.hpp"

namespace regkit {

struct PredictorOptions {
    std::int64_t tile = 50000;   // nucleotides of output computed at a time; rounded to a multiple of the stride
    // The mean of the output for the sequence and for its reverse complement, which is cut into the same stride cells
    // (multiples of the stride on the contig), so that the bytes depend on no tile here either.
    bool rc_average = false;
    TailOutput output = TailOutput::probabilities;
};

// Gives codes of contig positions [begin, end), which lie inside [0, contig length).
using FetchCodes = std::function<void(std::int64_t begin, std::int64_t end, std::span<std::uint8_t> codes)>;
// values [markers][end - begin] of contig positions [begin, end), in ascending order, once each. `codes` are the bases
// there (so that sinks can leave N out).
using TileSink = std::function<void(std::int64_t begin, std::int64_t end, std::span<const std::uint8_t> codes,
                                    std::span<const float> values)>;

class Predictor {
  public:
    // `backend` must outlive it.
    Predictor(const Model& model, Backend& backend, const PredictorOptions& options);
    ~Predictor();
    Predictor(Predictor&&) noexcept;

    int markers() const;
    int stride() const;
    std::int64_t halo_left() const;   // bases of context, rounded up to the stride
    std::int64_t halo_right() const;

    // Positions [begin, end) of a contig of `length` bases. Tiles are anchored to contig coordinates. The end of the
    // contig is padded with N up to the stride; beyond both ends the trunk sees zeros. The codes and values that the sink
    // gets are good until it returns. For a contig whose end is not known yet, `length` may be any number of bases known
    // that is a multiple of the stride and at least end + stride + halo_right().
    void predict(std::int64_t length, std::int64_t begin, std::int64_t end, const FetchCodes& fetch,
                 const TileSink& sink);
    // The paper's windows: independent, zero-padded at both ends. codes.batch windows of codes.length bases, values
    // [batch][markers][length].
    void predict_windows(const Codes& codes, std::span<float> values);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace regkit
