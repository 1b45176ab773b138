// Pieces go to the file as they come, [marker][cell]; a marker is read back by one read of each.
#include "app/evaluate/code_spool.hpp"

#include <cmath>

#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"
#include "kernels/sinks.hpp"

namespace regkit {

CodeSpool::CodeSpool(int markers, std::int64_t cell, const std::vector<ReferenceContig>& contigs)
    : markers_(markers), cell_(cell), labels_(static_cast<std::size_t>(markers)) {
    std::int64_t next = 0;
    for (const ReferenceContig& contig : contigs) {
        contigs_.push_back(next);
        next += (contig.length / kSiteBlock + 2) * kSiteBlock;
    }
}

std::int64_t CodeSpool::line(std::int32_t contig, std::int64_t position) const {
    return nth(contigs_, contig) + position;
}

void CodeSpool::add(std::int64_t begin, std::span<const float> logits, std::int64_t cells,
                    std::span<const KeptRun> kept) {
    const auto row = static_cast<std::size_t>(cells);
    codes_.assign(static_cast<std::size_t>(markers_) * row, 0);
    for (std::size_t m = 0; m < static_cast<std::size_t>(markers_); ++m)
        for (const KeptRun& run : kept)
            for (auto i = static_cast<std::size_t>(run.begin); i < static_cast<std::size_t>(run.end); ++i) {
                const float logit = logits[m * row + i];
                require(std::isfinite(logit), ErrorKind::diverged, "a prediction is not a finite number");
                codes_[m * row + i] = logit_code(logit);
            }
    pieces_.push_back(
        {begin, cells, spool_.append({reinterpret_cast<const char*>(codes_.data()), codes_.size()})});
    cells_ += cells;
}

void CodeSpool::add_label(int marker, LineRange label) {
    std::vector<LineRange>& labels = nth(labels_, marker);
    if (!labels.empty() && label.begin <= labels.back().end)
        labels.back().end = std::max(labels.back().end, label.end);
    else
        labels.push_back(label);
}

std::vector<CodeRow> CodeSpool::read(int marker, std::vector<std::uint8_t>& memory) const {
    memory.resize(static_cast<std::size_t>(cells_));
    std::vector<CodeRow> rows;
    std::size_t at = 0;
    std::int64_t end = -1;
    for (const Piece& piece : pieces_) {
        const std::span<std::uint8_t> codes =
            std::span(memory).subspan(at, static_cast<std::size_t>(piece.cells));
        spool_.read(piece.offset + static_cast<std::uint64_t>(marker * piece.cells),
                    {reinterpret_cast<char*>(codes.data()), codes.size()});
        if (piece.begin == end)
            rows.back().codes = {rows.back().codes.data(), rows.back().codes.size() + codes.size()};
        else
            rows.push_back({piece.begin, codes});
        end = piece.begin + piece.cells * cell_;
        at += codes.size();
    }
    return rows;
}

}  // namespace regkit
