// What a bigWig writer refuses. That it writes right is for bigwig_pybigwig.py to say.
#include "io/bigwig/bigwig_writer.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/base/error.hpp"
#include "test/support/scratch.hpp"

using namespace regkit;

TEST_CASE("values that a bigWig file cannot hold are refused by place") {
    test::Scratch scratch;
    Spool spool;
    ThreadPool pool(1);
    BigWigWriter writer(scratch.path("t.bw"), spool, {});
    writer.file().add_contig("chr1", 100);
    writer.file().add_contig("chr2", 50);
    const std::vector<float> ten(10, 0.5f);
    writer.add(0, 20, 1, ten);
    CHECK_THROWS_WITH_AS(writer.add(0, 29, 1, ten), doctest::Contains("(chr1:30): values are out of order"),
                         Error);
    CHECK_THROWS_WITH_AS(writer.add(0, 91, 1, ten), doctest::Contains("outside the contig"), Error);
    CHECK_THROWS_WITH_AS(writer.add(0, 60, 5, ten), doctest::Contains("outside the contig"), Error);
    CHECK_THROWS_WITH_AS(writer.add(2, 0, 1, ten), doctest::Contains("no contig"), Error);
    std::vector<float> bad = ten;
    bad[3] = std::numeric_limits<float>::quiet_NaN();
    CHECK_THROWS_WITH_AS(writer.add(0, 40, 2, bad), doctest::Contains("(chr1:47): the value is not a finite"),
                         Error);
    bad[3] = std::numeric_limits<float>::infinity();
    bad[5] = -bad[3];
    CHECK_THROWS_AS(writer.add(0, 40, 1, bad), Error);
    writer.add(1, 40, 1, ten);
    CHECK_THROWS_WITH_AS(writer.add(0, 60, 1, ten), doctest::Contains("out of order"), Error);
    writer.finish(pool);
    CHECK(!std::filesystem::exists(scratch.path("t.bw")));
    writer.file().commit();
    CHECK(scratch.names() == std::vector<std::string>{"t.bw"});
}

TEST_CASE("contigs of a bigWig file are unique and have a length") {
    test::Scratch scratch;
    Spool spool;
    ThreadPool pool(1);
    CHECK_THROWS_WITH_AS(BigWigWriter("-", spool, {}), doctest::Contains("standard output"), Error);
    {
        BigWigWriter writer(scratch.path("t.bw"), spool, {});
        CHECK_THROWS_AS(writer.file().add_contig("long", std::int64_t{1} << 32), Error);
        CHECK_THROWS_WITH_AS(writer.finish(pool), doctest::Contains("length of contig 'long' is not known"),
                             Error);
    }
    BigWigWriter writer(scratch.path("t.bw"), spool, {});
    writer.file().add_contig("a", 5);
    writer.file().add_contig("a", 5);
    CHECK_THROWS_WITH_AS(writer.finish(pool), doctest::Contains("'a' occurs twice"), Error);
}
