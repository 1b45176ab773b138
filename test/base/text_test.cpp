#include "base/text.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace regkit;

TEST_CASE("counted: one of a thing has no s") {
    CHECK(counted(0, "marker") == "0 markers");
    CHECK(counted(1, "marker") == "1 marker");
    CHECK(counted(-1, "marker") == "-1 markers");
    CHECK(counted(11, "marker") == "11 markers");
    CHECK(plural(1, "contig") == "contig");
}

TEST_CASE("quoted: at most 60 characters, none that a terminal would obey") {
    CHECK(quoted("chr1\t10") == "'chr1\\x0910'");
    CHECK(quoted("\x1b[31m") == "'\\x1b[31m'");
    CHECK(quoted("\xc3\xa9\x7f") == "'\\xc3\\xa9\\x7f'");
    CHECK(quoted(std::string(60, 'a')) == "'" + std::string(60, 'a') + "'");
    CHECK(quoted(std::string(61, 'a')) == "'" + std::string(60, 'a') + "...'");
    CHECK(quoted(std::string(1'000'000, '\0')).size() == 60 + 5);
    CHECK(quoted("") == "''");
}

TEST_CASE("lower case of ASCII alone") {
    CHECK(lower_case("narrowPeak.GZ") == "narrowpeak.gz");
    CHECK(lower_case("\xc3\x84[Z") == "\xc3\x84[z");
}

TEST_CASE("some_of: the first ones, and how many more") {
    CHECK(some_of({}) == "");
    CHECK(some_of({"a", "b"}) == "a, b");
    CHECK(some_of({"a", "b", "c"}, 2) == "a, b and 1 more");
}

TEST_CASE("nearest: the name that was meant, or none") {
    const std::vector<std::string> names{"CTCF.K562", "open.K562", "H3K4me3"};
    CHECK(nearest("ctcf.k562", names) == "CTCF.K562");
    CHECK(nearest("my_CTCF.K562", names) == "CTCF.K562");
    CHECK(nearest("H3K4me1", names) == "H3K4me3");
    CHECK(nearest("zzz", names) == "");
    CHECK(nearest("", names) == "");
    CHECK(edit_distance("kitten", "sitting") == 3);
    CHECK(edit_distance("", "abc") == 3);
}

TEST_CASE("numbers of tables") {
    CHECK(regkit::number_text(0.1) == "0.1");
    CHECK(regkit::number_text(1.0 / 3) == "0.333333");
    CHECK(regkit::number_text(1234567) == "1.23457e+06");
    CHECK(regkit::number_text(2, "%.2f") == "2.00");
    CHECK(regkit::number_text(std::numeric_limits<double>::quiet_NaN()) == "NA");
    CHECK(regkit::number_text(-std::numeric_limits<double>::infinity()) == "NA");
}
