#include "app/call/call_sink.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "app/call/track_calls.hpp"
#include "io/files/output_set.hpp"
#include "test/app/scratch.hpp"

using namespace regkit;

namespace {

float p_of(double logit) {
    return static_cast<float>(1 / (1 + std::exp(-logit)));
}

// Two markers with the same cutoffs, of which the second has knots: what the model gives a logit of -2, it
// gives 0, and so on.
Model model() {
    Model model;
    model.markers = {{"line", "", "", "", 0}, {"bent", "", "", "", 0}};
    MarkerCalls calls;
    calls.extension = 0;
    calls.merge_gap = 1;
    calls.f1 = {.seed = 1, .precision = 0.5f, .recall = 0.5f, .calls = 100};
    calls.rates = {{0, 0.5f}, {3, 0.02f}};
    model.calls.assign(2, calls);
    model.calls[1].probability.knots = {{-4, -4}, {-2, 0}, {0, 4}};
    return model;
}

// What is written of these logits of both markers, in tiles that begin at 0 and at these.
struct Written {
    std::string sites, line, bent;
};
Written write(const std::vector<double>& logits, const std::vector<std::size_t>& cuts, bool values) {
    const Scratch scratch("call_sink");
    ThreadPool pool(2);
    std::vector<TrackOutput> outputs = {{scratch.file("sites"), &track_format("narrowpeak")}};
    if (values) outputs.push_back({scratch.file("{marker}.bg"), &track_format("bedgraph")});
    TrackOptions options;
    options.markers = {"line", "bent"};
    TrackSet tracks(outputs, options, pool);
    const CallPlan plan = plan_calls(model(), {}, true, "m");
    TrackCalls calls(tracks, plan, 1, pool);
    CallSink sink(calls, true, plan, 1, 1, 1, pool);
    calls.begin_contig({.name = "chr1", .length = static_cast<std::int64_t>(logits.size())});
    std::size_t from = 0;
    std::vector<std::size_t> ends = cuts;
    ends.push_back(logits.size());
    for (const std::size_t to : ends) {
        std::vector<float> row;
        for (std::size_t i = from; i < to; ++i) row.push_back(p_of(logits[i]));
        const std::vector<std::uint8_t> codes(row.size(), 1);
        if (values) {
            std::vector<float> rows = row;
            rows.insert(rows.end(), row.begin(), row.end());
            sink.values(static_cast<std::int64_t>(from), codes, rows);
        } else {
            CalledRuns called;
            for (int m = 0; m < 2; ++m)
                called.append_row(0, m, row, plan.cutoffs[static_cast<std::size_t>(m)]);
            sink.called(static_cast<std::int64_t>(from), codes, called);
        }
        from = to;
    }
    sink.end_region();
    OutputSet all;
    tracks.finish(all);
    all.commit();
    return {scratch.text("sites"), values ? scratch.text("line.bg") : "",
            values ? scratch.text("bent.bg") : ""};
}

}  // namespace

TEST_CASE("a calibrated model's sites and values, with knots and without, whatever the tiles") {
    // Of the line, runs at or above 0 with a cell at or above 1 somewhere, over gaps of 1. With knots -1.9
    // is 0.2, -1.4 is 1.2, and all above 0 is 4 more.
    const std::vector<double> logits = {-3, -1.9, -1.9, -3, -3, 0.1, -3, 3.1, -3, -3, -1.4, -3, -3, 0.9};
    const std::string sites =
        "chr1\t5\t8\tline\t1000\t.\t0.7409\t-1\t1.6990\t2\n"
        "chr1\t5\t8\tbent\t1000\t.\t0.9914\t-1\t1.6990\t2\n"
        "chr1\t10\t11\tbent\t190\t.\t0.7685\t-1\t0.3010\t0\n"
        "chr1\t13\t14\tbent\t1000\t.\t0.9926\t-1\t1.6990\t0\n";
    for (const std::vector<std::size_t>& cuts : {std::vector<std::size_t>{}, {1, 2, 5}, {4, 6, 10}}) {
        const Written both = write(logits, cuts, true);
        CHECK(both.sites == sites);
        CHECK(write(logits, cuts, false).sites == sites);
        CHECK(both.line.starts_with("chr1\t0\t1\t0.0474\nchr1\t1\t3\t0.1301\n"));
        CHECK(both.bent.starts_with("chr1\t0\t1\t0.1192\nchr1\t1\t3\t0.5498\n"));
    }
}
