// Which instruction sets there are and the choice of one. Highway's dispatch is process-wide; here it is
// consulted only while a back end is made, under a lock, so that back ends with different sets can live side
// by side.
#include <hwy/targets.h>

#include <mutex>
#include <utility>
#include <vector>

#include "kernels/base/error.hpp"
#include "kernels/cpu/kernels.hpp"

namespace regkit::cpu {

namespace {

struct Isa {
    const char* name;
    std::int64_t target;
    bool dots = false;  // and the instruction for bf16 beside it
};
constexpr Isa kIsas[] = {{"avx512bf16", HWY_AVX3, true},
                         {"avx512", HWY_AVX3},
                         {"avx2", HWY_AVX2},
                         {"sse4", HWY_SSE4},
                         {"neon", HWY_NEON},
                         {"generic", HWY_EMU128},
                         {"generic", HWY_SCALAR}};

bool has_dots() {
#if defined(__x86_64__)
    return avx512bf16_tile_kernels() != nullptr && __builtin_cpu_supports("avx512bf16");
#else
    return false;
#endif
}

// Intel's (Sapphire and Emerald Rapids) start a vdpbf16ps every other cycle, and two multiply-adds in f32
// each cycle: pairs that are unpacked pass 1.6 times as fast. AMD's Zen 4 starts as many of one as of the
// other.
bool has_slow_dots() {
#if defined(__x86_64__)
    return __builtin_cpu_is("intel");
#else
    return false;
#endif
}

// The fastest first.
std::vector<Isa> available(Precision precision) {
    std::vector<Isa> found;
    const bool dots = precision == Precision::bf16 && has_dots();
    const std::vector<std::int64_t> targets = hwy::SupportedAndGeneratedTargets();
    for (const Isa& isa : kIsas)
        for (const std::int64_t target : targets)
            if (isa.target == target && (dots || !isa.dots)) found.push_back(isa);
    if (found.size() > 1 && found[0].dots && has_slow_dots()) std::swap(found[0], found[1]);
    return found;
}

Isa choose(const std::string& name, Precision precision) {
    const std::vector<Isa> found = available(precision);
    std::string names;
    for (const Isa& isa : found) {
        if (name.empty() || name == isa.name) return isa;
        names += (names.empty() ? "" : ", ") + std::string(isa.name);
    }
    throw Error(ErrorKind::usage, "--isa " + name + ": not on this machine in " + precision_name(precision) +
                                      "; it has " + names);
}

}  // namespace

std::vector<std::string> isa_names(Precision precision) {
    std::vector<std::string> names;
    for (const Isa& isa : available(precision)) names.push_back(isa.name);
    return names;
}

Kernels select_kernels(const std::string& name, Precision precision) {
    static std::mutex mutex;
    const std::lock_guard lock(mutex);
    const Isa isa = choose(name, precision);
    hwy::SetSupportedTargetsForTest(isa.target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    Kernels kernels{tile_kernels(), outer_kernels(), tile_kernels(),      outer_kernels(),
                    nullptr,        norm_kernels(),  sequence_kernels(),  pool_kernels(),
                    tail_kernels(), lstm_kernels(),  optimiser_kernels(), isa.name};
    if (precision == Precision::bf16) {
        kernels.product_tile = isa.dots ? avx512bf16_tile_kernels() : bf16_tile_kernels();
        kernels.product_outer = isa.dots ? avx512bf16_outer_kernels() : bf16_outer_kernels();
        kernels.bf16 = bf16_kernels();
    }
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    return kernels;
}

}  // namespace regkit::cpu
