#include "app/train/batcher.hpp"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "app/dataset/build_dataset.hpp"
#include "app/model/genome_of.hpp"
#include "test/support/scratch.hpp"

using namespace regkit;
using regkit::test::Scratch;

namespace {

// 4,010 bases whose bins of 20 hold intervals of two markers at random.
struct Workshop {
    Scratch dir;
    NullLog log;
    BuildDatasetParameters p;

    Workshop() {
        std::mt19937 random(4);
        std::string bases, beds[2];
        for (int i = 0; i < 4010; ++i) bases += "ACGT"[random() % 4];
        for (auto& bed : beds)
            for (auto at = 10 + random() % 30; at + 80 < 4010; at += 80 + random() % 100)
                bed += "a\t" + std::to_string(at) + "\t" + std::to_string(at + 5 + random() % 70) + "\n";
        p.fasta = dir.write("g.fa", ">a\n" + bases + "\n");
        p.peaks = {dir.write("m1.bed", beds[0]), dir.write("m2.bed", beds[1])};
        p.output = dir.path("x.regds");
    }
    Dataset build() {
        build_dataset(p, log);
        return Dataset::load(p.output);
    }
};

std::vector<float> dense(const Batch& batch, std::size_t sample, std::int64_t outputs) {
    std::vector<float> labels(static_cast<std::size_t>(2 * outputs));
    for (auto i = batch.offsets[sample]; i < batch.offsets[sample + 1]; ++i) {
        const LabelRun& run = batch.runs[static_cast<std::size_t>(i)];
        REQUIRE((run.begin >= 0 && run.begin < run.end && run.end <= outputs));
        if (i > batch.offsets[sample]) {
            const LabelRun& last = batch.runs[static_cast<std::size_t>(i - 1)];
            CHECK((last.marker < run.marker || (last.marker == run.marker && last.end <= run.begin)));
        }
        for (std::int32_t p = run.begin; p < run.end; ++p)
            labels[static_cast<std::size_t>(run.marker * outputs + p)] = run.value;
    }
    return labels;
}

}  // namespace

TEST_CASE(
    "a reversed sample is mirrored in output positions, also where bins fill the middle of a window alone") {
    for (const std::int64_t bins :
         {std::int64_t{0}, std::int64_t{1}, std::int64_t{2}, std::int64_t{6}, std::int64_t{10}}) {
        Workshop w;
        w.p.window = 200;
        if (bins > 0) {
            w.p.target = "bin";
            w.p.label_bin = 20;
            w.p.label_bins = bins;
            w.p.keep_if = {"all"};
        }
        const Dataset dataset = w.build();
        const std::int64_t outputs = bins > 0 ? bins : 200;
        REQUIRE(dataset.layout().count == outputs);
        FastaFile fasta = open_reference(dataset, "", true);
        const PackedGenome genome = load_genome(dataset, fasta);
        BatchPlan plan{.windows = dataset.select(Split::train),
                       .batch = static_cast<int>(dataset.windows().size()),
                       .seed = 3,
                       .rc_augment = false};
        const Batch straight = make_batch(dataset, genome, plan, 0);
        plan.rc_augment = true;
        const Batch turned = make_batch(dataset, genome, plan, 0);
        int reversed = 0, positive = 0;
        for (std::size_t s = 0; s < dataset.windows().size(); ++s) {
            std::vector<std::uint8_t> codes(
                straight.sequence.begin() + static_cast<std::ptrdiff_t>(s * 200),
                straight.sequence.begin() + static_cast<std::ptrdiff_t>(s * 200 + 200));
            const std::vector<std::uint8_t> other(
                turned.sequence.begin() + static_cast<std::ptrdiff_t>(s * 200),
                turned.sequence.begin() + static_cast<std::ptrdiff_t>(s * 200 + 200));
            std::vector<float> labels = dense(straight, s, outputs);
            for (const float label : labels) positive += label > 0;
            if (codes != other) {
                ++reversed;
                reverse_complement(codes);
                for (std::int64_t m = 0; m < 2; ++m)
                    std::reverse(labels.begin() + static_cast<std::ptrdiff_t>(m * outputs),
                                 labels.begin() + static_cast<std::ptrdiff_t>((m + 1) * outputs));
            }
            CHECK(codes == other);
            CHECK(labels == dense(turned, s, outputs));
        }
        CHECK(reversed > 2);
        CHECK(reversed < static_cast<int>(dataset.windows().size()));
        CHECK(positive > 5);
    }
}
