#include "kernels/ops/sequence.hpp"

#include <algorithm>

#include "kernels/ops/checks.hpp"

namespace regkit {

namespace {

void check_codes(const Checks& check, const Codes& codes, const View& y, const ConvGeometry& geometry) {
    check.geometry(geometry);
    check.that(codes.data && codes.batch >= 1 && codes.length >= 1, "no codes");
    check.shape("y", y, codes.batch, y.shape.channels, geometry.output_length(codes.length));
    const std::uint8_t* end = codes.data + codes.batch * codes.length;
    const std::uint8_t largest = *std::max_element(codes.data, end);
    check.that(largest < kSymbols, "a code outside 0..4");
}

// Width of the embedding.
std::int64_t check_embedding(const Checks& check, const Slice& embedding) {
    check.that(embedding.count >= kSymbols && embedding.count % kSymbols == 0,
               "the embedding's size is not a multiple of 5");
    check.values("embedding", embedding, embedding.count);
    return embedding.count / kSymbols;
}

}  // namespace

void SequenceConv::check() const {
    const Checks check(kName);
    check_codes(check, codes, y, geometry);
    const std::int64_t dim = check_embedding(check, embedding);
    check.values("weight", weight, y.shape.channels * dim * geometry.width);
    check.optional("bias", bias, y.shape.channels);
}

void SequenceConvGrad::check() const {
    const Checks check(kName);
    check_codes(check, codes, dy, geometry);
    const std::int64_t dim = check_embedding(check, embedding);
    check.values("weight", weight, dy.shape.channels * dim * geometry.width);
    check.optional("d_embedding", d_embedding, embedding.count);
    check.values("d_weight", d_weight, weight.count);
    check.optional("d_bias", d_bias, dy.shape.channels);
}

void Embed::check() const {
    const Checks check(kName);
    const std::int64_t dim = check_embedding(check, embedding);
    check_codes(check, codes, y, ConvGeometry{});
    check.equal("channels of y", y.shape.channels, dim);
}

}  // namespace regkit
