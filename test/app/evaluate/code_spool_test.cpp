// What goes into the spool comes back by marker: pieces that adjoin as one row, labels that touch as one, 0
// where nothing is known.
#include "app/evaluate/code_spool.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "kernels/base/error.hpp"
#include "kernels/sinks.hpp"

using namespace regkit;

TEST_CASE("spool: rows of a marker, over pieces and contigs") {
    CodeSpool spool(2, 10, {{"a", 1'500'000, ""}, {"b", 500, ""}});
    // The second contig begins at a multiple of a block, more than one behind the first one's end.
    CHECK(spool.line(0, 120) == 120);
    CHECK(spool.line(1, 7) == 3 * kSiteBlock + 7);
    const std::vector<float> first{0.0f, 1.0f, 2.0f, -1.0f, -2.0f, -3.0f}, second{4.0f, 5.0f};
    const std::vector<KeptRun> some{{0, 1}, {2, 3}}, all{{0, 1}};
    spool.add(spool.line(0, 100), first, 3, some);
    spool.add(spool.line(0, 130), second, 1, all);
    spool.add(spool.line(1, 0), second, 1, all);
    CHECK(spool.cells() == 5);
    std::vector<std::uint8_t> memory;
    const std::vector<CodeRow> rows = spool.read(1, memory);
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].begin == 100);
    CHECK(std::vector<std::uint8_t>(rows[0].codes.begin(), rows[0].codes.end()) ==
          std::vector<std::uint8_t>{logit_code(-1), 0, logit_code(-3), logit_code(5)});
    CHECK(rows[1].begin == 3 * kSiteBlock);
    CHECK(rows[1].codes[0] == logit_code(5));
    CHECK(spool.read(0, memory)[0].codes[2] == logit_code(2));
}

TEST_CASE("spool: labels of windows that touch are one") {
    CodeSpool spool(2, 1, {{"a", 1000, ""}});
    for (const LineRange label : {LineRange{10, 20}, {20, 35}, {36, 40}}) spool.add_label(1, label);
    REQUIRE(spool.labels(1).size() == 2);
    CHECK(spool.labels(1)[0].begin == 10);
    CHECK(spool.labels(1)[0].end == 35);
    CHECK(spool.labels(1)[1].begin == 36);
    CHECK(spool.labels(0).empty());
}

TEST_CASE("spool: a logit that is not finite is an error where it counts") {
    CodeSpool spool(1, 1, {{"a", 1000, ""}});
    const std::vector<float> logits{1.0f, NAN};
    const std::vector<KeptRun> first{{0, 1}}, both{{0, 2}};
    CHECK_NOTHROW(spool.add(0, logits, 2, first));
    CHECK_THROWS_AS(spool.add(2, logits, 2, both), Error);
}
