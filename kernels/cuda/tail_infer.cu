#include <algorithm>
#include <vector>

#include "kernels/cuda/backend_impl.hpp"
#include "kernels/cuda/tail.hpp"

namespace regkit {

using cuda::Piece;
using cuda::TailLayers;
using cuda::Tensor;

namespace {

struct Output {
    float* logits;
    TailOutput kind;
    __device__ void operator()(std::int64_t i) const {
        logits[i] = kind == TailOutput::rates ? cuda::softplus_of(logits[i]) : cuda::sigmoid_of(logits[i]);
    }
};

}  // namespace

Status CudaBackend::do_tail_infer(const View& h, const Tail& tail, std::int64_t begin, std::int64_t end,
                                  TailOutput kind, float* out) noexcept {
    return guarded([&] {
        TailLayers layers(tail, nullptr, scratch_);
        const std::int64_t markers = tail.markers(), row = (end - begin) * tail.stride;
        std::vector<float> part;  // of a sample's rows, where they do not come out whole
        layers.for_each_piece(h.shape.batch, begin, end, [&](const Piece& piece) {
            const Tensor outputs = layers.forward(cuda::tensor_of(h), piece);
            if (kind != TailOutput::logits) cuda::for_each(outputs.size(), Output{outputs.data, kind});
            const auto count = static_cast<std::size_t>(outputs.size());
            float* const to = out + piece.first_sample * markers * row;
            const bool is_whole = outputs.length == row;
            if (!is_whole) part.resize(count);
            stream_.download(is_whole ? to : part.data(), outputs.data, count * sizeof(float));
            if (is_whole) return;
            for (std::int64_t marker = 0; marker < markers; ++marker)
                std::copy_n(part.data() + marker * outputs.length, outputs.length,
                            to + marker * row + (piece.begin - begin) * tail.stride);
        });
    });
}

}  // namespace regkit
