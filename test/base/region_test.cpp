#include "base/region.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "kernels/base/error.hpp"

using regkit::kContigEnd;
using regkit::OnePosition;
using regkit::parse_placed_name;
using regkit::parse_region;
using regkit::parse_regions;
using regkit::Region;
using regkit::RegionRules;

namespace {

RegionRules contigs(std::vector<std::string> names) {
    return {.has_contig = [names = std::move(names)](const std::string& name) {
        return std::find(names.begin(), names.end(), name) != names.end();
    }};
}

const RegionRules kRules = contigs({"chr1", "chr2", "chr3", "chr1:100", "chr2:100", "HLA:DRB1", "HLA-A*01:01",
                                    "HLA-C*06:46N", "HLA-C*06", "a,b", "a", "b", "c,d", "123"});

std::string complaint(std::string_view text, const RegionRules& rules = kRules) {
    try {
        parse_regions(text, rules);
    } catch (const regkit::Error& error) {
        CHECK(error.kind() == regkit::ErrorKind::usage);
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("regions are read as samtools reads them") {
    const std::vector<std::pair<const char*, Region>> table{
        {"chr1", {"chr1", 0, kContigEnd}},
        {"chr1:", {"chr1", 0, kContigEnd}},
        {"chr3:1,000", {"chr3", 999, kContigEnd}},
        {"chr3:1000-2,000", {"chr3", 999, 2000}},
        {"chr3:1,0-2,0", {"chr3", 9, 20}},
        {"chr3:59901-", {"chr3", 59900, kContigEnd}},
        {"chr3:-100", {"chr3", 0, 100}},
        {"chr3:5-5", {"chr3", 4, 5}},
        {"{HLA:DRB1}:5-5", {"HLA:DRB1", 4, 5}},
        {"{HLA:DRB1}", {"HLA:DRB1", 0, kContigEnd}},
        {"{chr1:100}", {"chr1:100", 0, kContigEnd}},
        {"{chr1}:100", {"chr1", 99, kContigEnd}},
        // A name as a whole wins over a range of a contig that there is not.
        {"HLA:DRB1", {"HLA:DRB1", 0, kContigEnd}},
        {"HLA-A*01:01", {"HLA-A*01:01", 0, kContigEnd}},
        {"HLA-A*01:01:7-9", {"HLA-A*01:01", 6, 9}},
        // There is a contig HLA-C*06 too, but 46N is no range of it.
        {"HLA-C*06:46N", {"HLA-C*06:46N", 0, kContigEnd}},
        {"chr1:100:3-4", {"chr1:100", 2, 4}},
        // Neither is a contig: the caller names what is missing.
        {"chr9:5-6", {"chr9", 4, 6}},
        {"HLA-B*07:02N", {"HLA-B*07:02N", 0, kContigEnd}},
    };
    for (const auto& [text, region] : table) CHECK_MESSAGE(parse_region(text, kRules) == region, text);
    RegionRules alone = kRules;
    alone.one = OnePosition::alone;
    CHECK(parse_region("chr3:1,000", alone) == Region{"chr3", 999, 1000});
    CHECK(parse_region("chr3:1,000-", alone) == Region{"chr3", 999, kContigEnd});
}

TEST_CASE("text that fits two ways is refused, and both are named") {
    for (const char* text : {"chr1:100", "chr2:100"}) {
        const std::string chr(text, 4);
        CHECK(complaint(text) == "region '" + std::string(text) + "': there are contigs " + text + " and " +
                                     chr + "; use {" + text + "} for the first, {" + chr +
                                     "}:100 for these bases of the second");
    }
    CHECK(complaint("a,b").find("use {a,b} for the contig") != std::string::npos);
}

TEST_CASE("a bad region is a usage error") {
    for (const char* bad : {"",           ":1-2",    "chr1:0",   "chr1:5-4", "chr1:-0",
                            "chr1:5-0",   "chr1:-",  "chr1:1e3", "chr1:1k",  "chr1:1-2-3",
                            "chr1:--2",   "chr1:+5", "chr1: 5",

                            "chr1:x",     "{chr1",   "{chr1}5",  "{}:1-2",   "chr1:99999999999999999999",
                            "chr1,,chr2", "chr1,",   ",chr1",    "chr1:1-5,"})
        CHECK_MESSAGE(complaint(bad) != "", bad);
    RegionRules named = kRules;
    named.called = "--test";
    CHECK(complaint("chr1:0-5", named) ==
          "--test 'chr1:0-5': positions are whole numbers from 1; write it as chr1:1,000-2,000");
}

TEST_CASE("a comma begins a new region unless it stands in a number") {
    const std::vector<std::pair<const char*, std::vector<Region>>> table{
        {"chr3,chr1", {{"chr3", 0, kContigEnd}, {"chr1", 0, kContigEnd}}},
        {"chr3:1,000-2,000,chr2:5,000-6,000", {{"chr3", 999, 2000}, {"chr2", 4999, 6000}}},
        {"chr3:1,000,000,chr2", {{"chr3", 999999, kContigEnd}, {"chr2", 0, kContigEnd}}},
        {"chr3:1,000-,chr2:-5,000", {{"chr3", 999, kContigEnd}, {"chr2", 0, 5000}}},
        {"chr3:5,123:7-8", {{"chr3", 4, kContigEnd}, {"123", 6, 8}}},
        {"chr3,123", {{"chr3", 0, kContigEnd}, {"123", 0, kContigEnd}}},  // no number before the comma
        {"chr3:1-5,1234", {{"chr3", 0, 5}, {"1234", 0, kContigEnd}}},
        {"chr3:5,12", {{"chr3", 4, kContigEnd}, {"12", 0, kContigEnd}}},
        {"{a,b}:1-2,HLA:DRB1,chr2", {{"a,b", 0, 2}, {"HLA:DRB1", 0, kContigEnd}, {"chr2", 0, kContigEnd}}},
        {"c,d", {{"c,d", 0, kContigEnd}}},
    };
    for (const auto& [text, regions] : table) CHECK_MESSAGE(parse_regions(text, kRules) == regions, text);
    CHECK(parse_regions(std::vector<std::string>{"chr1:1-5,chr2", "chr3"}, kRules) ==
          std::vector<Region>{{"chr1", 0, 5}, {"chr2", 0, kContigEnd}, {"chr3", 0, kContigEnd}});
}

TEST_CASE("a region written is the region read") {
    CHECK(to_string(Region{"chr3", 999, 2000}) == "chr3:1000-2000");
    CHECK(to_string(Region{"chr3", 999, kContigEnd}) == "chr3:1000-");
    for (const Region& region : {Region{"HLA:DRB1", 4, 5}, Region{"chr1", 99, kContigEnd},
                                 Region{"chr1:100", 0, 7}, Region{"a,b", 3, 4}})
        CHECK(parse_regions(to_string(region), kRules) == std::vector<Region>{region});
}

TEST_CASE("a sequence's name says where it lies only with a range") {
    CHECK(parse_placed_name("chr1:101-200") == Region{"chr1", 100, 200});
    CHECK(parse_placed_name("chr1:1,001-2,000") == Region{"chr1", 1000, 2000});
    CHECK(parse_placed_name("chr1:101-") == Region{"chr1", 100, kContigEnd});
    CHECK(parse_placed_name("chr1:-200") == Region{"chr1", 0, 200});
    CHECK(parse_placed_name("{HLA:DRB1}:5-6") == Region{"HLA:DRB1", 4, 6});
    CHECK(parse_placed_name("{HLA:DRB1}") == Region{"HLA:DRB1", 0, kContigEnd});
    CHECK(parse_placed_name("HLA-A*01:01:01:01:5-6") == Region{"HLA-A*01:01:01:01", 4, 6});
    for (const char* whole : {"chr1", "HLA-A*01:01:01:01", "HLA-C*06:46N", "chr1:100", "chr1:", "chr1:-",
                              "a:1-2-3", ":1-2", "{a:1-2"})
        CHECK_MESSAGE(!parse_placed_name(whole).has_value(), whole);
    for (const char* bad : {"chr1:0-5", "chr1:9-5", "chr1:-0"})
        CHECK_THROWS_AS_MESSAGE(parse_placed_name(bad), regkit::Error, bad);
}
