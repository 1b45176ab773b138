#include "app/train/checkpoint.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "app/train/finished_run.hpp"
#include "kernels/base/error.hpp"
#include "test/app/scratch.hpp"

using namespace regkit;

namespace {

Checkpoint sample(std::int64_t step, std::int64_t best) {
    Checkpoint c;
    c.model.spec = parse_spec(R"({"name": "one", "task": "bin", "window": 1, "layers": [
        {"name": "o", "type": "one_hot"}, {"name": "w", "type": "dense", "flatten": true}]})",
                              "one");
    c.model.layout = {"bin", 1, 0, 1, 0.5};
    c.model.markers = {{"a", "TFBS", "", "", 0.1}};
    c.model.tensors = {{"w.weight", {1, 4}, {static_cast<float>(step), 0.1f, 0, 0}}, {"w.bias", {1}, {2}}};
    c.optimiser = {{"adam.m.w", {2}, {1e-30f, 2}}, {"adam.v.w", {2}, {3, 4}}};
    c.state.step = step;
    c.state.horizon = 100;
    c.state.elapsed = 1.0 / 3;
    c.state.validated = step;
    c.state.best_step = best;
    c.state.best_metric = 0.1 + 0.2;
    c.state.best_chance = 1.0 / 7;
    c.state.best_constant = 3;
    c.state.validations_since_best = 2;
    c.state.loss_sum = 0.7;
    c.state.grad_norm = 0.1;
    c.state.loss_steps = 3;
    c.state.settings = R"({"batch":8,"lr":0.001})";
    c.state.backend = "reference";
    return c;
}

class CountingLog final : public Log {
  public:
    int warnings = 0;

  private:
    void write(LogLevel level, const std::string&) override { warnings += level == LogLevel::warning; }
};

}  // namespace

TEST_CASE("checkpoint: everything comes back, to the last bit") {
    const Scratch scratch("checkpoint");
    NullLog log;
    CheckpointStore store(scratch.file("m"));
    CHECK(store.empty());
    CHECK(!store.newest_step());
    const Checkpoint saved = sample(7, 5);
    store.save_best(5, saved.model);
    store.save(saved);
    CHECK(store.newest_step() == 7);
    const Checkpoint c = store.load_newest(log);
    CHECK(c.state.step == 7);
    CHECK(c.state.horizon == 100);
    CHECK(c.state.elapsed == 1.0 / 3);
    CHECK(c.state.validated == 7);
    CHECK(c.state.best_step == 5);
    CHECK(c.state.best_metric == 0.1 + 0.2);
    CHECK(c.state.best_chance == 1.0 / 7);
    CHECK(c.state.best_constant == 3);
    CHECK(c.state.validations_since_best == 2);
    CHECK(c.state.loss_sum == 0.7);
    CHECK(c.state.grad_norm == 0.1);
    CHECK(c.state.loss_steps == 3);
    CHECK(c.state.settings == saved.state.settings);
    CHECK(c.state.backend == "reference");
    REQUIRE(c.optimiser.size() == 2);
    CHECK(c.optimiser[0].values == saved.optimiser[0].values);
    CHECK(c.optimiser[1].name == "adam.v.w");
    REQUIRE(c.model.tensors.size() == 2);
    for (const std::size_t i : {0, 1}) CHECK(c.model.tensors[i].values == saved.model.tensors[i].values);
}

TEST_CASE("checkpoint: where nothing could be scored there is no metric") {
    const Scratch scratch("checkpoint-unscored");
    NullLog log;
    CheckpointStore store(scratch.file("m"));
    Checkpoint saved = sample(7, 5);
    saved.state.best_metric = std::nan("");
    store.save_best(5, saved.model);
    store.save(saved);
    CHECK(std::isnan(store.load_newest(log).state.best_metric));
}

