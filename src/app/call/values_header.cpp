#include "app/call/values_header.hpp"

#include "base/text.hpp"

namespace regkit {
namespace {

// ", the mean of 3 models, 2 of them calibrated; not calibrated itself"
std::string mean_text(const ValuesAbout& about) {
    return ", the mean of " + counted(about.models, "model") +
           (about.calibrated_of > 0 ? ", " + std::to_string(about.calibrated_of) + " of them calibrated"
                                    : "") +
           (about.coverage ? "" : "; not calibrated itself");
}

}  // namespace

std::vector<std::string> values_header(const ValuesAbout& about) {
    const bool every_base = about.cell == 1 && !about.coverage && !about.coded;
    if (every_base && !about.calibrated && about.models == 1) return {};
    std::vector<std::string> lines{std::string("regcallValues=") + (about.calibrated ? "calibrated " : "") +
                                   (about.coverage ? "coverage" : "probability") +
                                   (every_base ? "" : " of " + counted(about.cell, "base")) +
                                   (about.models > 1 ? mean_text(about) : "") +
                                   (about.coded ? ", in 8 bits" : "")};
    if (about.spread)
        lines.push_back("regcallSpread=standard deviation over " + counted(about.models, "model") +
                        ", of a sample (n - 1)");
    return lines;
}

}  // namespace regkit
