// Working memory that an operation borrows until it returns: grown on demand, kept from step to step, so that
// a step after the first allocates nothing. One slot a purpose; what a slot held before is undefined.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace regkit::cpu {

enum class Slot : int {
    packed,     // weights in the order of the tiles
    phases,     // a strided input split by position modulo stride
    offsets,    // of the taps
    output,     // phases of an output, before they are interleaved
    padded,     // rows copied for lack of a halo
    codes,      // indices or one-hot rows of a sequence
    table,      // look-up tables and their gradient
    chunks,     // partial sums, one set a chunk
    worker,     // one block a worker
    tail_plan,  // packed weights of the tail
    panel,      // an operand of a matrix product in strips
    turned,     // an operand transposed
    words,      // an operand's rows in bf16
    dy_words,   // and the other's
    cutoffs,    // of the markers, as logits
    count
};

class Scratch {
  public:
    // At least `count` values of T, 64-byte aligned, zeroed when the slot grows. Throws std::bad_alloc.
    template <typename T>
    T* get(Slot slot, std::int64_t count) {
        return static_cast<T*>(
            grow(slots_[static_cast<std::size_t>(slot)], static_cast<std::size_t>(count) * sizeof(T)));
    }

  private:
    struct Free {
        void operator()(void* data) const { std::free(data); }
    };
    struct Block {
        std::unique_ptr<void, Free> data;
        std::size_t bytes = 0;
    };

    static void* grow(Block& block, std::size_t bytes) {
        if (bytes > block.bytes || !block.data) {
            const std::size_t rounded = (bytes / 64 + 2) * 64;
            block.data.reset();
            block.bytes = 0;
            block.data.reset(std::aligned_alloc(64, rounded));
            if (!block.data) throw std::bad_alloc();
            std::memset(block.data.get(), 0, rounded);
            block.bytes = rounded;
        }
        return block.data.get();
    }

    std::array<Block, static_cast<std::size_t>(Slot::count)> slots_;
};

}  // namespace regkit::cpu
