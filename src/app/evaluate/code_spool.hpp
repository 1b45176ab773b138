// A model's logits of all validation windows, in 8 bits, where they can be read marker by marker: calls are
// fitted and counted a marker at a time, and a chromosome of 172 markers does not fit into memory.
//
// Places are bases on a line, on which the contigs of a data set lie behind each other, each from a multiple
// of kBlock on and a block or more apart.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "app/evaluate/scoring.hpp"
#include "io/files/spool.hpp"

namespace regkit {

// Blocks of the line by turns belong to one half or the other of what is cross-fitted.
inline constexpr std::int64_t kSiteBlock = 1'000'000;

// Bases [begin, end) of the line.
struct LineRange {
    std::int64_t begin = 0, end = 0;
};

// Codes (kernels/sinks.hpp) of cells that lie side by side; 0 where a cell has no value, being N or excluded.
struct CodeRow {
    std::int64_t begin = 0;  // base of the first cell
    std::span<const std::uint8_t> codes;
};

class CodeSpool {
  public:
    // `cell`: bases an output.
    CodeSpool(int markers, std::int64_t cell, const std::vector<ReferenceContig>& contigs);

    int markers() const { return markers_; }
    std::int64_t cell() const { return cell_; }
    std::int64_t line(std::int32_t contig, std::int64_t position) const;
    // Logits [markers][cells] of the cells from `begin` on, behind all that was added before; `kept`
    // ascending and disjoint. Error(diverged) at a logit that is not finite.
    void add(std::int64_t begin, std::span<const float> logits, std::int64_t cells,
             std::span<const KeptRun> kept);
    // Bases in ascending order; what touches the last one becomes part of it.
    void add_label(int marker, LineRange label);

    std::int64_t cells() const { return cells_; }  // added
    const std::vector<LineRange>& labels(int marker) const {
        return labels_[static_cast<std::size_t>(marker)];
    }
    // Reads a marker's codes into `memory`, as the rows that were added, those that adjoin as one.
    std::vector<CodeRow> read(int marker, std::vector<std::uint8_t>& memory) const;

  private:
    struct Piece {
        std::int64_t begin = 0, cells = 0;
        std::uint64_t offset = 0;
    };

    int markers_;
    std::int64_t cell_, cells_ = 0;
    std::vector<std::int64_t> contigs_;  // where each begins on the line
    std::vector<Piece> pieces_;
    std::vector<std::vector<LineRange>> labels_;
    std::vector<std::uint8_t> codes_;
    Spool spool_;
};

}  // namespace regkit
