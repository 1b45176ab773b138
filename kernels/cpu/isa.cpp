// Which instruction sets there are and the choice of one. Highway's dispatch is process-wide; here it is
// consulted only while a back end is made, under a lock, so that back ends with different sets can live side
// by side.
#include <hwy/targets.h>

#include <mutex>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "kernels/cpu/kernels.hpp"

namespace regkit::cpu {

namespace {

struct Isa {
    const char* name;
    std::int64_t target;
};
constexpr Isa kIsas[] = {{"avx512", HWY_AVX3}, {"avx2", HWY_AVX2},      {"sse4", HWY_SSE4},
                         {"neon", HWY_NEON},   {"generic", HWY_EMU128}, {"generic", HWY_SCALAR}};

std::vector<Isa> available() {
    std::vector<Isa> found;
    const std::vector<std::int64_t> targets = hwy::SupportedAndGeneratedTargets();
    for (const Isa& isa : kIsas)
        for (const std::int64_t target : targets)
            if (isa.target == target) found.push_back(isa);
    return found;
}

Isa choose(const std::string& name) {
    const std::vector<Isa> found = available();
    std::string names;
    for (const Isa& isa : found) {
        if (name.empty() || name == isa.name) return isa;
        names += (names.empty() ? "" : ", ") + std::string(isa.name);
    }
    throw Error(ErrorKind::usage, "--isa " + name + ": not on this machine; it has " + names);
}

}  // namespace

std::vector<std::string> isa_names() {
    std::vector<std::string> names;
    for (const Isa& isa : available()) names.push_back(isa.name);
    return names;
}

Kernels select_kernels(const std::string& name) {
    static std::mutex mutex;
    const std::lock_guard lock(mutex);
    const Isa isa = choose(name);
    hwy::SetSupportedTargetsForTest(isa.target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    Kernels kernels{tile_kernels(), outer_kernels(), norm_kernels(),      sequence_kernels(), pool_kernels(),
                    tail_kernels(), lstm_kernels(),  optimiser_kernels(), isa.name};
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    return kernels;
}

}  // namespace regkit::cpu
