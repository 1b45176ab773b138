// The layers' logits, piece by piece, become values or codes, a thread a position; where bits are wanted, the
// values are compared once they are there, a thread a word.
#include <memory>

#include "kernels/cuda/tail/infer.hpp"
#include "kernels/cuda/tail/layers.hpp"

namespace regkit::cuda {

namespace {

// From logits of some samples' positions, the first `first` of the piece's row.
struct Store {
    Tensor logits;
    std::int64_t first_sample, first, row;  // row: positions of the piece's, padded
    Sinks to;
    __device__ void operator()(std::int64_t i) const {
        const Place at = logits.place(i);
        const std::int64_t place =
            ((first_sample + at.sample) * logits.channels + at.channel) * row + first + at.position;
        if (to.codes)
            to.codes[place] = code_of(logits.data[i]);
        else
            to.values[place] = value_of(to.kind, logits.data[i]);
    }
};

struct Call {
    OutputPiece piece;
    int markers;
    Sinks to;
    __device__ void operator()(std::int64_t word) const {
        const std::int64_t row = piece.row(), first = word * 32 % row;
        const float cutoff = to.cutoff[word * 32 / row % markers];
        std::uint32_t bits = 0;
        for (int p = 0; p < 32 && first + p < piece.length; ++p)
            if (!(to.values[word * 32 + p] < cutoff)) bits |= 1u << p;
        to.bits[word] = bits;
    }
};

}  // namespace

PieceRunner plain_runner(const Tail& tail, const TailRange& range, Scratch& scratch) {
    const auto layers = std::make_shared<TailLayers>(tail, nullptr, scratch);
    const auto run = [&tail, &range, layers](const OutputPiece& piece, const Sinks& to) {
        const std::int64_t begin = range.begin + piece.first / tail.stride;
        layers->for_each_piece(piece.samples, begin, begin + piece.length / tail.stride, [&](Piece part) {
            const std::int64_t sample = part.first_sample, first = (part.begin - begin) * tail.stride;
            part.first_sample += piece.first_sample;
            const Tensor logits = layers->forward(range.h, part);
            for_each(logits.size(), Store{logits, sample, first, piece.row(), to});
        });
        if (to.bits)
            for_each(piece.samples * tail.markers() * piece.row() / 32, Call{piece, tail.markers(), to});
    };
    return {kPieceBytes, std::int64_t{kOutputTile} * tail.stride, run};
}

}  // namespace regkit::cuda
