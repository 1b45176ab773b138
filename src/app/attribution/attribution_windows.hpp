// Which windows of a contig give a model's outputs on a stretch of it: those in which regsnp predicts alleles
// there.
//
// Outputs on a stretch are the cells (bins) that hold a base of it. Models of finite context run over tiles
// with all of their context. Models without (LSTM) run windows of their length, centred on what they give:
// the stretch, or where it is longer than they surely hold, halves of such windows of it. Of models of a
// fixed window the middle bin of the middle window is centred on the stretch, and so many bins lie beside it
// that they hold the stretch.
#pragma once

#include <cstdint>
#include <vector>

#include "io/dataset/dataset.hpp"
#include "nn/spec.hpp"

namespace regkit {

struct AttributedWindow {
    std::int64_t begin = 0, length = 0;  // bases; N beyond the contig's ends
    std::int64_t first = 0, count = 0;   // outputs on the stretch
    bool operator==(const AttributedWindow&) const = default;
};

// Windows that are run together, and the bases of the contig that they hold.
struct AttributedPiece {
    std::vector<AttributedWindow> windows;
    std::int64_t begin = 0, end = 0;
};

class AttributionWindows {
  public:
    struct Options {
        bool all_phases = false;  // the stretch in every phase of the stride, each in windows of its own
        bool rc_average = false;  // windows that are run for the other strand too
        std::int64_t most = 0;    // bases that windows of a piece have together, about
    };
    // Error(usage) where a model of a fixed window is asked for phases.
    AttributionWindows(const Spec& spec, const SpecSummary& summary, const LabelLayout& layout,
                       const Options& options);

    // Of bases [begin, end) of a contig; their begins ascend. Every output is in one window of each phase.
    std::vector<AttributedPiece> of(std::int64_t contig_length, std::int64_t begin, std::int64_t end) const;
    std::int64_t phases() const { return options_.all_phases ? stride_ : 1; }
    // Of a window of so many bases.
    std::int64_t outputs(std::int64_t length) const;
    // The reverse complement of a window that lies so much further has the same bins.
    std::int64_t reverse_shift() const;

  private:
    std::vector<AttributedPiece> along(std::int64_t contig_length, std::int64_t begin,
                                       std::int64_t end) const;
    AttributedWindow window(std::int64_t contig_length, std::int64_t begin, std::int64_t end,
                            std::int64_t lead) const;
    std::vector<AttributedPiece> fixed(std::int64_t contig_length, std::int64_t begin,
                                       std::int64_t end) const;

    Options options_;
    LabelLayout layout_;
    bool fixed_, finite_;
    std::int64_t stride_, scale_, window_, left_, right_, tile_;
};

}  // namespace regkit