TEST_CASE("checkpoint: the last two stay, and the best models that they name") {
    const Scratch scratch("checkpoint-prune");
    CheckpointStore store(scratch.file("m"));
    const Model model = sample(0, 0).model;
    for (const auto& [step, best] :
         std::vector<std::pair<int, int>>{{2, 2}, {4, 4}, {6, 4}, {8, 8}, {10, 8}}) {
        if (step == best) store.save_best(best, model);
        store.save(sample(step, best));
        CHECK(scratch.holds("m.part/best-" + std::to_string(best) + ".safetensors"));
    }
    CHECK(scratch.holds("m.part/step-10.safetensors"));
    CHECK(scratch.holds("m.part/step-8.safetensors"));
    CHECK(!scratch.holds("m.part/step-6.safetensors"));
    CHECK(!scratch.holds("m.part/best-4.safetensors"));
    CHECK(store.load_best(8).markers.size() == 1);
    store.clear(true);
    CHECK(!scratch.holds("m.part"));
}

TEST_CASE(
    "checkpoint: the directory goes with all that regtrain puts there, and stays for what is the user's") {
    const Scratch scratch("checkpoint-clear");
    const std::string killed = "m.part/.step-7.safetensors.0123456789abcdef.regkit.tmp";
    const std::string older = "m.part/.best-7.safetensors.0123456789abcdef.tmp";
    for (const bool users : {true, false}) {
        CheckpointStore store(scratch.file("m"));
        store.save(sample(3, -1));
        for (const std::string& name : {killed, older, std::string("m.part/log.tsv")})
            scratch.write(name, "x");
        if (users) scratch.write("m.part/notes.txt", "mine");
        store.clear(true);
        for (const std::string& name : {killed, older, std::string("m.part/log.tsv")})
            CHECK(!scratch.holds(name));
        CHECK(scratch.holds("m.part") == users);
        if (users) std::filesystem::remove(scratch.file("m.part/notes.txt"));
    }
    scratch.write("m.safetensors", "");
    { const CheckpointStore failed(scratch.file("m")); }
    CHECK(!scratch.holds("m.part"));
}

TEST_CASE("checkpoint: neither the directory nor its lock nor a checkpoint follows a symbolic link") {
    namespace fs = std::filesystem;
    const Scratch scratch("checkpoint-links");
    fs::create_directory(scratch.file("elsewhere"));
    scratch.write("elsewhere/step-1.safetensors", "precious");
    fs::create_symlink("elsewhere", scratch.file("a.part"));
    CHECK_THROWS_AS(CheckpointStore(scratch.file("a")), Error);
    fs::create_directory(scratch.file("b.part"));
    fs::create_symlink("../precious", scratch.file("b.part/lock"));
    CHECK_THROWS_AS(CheckpointStore(scratch.file("b")), Error);
    CHECK(!scratch.holds("precious"));
    fs::remove(scratch.file("b.part/lock"));
    fs::create_symlink("../elsewhere/step-1.safetensors", scratch.file("b.part/step-5.safetensors"));
    CheckpointStore store(scratch.file("b"));
    store.save(sample(5, -1));
    CHECK(scratch.text("elsewhere/step-1.safetensors") == "precious");
    CHECK(!fs::is_symlink(scratch.file("b.part/step-5.safetensors")));
    scratch.write("c.part", "a file");
    CHECK_THROWS_AS(CheckpointStore(scratch.file("c")), Error);
}

TEST_CASE("checkpoint: after a damaged newest one the one before is taken, loudly") {
    const Scratch scratch("checkpoint-damage");
    for (const char* how : {"cut", "bit", "empty"}) {
        CountingLog log;
        CheckpointStore store(scratch.file("m"));
        store.save_best(5, sample(5, 5).model);
        store.save(sample(7, 5));
        store.save_best(9, sample(9, 9).model);
        store.save(sample(9, 9));
        CHECK(store.load_newest(log).state.step == 9);
        CHECK(log.warnings == 0);
        std::string bytes = scratch.text("m.part/step-9.safetensors");
        if (std::string(how) == "cut") bytes.resize(bytes.size() - 1);
        if (std::string(how) == "empty") bytes.clear();
        if (std::string(how) == "bit")
            bytes[bytes.size() - 7] = static_cast<char>(bytes[bytes.size() - 7] ^ 64);
        scratch.write("m.part/step-9.safetensors", bytes);
        const Checkpoint c = store.load_newest(log);
        CHECK(c.state.step == 7);
        CHECK(c.model.tensors[0].values[0] == 7);
        CHECK(log.warnings == 1);
        CHECK(store.load_best(c.state.best_step).markers.size() == 1);
        store.save(sample(8, 5));  // the best that a kept checkpoint names must survive the next save
        CHECK(scratch.holds("m.part/best-5.safetensors"));
        scratch.write("m.part/step-8.safetensors", "x");
        CHECK_THROWS_AS(store.load_newest(log), Error);
        store.clear(false);
        CHECK(store.empty());
    }
}

