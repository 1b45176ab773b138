// The text of regions, as -r takes it, in a genome whose names are odd; and the name of a sequence that was
// cut out of one.
#include "base/region.hpp"

#include <set>

#include "kernels/base/error.hpp"
#include "test/fuzz/fuzz.hpp"

namespace {

void check(const regkit::Region& region) {
    expect(!region.contig.empty() && region.begin >= 0 && region.end > region.begin, "no region");
}

}  // namespace

void fuzz_one(std::string_view input) {
    static const std::set<std::string> names{"chr1", "chr2", "HLA:DRB1", "HLA:DRB1:1-10", "a,b", "chr1:100"};
    regkit::RegionRules rules;
    rules.has_contig = [](const std::string& name) { return names.contains(name); };
    for (const auto one : {regkit::OnePosition::to_end, regkit::OnePosition::alone}) {
        rules.one = one;
        for (const regkit::Region& region : regkit::parse_regions(input, rules)) {
            check(region);
            if (!names.contains(region.contig)) continue;
            expect(regkit::parse_region(to_string(region), rules) == region,
                   "another region once it is printed");
        }
    }
    if (const auto placed = regkit::parse_placed_name(input)) check(*placed);
}
