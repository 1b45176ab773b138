// An architecture in JSON.
#include "nn/spec.hpp"

#include "kernels/base/error.hpp"
#include "test/fuzz/fuzz.hpp"

void fuzz_one(std::string_view input) {
    const regkit::Spec spec = regkit::parse_spec(input, "x");
    expect(regkit::parse_spec(regkit::to_json(spec), "y") == spec, "another architecture");
    const regkit::SpecSummary summary = regkit::summarise(spec, 3);
    expect(summary.parameters >= 0 && summary.stride >= 1 && summary.scale >= 1 && summary.outputs >= 1,
           "no summary");
    regkit::describe(spec, 3);
    try {
        regkit::summarise(regkit::with_window(spec, 5000, "x"), 2);
    } catch (const regkit::Error&) {  // it fits no such window
    }
    regkit::summarise(regkit::without_norm(spec), 2);
}