TEST_CASE(
    "checkpoint: a best model that is missing or damaged is found when the run is resumed, not at its end") {
    const Scratch scratch("checkpoint-best");
    for (const bool missing : {true, false}) {
        CountingLog log;
        CheckpointStore store(scratch.file("m"));
        store.save_best(5, sample(5, 5).model);
        store.save(sample(7, 5));
        store.save_best(9, sample(9, 9).model);
        store.save(sample(9, 9));
        const std::string bytes = scratch.text("m.part/best-9.safetensors");
        if (missing)
            std::filesystem::remove(scratch.file("m.part/best-9.safetensors"));
        else
            scratch.write("m.part/best-9.safetensors", bytes.substr(0, bytes.size() - 4));
        CHECK(store.load_newest(log).state.step == 7);
        CHECK(log.warnings == 1);
        std::filesystem::remove(scratch.file("m.part/best-5.safetensors"));
        CHECK_THROWS_WITH_AS(store.load_newest(log), doctest::Contains("none of its checkpoints can be used"),
                             Error);
        store.clear(true);
    }
}

TEST_CASE("checkpoint: values that are not finite are never written") {
    const Scratch scratch("checkpoint-nan");
    NullLog log;
    CheckpointStore store(scratch.file("m"));
    store.save(sample(1, -1));
    for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
        Checkpoint c = sample(2, -1);
        c.optimiser[1].values[0] = bad;
        try {
            store.save(c);
            FAIL("saved");
        } catch (const Error& error) {
            CHECK(error.kind() == ErrorKind::diverged);
            CHECK(std::string(error.what()).find("step 2") != std::string::npos);
        }
        CHECK_THROWS_AS(store.save_best(2,
                                        [&] {
                                            Model m = c.model;
                                            m.tensors[0].values[1] = bad;
                                            return m;
                                        }()),
                        Error);
    }
    CHECK(store.load_newest(log).state.step == 1);
}

TEST_CASE("checkpoint: one run at a time") {
    const Scratch scratch("checkpoint-lock");
    const CheckpointStore store(scratch.file("m"));
    CHECK_THROWS_AS(CheckpointStore(scratch.file("m")), Error);
    CHECK_THROWS_AS(CheckpointStore(scratch.file("absent/m")), Error);
}

TEST_CASE("a finished run: what it covers, and what it is not") {
    FinishedRun run{100, 4, 60.5, kEndedBySteps};
    TrainParameters p;
    CHECK(run.covers(p, 100));
    CHECK(run.covers(p, 80));
    CHECK(!run.covers(p, 101));
    run.ended = kEndedByPatience;
    CHECK(!run.covers(p, 101));
    p.patience = 2;
    CHECK(run.covers(p, 101));
    run.ended = kEndedByTime;
    CHECK(!run.covers(p, 101));
    p.max_seconds = 60;
    CHECK(run.covers(p, 101));
    p.max_seconds = 90;
    CHECK(!run.covers(p, 101));

    const Scratch scratch("finished");
    const std::string settings = R"({"batch": 8})";
    CHECK(!finished_run(scratch.file("m"), settings));
    Model model = sample(7, 5).model;
    model.summary =
        R"({"settings": {"batch": 8}, "steps": 7, "epochs": 0.5, "seconds": 3, "ended": "patience"})";
    save_model(scratch.file("m"), model);
    const auto found = finished_run(scratch.file("m"), settings);
    REQUIRE(found);
    CHECK(found->steps == 7);
    CHECK(found->epochs == 0.5);
    CHECK(found->seconds == 3);
    CHECK(found->ended == kEndedByPatience);
    CHECK(!finished_run(scratch.file("m"), R"({"batch": 4})"));
    std::string bytes = scratch.text("m");
    bytes.pop_back();
    scratch.write("m", bytes);
    CHECK(!finished_run(scratch.file("m"), settings));
    model.summary = R"({"settings": {"batch": 8}, "steps": "many"})";
    save_model(scratch.file("m"), model);
    CHECK(!finished_run(scratch.file("m"), settings));
}
