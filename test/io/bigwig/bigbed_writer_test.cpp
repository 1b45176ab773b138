// What a bigBed writer refuses. That it writes right is for bigbed_pybigwig.py to say.
#include "io/bigwig/bigbed_writer.hpp"

#include <doctest/doctest.h>

#include "kernels/base/error.hpp"
#include "test/support/scratch.hpp"

using namespace regkit;

TEST_CASE("intervals that a bigBed file cannot hold are refused by place") {
    constexpr BigFormat kFormat{.title = "bigBed",
                                .magic = 0x8789F2EB,
                                .items_per_block = 2,
                                .fields = 3,
                                .bed_fields = 3,
                                .columns = "table t"};
    test::Scratch scratch;
    Spool spool;
    ThreadPool pool(1);
    CHECK_THROWS_WITH_AS(BigBedWriter("-", spool, kFormat, {}),
                         doctest::Contains("bigBed cannot be written to standard output"), Error);
    BigBedWriter writer(scratch.path("t.bb"), spool, kFormat, {});
    writer.file().add_contig("chr1", 100);
    writer.file().add_contig("chr2", 50);
    writer.add(0, 20, 60, "");
    writer.add(0, 20, 30, "");
    CHECK_THROWS_WITH_AS(writer.add(0, 19, 25, ""),
                         doctest::Contains("(chr1:20): intervals are out of order"), Error);
    CHECK_THROWS_WITH_AS(writer.add(0, 91, 101, ""), doctest::Contains("outside the contig"), Error);
    CHECK_THROWS_WITH_AS(writer.add(0, 40, 40, ""), doctest::Contains("outside the contig"), Error);
    CHECK_THROWS_WITH_AS(writer.add(2, 0, 1, ""), doctest::Contains("no contig"), Error);
    writer.add(1, 0, 50, "");
    CHECK_THROWS_WITH_AS(writer.add(0, 60, 70, ""), doctest::Contains("out of order"), Error);
    writer.finish(pool);
    CHECK(scratch.names() != std::vector<std::string>{"t.bb"});
    writer.file().commit();
    CHECK(scratch.names() == std::vector<std::string>{"t.bb"});
}
