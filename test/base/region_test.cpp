#include "base/region.hpp"

#include <doctest/doctest.h>

#include "base/error.hpp"

using regkit::parse_region;
using regkit::Region;

TEST_CASE("regions are read as samtools reads them") {
    CHECK(parse_region("chr1") == Region{"chr1", 0, regkit::kContigEnd});
    CHECK(parse_region("chr2:1,000") == Region{"chr2", 999, regkit::kContigEnd});
    CHECK(parse_region("chr3:1000-2,000") == Region{"chr3", 999, 2000});
    CHECK(parse_region("{HLA:DRB1}:5-5") == Region{"HLA:DRB1", 4, 5});
    CHECK(to_string(parse_region("chr3:1000-2,000")) == "chr3:1000-2000");
    CHECK(parse_region(to_string(Region{"HLA:DRB1", 4, 5})) == Region{"HLA:DRB1", 4, 5});
}

TEST_CASE("a bad region is a usage error") {
    for (const char* bad : {"", ":1-2", "chr1:0", "chr1:5-4", "chr1:-5", "chr1:1e3", "chr1:1-2-3", "chr1:x", "{chr1"})
        CHECK_THROWS_AS_MESSAGE(parse_region(bad), regkit::Error, bad);
}
