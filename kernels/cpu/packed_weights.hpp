// Constant weights in the order of the tiles, kept from call to call: where rows are short, packing them anew
// would take as long as the products.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <new>

#include "kernels/cpu/kernels.hpp"

namespace regkit::cpu {

class PackedWeights {
  public:
    // What was packed: element (o, t, k) is w[o*w_out + t*w_tap + k*w_in].
    struct Key {
        const void* array = nullptr;  // that w lies in
        const float* w = nullptr;
        std::int64_t w_out = 0, w_tap = 0, w_in = 0;
        int out = 0, taps = 0, in = 0;
        const TileKernels* kernel = nullptr;
        auto operator<=>(const Key&) const = default;
    };

    // The `count` floats kept under `key`, 64-byte aligned; if there are none, make(floats) fills them first,
    // which are zero. Good until the array is written or freed. Throws std::bad_alloc.
    template <typename Make>
    const float* get(const Key& key, std::int64_t count, const Make& make) {
        Block& block = kept_[key];
        if (!block) {
            const auto lines = (static_cast<std::size_t>(count) * sizeof(float) + 63) / 64;
            Block fresh(static_cast<Line*>(::operator new (lines * sizeof(Line), std::align_val_t{64})));
            std::uninitialized_fill_n(fresh.get(), lines, Line{});
            make(fresh->values);
            block = std::move(fresh);
        }
        return block->values;
    }

    // Of an array that changes or ends.
    void forget(const void* array) {
        std::erase_if(kept_, [array](const auto& entry) { return entry.first.array == array; });
    }

  private:
    struct alignas(64) Line {
        float values[16] = {};
    };
    struct Free {
        void operator()(Line* lines) const { ::operator delete (lines, std::align_val_t{64}); }
    };
    using Block = std::unique_ptr<Line, Free>;
    std::map<Key, Block> kept_;
};

}  // namespace regkit::cpu
