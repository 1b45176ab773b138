// What the header of a call's outputs says of their values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace regkit {

struct ValuesAbout {
    std::int64_t cell = 1;  // bases a value of the model's stands for
    bool coverage = false, calibrated = false, coded = false, spread = false;
    std::int64_t models = 1;         // whose mean they are
    std::int64_t calibrated_of = 0;  // how many of several models give calibrated probabilities
};

// Lines as "regcallValues=calibrated probability"; none where each is the plain probability of a base.
std::vector<std::string> values_header(const ValuesAbout& about);

}  // namespace regkit
