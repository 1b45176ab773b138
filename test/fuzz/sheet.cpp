// A marker sheet.
#include <set>

#include "app/dataset/marker_sheet.hpp"
#include "test/fuzz/fuzz.hpp"

void fuzz_one(std::string_view input) {
    // Files that the sheet may name have to be there.
    static const std::string peaks[] = {put("a.narrowPeak.gz", ""), put("b.bed", "")};
    std::set<std::string> names;
    regkit::NullLog quiet;
    for (const auto& source : regkit::read_marker_sheet(put("x", input), quiet))
        expect(!source.marker.name.empty() && names.insert(source.marker.name).second && !source.path.empty(),
               "a marker without a name, twice, or without a file");
}
