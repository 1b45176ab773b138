// A part as it was told, and blocks with right checksums that make no sense.
#include "app/call/part_file.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "kernels/base/error.hpp"
#include "test/support/scratch.hpp"

using namespace regkit;

namespace {

PartHeader small() {
    PartHeader header;
    header.holds_values = header.holds_runs = true;
    header.markers.resize(2);
    header.markers[0].name = "a";
    header.markers[1].name = "b";
    header.cell = 10;
    header.width = 20;
    header.contigs = {{"one", 95}, {"two", 40}};
    return header;
}

// Everything as a line each.
class Lines final : public CallEvents {
  public:
    void begin_contig(const CallContig& contig) override {
        text.push_back(contig.name + " " + std::to_string(contig.length));
    }
    void values(std::int64_t begin, std::int64_t span, std::int64_t count, std::span<const float> values,
                std::int64_t row) override {
        std::string line = std::to_string(begin) + "+" + std::to_string(span) + ":";
        for (std::int64_t m = 0; m < 2; ++m)
            for (std::int64_t i = 0; i < count; ++i)
                line += " " + std::to_string(values[static_cast<std::size_t>(m * row + i)]);
        text.push_back(line);
    }
    void called(std::int64_t begin, std::span<const KnownStretch> stretches,
                const CalledRuns& called) override {
        text.push_back("called " + std::to_string(begin) + " " + std::to_string(stretches.size()) + " " +
                       std::to_string(called.runs.size()));
    }
    void end_region() override { text.push_back("end"); }

    std::vector<std::string> text;
};

constexpr char kSeven = 7 << 1, kOne = 1 << 1, kTwo = 2 << 1, kMinusOne = 1;  // as blocks have numbers

// What is told of a file that begins as it should, of `header`, and goes on with these blocks.
Lines told(const PartHeader& header, const std::vector<std::string>& blocks) {
    const test::Scratch scratch;
    std::string file;
    ThreadPool pool(1);
    PartWriter writer(
        2, 4, [&](std::string_view bytes) { file += bytes; }, nullptr, pool);
    writer.header(header);
    for (const std::string& block : blocks) file += packed_block(block);
    scratch.write("part", file);
    PartReader reader(scratch.path("part"));
    Lines lines;
    reader.replay(lines);
    return lines;
}

}  // namespace

TEST_CASE("parts: what was told is told again, up to the last place that was reached") {
    const test::Scratch scratch;
    std::string file;
    ThreadPool pool(1);
    Lines then;
    PartWriter writer(
        2, 4, [&](std::string_view bytes) { file += bytes; }, &then, pool);
    writer.header(small());
    writer.begin_contig({"one", 95, 0});
    const std::vector<float> values = {0.5f, 0.25f, 0.75f, 1, 0, 0.125f};
    writer.values(20, 20, 3, values, 3);
    const std::vector<KnownStretch> known = {{20, 80}};
    CalledRuns runs;
    runs.append_row(0, 1, std::vector<float>{0.75f, 0.1f, 0.75f}, 0.5f);
    writer.called(20, known, runs);
    writer.reached({0, 80, 60, 0});
    scratch.write("open", file);
    writer.end_region();
    scratch.write("more", file);
    writer.finish({1, 0, 95, 35});
    scratch.write("whole", file);
    REQUIRE(then.text.size() == 4);
    CHECK(then.text[1] == "20+20: 0.500000 0.250000 0.750000 1.000000 0.000000 0.125000");
    for (const std::string name : {"open", "more", "whole"}) {
        PartReader reader(scratch.path(name));
        REQUIRE(reader.has_header());
        CHECK(call_key(reader.header()) == call_key(small()));
        for (int i = 0; i < 2; ++i) {  // again, from the beginning
            Lines lines;
            const PartReader::End end = reader.replay(lines);
            const bool is_whole = name == "whole";
            CHECK(end.is_complete == is_whole);
            CHECK(end.place == (is_whole ? PartPlace{1, 0, 95, 35} : PartPlace{0, 80, 60, 0}));
            CHECK(std::ranges::equal(lines.text, std::span(then.text).first(is_whole ? 4 : 3)));
        }
    }
}

TEST_CASE("parts: blocks that make no sense are refused") {
    const std::string contig{'B', 0}, place{'P', 0, 0, 0, 0}, seven_of_ten{'V', 0, kSeven << 1, kOne, 2, 4};
    CHECK(told(small(), {contig, seven_of_ten, place}).text ==
          std::vector<std::string>{"one 95", "0+14: 0.000100 0.000200"});
    const std::vector<std::vector<std::string>> bad = {
        {seven_of_ten},                                // on no contig
        {contig, contig},                              // again
        {{'B', kOne}, contig},                         // back
        {{'B', kTwo}},                                 // none of the header's
        {contig, seven_of_ten, seven_of_ten},          // the same bases again
        {{'B', kOne}, {'V', 70, kSeven, kOne, 0, 0}},  // beyond the contig's end: from 35 on 7
        {contig, {'V', 0, kTwo, kTwo, 0, 0, 0}},       // a value too few
        {contig, {'V', 0, kTwo, kOne, 0, 0, 0}},       // too many
        {contig, {'V', 0, kTwo, kOne, kMinusOne, 0}},  // below 0
        {contig, {'V', 0, 42, kOne, 0, 0}},            // 21 bases, wider than a value
        {contig, "Q"},
        {contig, ""},
        {contig, {'P', 0, 0}},
    };
    for (const std::vector<std::string>& blocks : bad) {
        std::vector<std::string> all = blocks;
        all.push_back(place);
        CAPTURE(&blocks - bad.data());
        CHECK_THROWS_WITH_AS(told(small(), all), doctest::Contains("makes no sense"), Error);
    }
    // Values that the block does not hold take no memory: a gigabyte for each marker otherwise.
    PartHeader wide = small();
    wide.contigs = {{"one", std::int64_t{1} << 40}};
    std::string empty{'V', 0, kOne};
    for (int i = 0; i < 4; ++i) empty += '\xff';
    empty += '\x0e';
    empty += std::string(1000, '\0');
    CHECK_THROWS_WITH_AS(told(wide, {contig, empty, place}), doctest::Contains("makes no sense"), Error);
    for (const auto& spoil : std::vector<void (*)(PartHeader&)>{
             [](PartHeader& h) { h.shards = 0; }, [](PartHeader& h) { h.shards = 2'000'000'000; },
             [](PartHeader& h) { h.shard = 2; }, [](PartHeader& h) { h.cell = 0; },
             [](PartHeader& h) { h.width = std::int64_t{10} << 50; }, [](PartHeader& h) { h.width = 15; },
             [](PartHeader& h) { h.decimals = 8; }, [](PartHeader& h) { h.sites.merge_gap = -1; },
             [](PartHeader& h) { h.contigs[0].name = "a\tb"; },
             [](PartHeader& h) { h.contigs[0].name = ""; }}) {
        PartHeader header = small();
        spoil(header);
        CHECK_THROWS_WITH_AS(told(header, {}), doctest::Contains("makes no sense"), Error);
    }
}
