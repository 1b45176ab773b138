// Philox, a counter-based generator, is the round function of the Feistel network, keyed by seed, epoch and
// round; a result beyond the number of windows is put through again until it lies inside. Whether a window is
// reversed is one more draw, from a stream of its own.
#include "app/train/window_order.hpp"

#include <bit>

#include "kernels/dropout.hpp"

namespace regkit {
namespace {

// Keeps these draws apart from one another and from dropout's, which use the same seed.
constexpr std::uint32_t kOrderStream = 0x0A5E3u;
constexpr std::uint32_t kCoinStream = 0x0C014u;
constexpr int kRounds = 8;

PhiloxBlock draw(std::uint64_t seed, std::uint64_t a, std::uint32_t b, std::uint32_t round,
                 std::uint32_t stream) {
    return philox4x32(static_cast<std::uint32_t>(a), static_cast<std::uint32_t>(a >> 32), b, round,
                      static_cast<std::uint32_t>(seed) ^ stream, static_cast<std::uint32_t>(seed >> 32));
}

}  // namespace

std::int64_t permuted(std::uint64_t seed, std::uint64_t epoch, std::int64_t count, std::int64_t index) {
    const auto width = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(count - 1)));
    const int half = (width + 1) / 2;
    const std::uint64_t mask = (std::uint64_t{1} << half) - 1;
    auto x = static_cast<std::uint64_t>(index);
    do {  // fewer than four tries on average: the domain is less than four times the range
        std::uint64_t left = x >> half, right = x & mask;
        for (std::uint32_t round = 0; round < kRounds; ++round) {
            const PhiloxBlock block =
                draw(seed, epoch, static_cast<std::uint32_t>(right), round, kOrderStream);
            const std::uint64_t next = left ^ (block.word[0] & mask);
            left = right;
            right = next;
        }
        x = left << half | right;
    } while (x >= static_cast<std::uint64_t>(count));
    return static_cast<std::int64_t>(x);
}

bool reversed_at(std::uint64_t seed, std::int64_t position) {
    return draw(seed, static_cast<std::uint64_t>(position), 0, 0, kCoinStream).word[0] >> 31 != 0;
}

}  // namespace regkit
