// Counter-based dropout: which elements survive is a pure function of (seed, step, layer, sample, channel,
// position), so forward, backward, every back end and every split of a batch over processes agree without
// storing a mask.
//
// Random bits: Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2,
// 3"). One call yields eight 16-bit draws; the draws of 128 neighbouring positions are laid out so that 16
// lanes of a vector unit that each run one call hold, word by word, 16 consecutive positions.
#pragma once

#include <cstdint>

#ifdef __CUDACC__
#define REGKIT_HOST_DEVICE __host__ __device__
#else
#define REGKIT_HOST_DEVICE
#endif

namespace regkit {

// rate = 0 turns dropout off. Survivors are scaled by 1 / (1 - rate).
struct Dropout {
    float rate = 0;  // probability that an element is dropped, in [0, 1)
    std::uint64_t seed = 0;
    std::uint64_t step = 0;    // optimiser step
    std::uint32_t layer = 0;   // index of the layer in its Spec
    std::uint32_t sample = 0;  // number, within the step, of the batch's first sample
    // Behind an up-convolution by r, nucleotide p of channel c is drawn as (channel c*r + p % r, position p /
    // r), so that a tail that keeps coarse positions in lanes draws as cheaply as one that keeps nucleotides
    // in lanes. Else 1.
    std::uint32_t interleave = 1;
    // Number of a row's first position. Rows over the samples of a batch (flat_dense) count samples by
    // position: there this, not `sample`, is the number of the batch's first sample. 0 where positions are
    // interleaved.
    std::uint32_t first = 0;
};

struct PhiloxBlock {
    std::uint32_t word[4];
};

REGKIT_HOST_DEVICE inline PhiloxBlock philox4x32(std::uint32_t c0, std::uint32_t c1, std::uint32_t c2,
                                                 std::uint32_t c3, std::uint32_t k0, std::uint32_t k1) {
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c0;
        const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * c2;
        const std::uint32_t next0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0;
        const std::uint32_t next2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
        c1 = static_cast<std::uint32_t>(p1);
        c3 = static_cast<std::uint32_t>(p0);
        c0 = next0;
        c2 = next2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return {{c0, c1, c2, c3}};
}

// Philox key and the two counters that do not depend on the element.
struct DropoutKey {
    std::uint32_t k0, k1, c3;
    std::uint32_t threshold;  // an element survives when its 16 bits are >= threshold
    float scale;              // 1 / P(survive), exact for the quantised probability
};

REGKIT_HOST_DEVICE inline DropoutKey dropout_key(const Dropout& d) {
    DropoutKey key;
    key.k0 = static_cast<std::uint32_t>(d.seed) ^ (static_cast<std::uint32_t>(d.step) * 0x9E3779B9u);
    key.k1 =
        static_cast<std::uint32_t>(d.seed >> 32) ^ static_cast<std::uint32_t>(d.step >> 32) ^ 0x85EBCA6Bu;
    key.c3 = d.layer ^ (static_cast<std::uint32_t>(d.step) << 8);
    key.threshold = static_cast<std::uint32_t>(d.rate * 65536.0f + 0.5f);
    key.scale = 65536.0f / (65536.0f - static_cast<float>(key.threshold));
    return key;
}

// The block that holds the draws of `position`: counter c0. Its draw is 16-bit half (v % 2) of word v / 2,
// where v = (position / 16) % 8.
REGKIT_HOST_DEVICE inline std::uint32_t dropout_counter(std::int64_t position) {
    return static_cast<std::uint32_t>((position / 128) * 16 + position % 16);
}

// Factor of one element: 0 or key.scale. `channel` and `position` are already interleaved (see
// Dropout::interleave); `sample` counts within the step (Dropout::sample + index in the batch).
REGKIT_HOST_DEVICE inline float dropout_factor(const DropoutKey& key, std::uint32_t sample,
                                               std::int64_t channel, std::int64_t position) {
    const PhiloxBlock block = philox4x32(dropout_counter(position), static_cast<std::uint32_t>(channel),
                                         sample, key.c3, key.k0, key.k1);
    const int v = static_cast<int>((position / 16) % 8);
    const std::uint32_t draw = (block.word[v / 2] >> (16 * (v % 2))) & 0xFFFFu;
    return draw >= key.threshold ? key.scale : 0.0f;
}

}  // namespace regkit
