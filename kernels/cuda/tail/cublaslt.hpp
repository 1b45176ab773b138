// The fused tail through cuBLASLt: its layers are matrix products, and what lies between them (dropout, loss,
// values, codes, called runs) is done by kernels to a chunk that stays in cache.
#pragma once

#include <string>
#include <vector>

#include "kernels/cuda/tail/cublaslt_layers.hpp"
#include "kernels/cuda/tail/output.hpp"
#include "kernels/cuda/tail/train.hpp"

namespace regkit::cuda::cublaslt {

class Tails {
  public:
    // `engine`: null, and why, where there is none. `scratch` belongs to the back end.
    Tails(std::unique_ptr<Engine> engine, const std::string& why, Scratch& scratch);

    // Whether cuBLASLt has every product of it; a notice says of the first tail why not.
    bool fits(const Tail& tail);
    bool fits(const TailTraining& training);
    // Of what fits. A chunk takes at most `chunk_bytes`, what is handed out from inference `piece_bytes` at a
    // time. As infer.hpp and train.hpp say.
    PieceRunner runner(const Tail& tail, const TailRange& range);
    void train(const TailTraining& training);

    // For tests: of later calls.
    void set_bytes(std::int64_t chunk_bytes, std::int64_t piece_bytes) {
        chunk_bytes_ = chunk_bytes;
        piece_bytes_ = piece_bytes;
    }
    std::vector<std::string> take_notices();

  private:
    bool does(const Tail& tail, const std::vector<Product>& products);
    std::int64_t columns_of_inference(const Tail& tail) const;
    std::int64_t columns_of(const TailTraining& training) const;

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
