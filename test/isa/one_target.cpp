// Highway's choice of an instruction set, for a processor without a build of Highway's library at hand and
// with one set to choose.
#include <hwy/highway.h>

namespace hwy {

static_assert((HWY_TARGETS & (HWY_TARGETS - 1)) == 0, "more than one instruction set to choose from");

int64_t SupportedTargets() {
    return HWY_TARGETS;
}

void SetSupportedTargetsForTest(int64_t) {}

ChosenTarget& GetChosenTarget() {
    static ChosenTarget chosen;
    return chosen;
}

}  // namespace hwy
