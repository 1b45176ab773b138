#include "app/evaluate/region_sets.hpp"

#include <random>

#include "test/app/dataset/workshop.hpp"

using namespace regkit;
using namespace regkit::test;

namespace {

std::string text_of(const ContigIntervals& regions) {
    std::string text;
    for (const auto& ranges : regions) {
        for (const BaseRange& range : ranges)
            text += std::to_string(range.begin) + "-" + std::to_string(range.end) + " ";
        text += "|";
    }
    return text;
}

}  // namespace

TEST_CASE("annotations: by name in order of appearance, merged within a name alone; blocks are their bases") {
    Workshop w;
    w.build();
    const Dataset data = Dataset::load(w.p.output);
    const auto read = [&](const std::string& text) {
        return read_annotations(w.dir.write("by.bed", text), data, w.log);
    };
    const auto annotations = read(
        "b\t10\t20\tenhancer\t0\t+\na\t5\t9\tpromoter\nnone\t1\t2\tlost\na\t8\t30\tpromoter\n"
        "a\t7\t8\tenhancer\nb\t20\t21\tenhancer\na\t40\t50\n"
        "a\t100\t200\tgene\t0\t+\t100\t200\t0\t2\t10,20\t0,80\n");
    REQUIRE(annotations.size() == 4);
    CHECK(annotations[0].name == "enhancer");
    CHECK(text_of(annotations[0].regions) == "7-8 |10-21 |");
    CHECK(annotations[1].name == "promoter");
    CHECK(text_of(annotations[1].regions) == "5-30 ||");
    CHECK(annotations[2].name == ".");
    CHECK(text_of(annotations[2].regions) == "40-50 ||");
    CHECK(text_of(annotations[3].regions) == "100-110 180-200 ||");
    CHECK(read("a\t1\t2\ta\x1b[31m\n")[0].name == "a\\x1b[31m");
    CHECK(read("").empty());
    CHECK(w.log.count("empty-file") == 1);

    const auto kind_of = [&](const std::string& text) {
        try {
            read(text);
        } catch (const Error& error) {
            return error.kind();
        }
        return ErrorKind::interrupted;
    };
    CHECK(kind_of("a\t1\t2\tall\n") == ErrorKind::input);
    CHECK(kind_of("chrA\t1\t2\tp\n") == ErrorKind::mismatch);
    std::string many;
    for (std::size_t i = 0; i < kMostAnnotations; ++i) many += "a\t1\t2\tn" + std::to_string(i) + "\n";
    CHECK(read(many).size() == kMostAnnotations);
    CHECK(kind_of(many + "a\t1\t2\tone more\n") == ErrorKind::input);
}

TEST_CASE("positions lie where their middle base does") {
    std::mt19937 random(3);
    const auto below = [&](int n) { return static_cast<std::int64_t>(random() % static_cast<unsigned>(n)); };
    std::int64_t found = 0;
    for (const std::int64_t bin : {1, 2, 5, 16})
        for (int round = 0; round < 200; ++round) {
            ContigIntervals regions(3);
            for (auto& ranges : regions)
                for (std::int64_t at = below(40); at < 2000;) {
                    const std::int64_t end = at + 1 + below(bin == 1 ? 30 : 100);
                    ranges.push_back({at, end});
                    at = end + 1 + below(80);
                }
            // Places of 20 positions each, of which runs of positions count.
            std::vector<RowPlace> places;
            std::vector<KeptRun> kept;
            for (int p = 0; p < 4; ++p)
                places.push_back({p * 20, static_cast<std::int32_t>(below(3)), below(1500)});
            for (std::int32_t at = 0; at < 80;) {
                at += static_cast<std::int32_t>(below(6));
                const std::int32_t end = at + 1 + static_cast<std::int32_t>(below(30));
                if (end <= 80) kept.push_back({at, end});
                at = end + 1;
            }
            std::vector<bool> wanted(80), told(80);
            for (const KeptRun& run : kept)
                for (std::int32_t p = run.begin; p < run.end; ++p) {
                    const RowPlace& place = places[static_cast<std::size_t>(p / 20)];
                    const std::int64_t middle = place.base + (p - place.begin) * bin + bin / 2;
                    for (const BaseRange& range : regions[static_cast<std::size_t>(place.contig)])
                        if (range.begin <= middle && middle < range.end)
                            wanted[static_cast<std::size_t>(p)] = true;
                }
            std::vector<KeptRun> inside{{7, 9}};
            positions_inside(kept, places, bin, regions, inside);
            std::int32_t last = 0;
            for (const KeptRun& run : inside) {
                REQUIRE((run.begin >= last && run.end > run.begin && run.end <= 80));
                for (std::int32_t p = run.begin; p < run.end; ++p) told[static_cast<std::size_t>(p)] = true;
                last = run.end;
            }
            CHECK(told == wanted);
            found += std::count(told.begin(), told.end(), true);
        }
    CHECK(found > 5000);
}
