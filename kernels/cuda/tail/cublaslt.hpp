// The fused tail through cuBLASLt: its layers are matrix products, and what lies between them (dropout, loss,
// values, codes, called runs) is done by kernels to a chunk that stays in cache.
#pragma once

#include <string>
#include <vector>

#include "kernels/cuda/tail/cublaslt_layers.hpp"
#include "kernels/cuda/tail/output.hpp"
#include "kernels/cuda/tail/tensor_core_train.hpp"

namespace regkit::cuda::cublaslt {

class Tails {
  public:
    // `engine`: null, and why, where there is none. `scratch` belongs to the back end.
    Tails(std::unique_ptr<Engine> engine, const std::string& why, Scratch& scratch);

    // As the tail's operations say. Each returns false, with nothing done, where cuBLASLt does
    // not do it, and other kernels have to. A chunk takes at most `chunk_bytes`, what is handed out from
    // inference `piece_bytes` at a time. All throw Failure.
    bool values(const Tail& tail, const TailRange& range, TailOutput kind, float* out);
    bool codes(const Tail& tail, const TailRange& range, std::uint8_t* out);
    bool runs(const Tail& tail, const TailRange& range, TailOutput kind, float cutoff, CalledRuns& out);
    bool train(const TailTraining& training);

    // For tests: of later calls.
    void set_bytes(std::int64_t chunk_bytes, std::int64_t piece_bytes) {
        chunk_bytes_ = chunk_bytes;
        piece_bytes_ = piece_bytes;
    }
    std::vector<std::string> take_notices();

  private:
    bool does(const Tail& tail, const std::vector<Product>& products);
    // body(runner) where the tail's inference is done here; whether that is so.
    template <typename Body>
    bool infer(const Tail& tail, const TailRange& range, const Body& body);

    std::unique_ptr<Multiplier> multiplier_;
    Scratch& scratch_;
    std::int64_t chunk_bytes_ = kChunkBytes, piece_bytes_ = kPieceBytes;
    std::vector<std::string> notices_;
    bool has_refused_ = false;
};

// Runs all chunks of training, for which there is a plan of every product.
void train_in_chunks(const TailTraining& training, const Layers& layers, Multiplier& multiplier,
                     Scratch& scratch);

}  // namespace regkit::cuda::cublaslt
