#include "app/train/train_log.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "io/files/output_set.hpp"
#include "test/app/scratch.hpp"

using namespace regkit;

TEST_CASE("train log: the path stands beside the model") {
    CHECK(train_log_path("a/b.safetensors") == "a/b.log.tsv");
    CHECK(train_log_path("model") == "model.log.tsv");
}

TEST_CASE("train log: rows of steps and of validations, and what a resumed run keeps") {
    const Scratch scratch("train-log");
    const std::string path = scratch.file("log.tsv");
    const std::string header =
        "step\tepoch\tloss\tgrad_norm\tlr\tnt_per_s\tvalid_loss\tvalid_average_precision\t"
        "valid_prevalence\tvalid_ap_over_prevalence\tvalid_constant_markers\t"
        "valid_average_precision_TFBS\tvalid_roc_auc_TFBS\tvalid_average_precision_none\tvalid_roc_auc_"
        "none\n";
    const std::string first = "10\t0.5000\t0.125\t2.5\t0.001\t1234\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\n";
    {
        TrainLog log(path, {"TFBS", ""}, metric_names(Task::bin), {});
        log.step({10, 0.5, 0.125, 2.5, 0.001, 1234.4});
        log.validation({20, 1, std::nan(""), 3, 0.001, 1000},
                       {0.5, 0.25, {{"TFBS", true, 0.25, 0.75}, {"", false, 0, 0}}, 0.125, 3});
        log.step({30, 1.5, 0.1, 2, 0.001, 1000});
    }
    const std::string second = "20\t1.0000\tNA\t3\t0.001\t1000\t0.5\t0.25\t0.125\t2\t3\t0.25\t0.75\tNA\tNA\n";
    CHECK(scratch.text("log.tsv") ==
          header + first + second + "30\t1.5000\t0.1\t2\t0.001\t1000\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\n");
    scratch.write("log.tsv", scratch.text("log.tsv") + "40\t1.75");  // cut short by a kill
    { const TrainLog log(path, {"TFBS", ""}, metric_names(Task::bin), {45, 20}); }
    CHECK(scratch.text("log.tsv").ends_with(
        "30\t1.5000\t0.1\t2\t0.001\t1000\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\n"));
    { const TrainLog log(path, {"TFBS", ""}, metric_names(Task::bin), {20, 20}); }
    CHECK(scratch.text("log.tsv") == header + first + second);
    // A kill between a validation and the checkpoint that knows of it: it is made up for, and writes its row
    // then.
    { const TrainLog log(path, {"TFBS", ""}, metric_names(Task::bin), {20, 10}); }
    CHECK(scratch.text("log.tsv") == header + first);
    { const TrainLog log(path, {"TFBS", ""}, metric_names(Task::bin), {}); }
    CHECK(scratch.text("log.tsv") == header);
}

TEST_CASE(
    "train log: what an older version kept beside the model is taken over, and all rows go there in the end") {
    const Scratch scratch("train-log-move");
    {
        TrainLog(scratch.file("m.log.tsv"), {}, metric_names(Task::bin), {})
            .step({10, 0.5, 0.125, 2.5, 0.001, 1234});
    }
    const std::string before = scratch.text("m.log.tsv");
    TrainLog log(scratch.file("log.tsv"), {}, metric_names(Task::bin), {10, -1}, scratch.file("m.log.tsv"));
    CHECK(scratch.text("log.tsv") == before);
    log.step({20, 1, 0.1, 2, 0.001, 1000});
    OutputSet outputs;
    log.add_to(outputs, scratch.file("m.log.tsv"));
    CHECK(scratch.text("m.log.tsv") == before);
    outputs.commit();
    CHECK(scratch.text("m.log.tsv") == before + "20\t1.0000\t0.1\t2\t0.001\t1000\tNA\tNA\tNA\tNA\tNA\n");
    // The run's own log counts more than one beside the model.
    scratch.write("m.log.tsv", "step\n5\tother\n");
    {
        const TrainLog again(scratch.file("log.tsv"), {}, metric_names(Task::bin), {10, -1},
                             scratch.file("m.log.tsv"));
    }
    CHECK(scratch.text("log.tsv") == before);
}

