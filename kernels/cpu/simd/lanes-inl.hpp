// The vector type of the products, included once a target.
#if defined(REGKIT_KERNELS_CPU_SIMD_LANES_INL_HPP) == defined(HWY_TARGET_TOGGLE)  // once a target
#ifdef REGKIT_KERNELS_CPU_SIMD_LANES_INL_HPP
#undef REGKIT_KERNELS_CPU_SIMD_LANES_INL_HPP
#else
#define REGKIT_KERNELS_CPU_SIMD_LANES_INL_HPP
#endif

#include <hwy/highway.h>

#include <cstdint>

// Ends a file of kernels: `const Type* function()`, declared in kernels/cpu/kernels.hpp, gives what
// `const Type* table()` gives of the instruction set that is best here.
#undef REGKIT_KERNELS
#if HWY_ONCE
#define REGKIT_KERNELS(Type, function, table) \
    namespace regkit::cpu {                   \
    HWY_EXPORT(table);                        \
    const Type* function() {                  \
        return HWY_DYNAMIC_DISPATCH(table)(); \
    }                                         \
    }                                         \
    static_assert(true)
#else
#define REGKIT_KERNELS(Type, function, table) static_assert(true)
#endif

HWY_BEFORE_NAMESPACE();
namespace regkit::cpu::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::CappedTag<float, 16>;
using Vec = hn::Vec<Tag>;
constexpr std::int64_t kLanes = static_cast<std::int64_t>(hn::MaxLanes(Tag()));

// Rows, or vectors of positions, that pass a register tile in one turn of its loop: a core that shares its
// decoders with a hyperthread is short of instructions, not of multiply-adds.
#ifdef __SANITIZE_ADDRESS__  // whose checks are compiled for each, in minutes
constexpr int kUnroll = 1;
#else
constexpr int kUnroll = 4;
#endif

}  // namespace
}  // namespace regkit::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