TEST_CASE("train log: one that a kill kept from its name gets it, up to the steps of the model") {
    const Scratch scratch("train-log-publish");
    const std::string from = scratch.file("log.tsv"), to = scratch.file("m.log.tsv");
    const MetricNames names = metric_names(Task::bin);
    CHECK_FALSE(publish_log(from, to, {}, names, {10, 10}));
    CHECK_FALSE(scratch.holds("m.log.tsv"));
    TrainLog log(from, {}, names, {});
    log.step({10, 0.5, 0.125, 2.5, 0.001, 1234});
    const std::string whole = scratch.text("log.tsv");
    log.step({20, 1, 0.1, 2, 0.001, 1000});
    CHECK(publish_log(from, to, {}, names, {10, 10}));
    CHECK(scratch.text("m.log.tsv") == whole);
    CHECK_FALSE(publish_log(from, to, {}, names, {10, 10}));
    scratch.write("m.log.tsv", "what an earlier training left\n");
    CHECK(publish_log(from, to, {}, names, {10, 10}));
    CHECK(scratch.text("m.log.tsv") == whole);
    CHECK(scratch.text("log.tsv").starts_with(whole + "20\t"));
}

TEST_CASE("train log: coverage has no prevalence; rows of a version with other columns are fitted") {
    const Scratch scratch("train-log-columns");
    const std::string path = scratch.file("log.tsv");
    scratch.write(
        "log.tsv",
        "step\tepoch\tloss\tgrad_norm\tlr\tnt_per_s\tvalid_loss\tvalid_pearson_r\tvalid_pearson_r_X\t"
        "valid_pearson_r_log1p_X\n10\t1.0000\tNA\t3\t0.001\t9\t0.5\t0.25\t0.75\t0.875\n");
    {
        TrainLog log(path, {"X"}, metric_names(Task::coverage), {10, 10});
        log.validation({20, 2, std::nan(""), 3, 0.001, std::nan("")},
                       {0.4, 0.3, {{"X", true, 0.3, 0.2}}, std::nan(""), 1});
    }
    CHECK(scratch.text("log.tsv") ==
          "step\tepoch\tloss\tgrad_norm\tlr\tnt_per_s\tvalid_loss\tvalid_pearson_r\tvalid_constant_markers\t"
          "valid_pearson_r_X\tvalid_pearson_r_log1p_X\n"
          "10\t1.0000\tNA\t3\t0.001\t9\t0.5\t0.25\tNA\t0.75\t0.875\n"
          "20\t2.0000\tNA\t3\t0.001\tNA\t0.4\t0.3\t1\t0.3\t0.2\n");
}

TEST_CASE("validation: a constant, and what is no better than one, are counted") {
    ThreadPool pool(1);
    const std::vector<Marker> markers{{"a", "X", "", "", 0}, {"b", "X", "", "", 0}, {"c", "Y", "", "", 0}};
    const KeptRun all{0, 4};
    {
        // a: a constant; b: the wrong way round; c: right.
        const auto v = make_validator(Task::bin, 3, pool);
        v->add(std::vector<float>{1, 1, 1, 1, 0, 1, 2, 3, 3, 0, 0, 1}, 4, {&all, 1},
               std::vector<LabelRun>{{0, 0, 1}, {1, 0, 1}, {2, 0, 1}});
        const Validation result = v->result(markers);
        CHECK(result.constant == 1);
        CHECK(result.no_better == 1);
        CHECK(result.chance == 0.25);
        CHECK(result.metric == doctest::Approx((0.25 + 1) / 2));
    }
    {
        // a: a constant, the best one; b: varies, and is worse than it; c: right.
        const auto v = make_validator(Task::coverage, 3, pool);
        v->add(std::vector<float>{1, 1, 1, 1, 0, 0, 0, 4, 4, -4, -4, -4}, 4, {&all, 1},
               std::vector<LabelRun>{{0, 0, 1, 4}, {1, 0, 1, 4}, {2, 0, 1, 4}});
        const Validation result = v->result(markers);
        CHECK(result.constant == 1);
        CHECK(result.no_better == 1);
        CHECK(std::isnan(result.chance));
    }
}

TEST_CASE("validation: what could not be scored never takes the place of what could") {
    const double none = std::nan("");
    CHECK(is_better(0.2, none));
    CHECK(is_better(-0.2, none));
    CHECK(is_better(none, none));
    CHECK(is_better(0.3, 0.2));
    CHECK_FALSE(is_better(0.2, 0.2));
    CHECK_FALSE(is_better(0.1, 0.2));
    CHECK_FALSE(is_better(none, 0.2));
    CHECK_FALSE(is_better(none, -0.2));
}
