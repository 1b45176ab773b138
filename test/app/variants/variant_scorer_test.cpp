#include "app/variants/variant_scorer.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <string>

#include "app/model/predictor.hpp"
#include "io/fasta/fasta.hpp"
#include "nn/network.hpp"

using namespace regkit;

namespace {

constexpr const char* kSpec = R"({
  "name": "tiny", "window": 500, "dropout": 0,
  "layers": [
    {"name": "embed", "type": "embedding", "filters": 4},
    {"name": "conv1", "type": "conv", "filters": 8, "width": 10, "stride": 10, "relu": true},
    {"name": "conv2", "type": "conv", "filters": 6, "width": 5, "dilation": 2, "relu": true},
    {"name": "up", "type": "up_conv", "filters": 5, "stride": 10, "relu": true},
    {"name": "dense1", "type": "dense", "filters": 7, "relu": true},
    {"name": "dense2", "type": "dense"}
  ]
})";
constexpr int kStride = 10;

struct World {
    std::unique_ptr<Backend> backend;
    Model model;
    std::vector<std::string> contigs;

    explicit World(const std::string& device)
        : backend(make_backend({.device = device, .workers = 2, .isa = ""}).backend) {
        model.spec = parse_spec(kSpec, "test");
        for (const char* name : {"a", "b", "c"}) model.markers.push_back({name, "X", "", "", 0.2});
        Network network(model.spec, 3, *backend);
        network.initialise(5, std::vector<double>{0.2, 0.3, 0.4});
        model.tensors = network.state();
        for (NamedTensor& tensor : model.tensors)  // stronger effects
            for (float& value : tensor.values) value *= 2.5f;
        std::mt19937 random(11);
        for (const int length : {3000, 187, 995}) {
            std::string bases;
            for (int i = 0; i < length; ++i) bases += "ACGT"[random() % 4];
            contigs.push_back(bases);
        }
    }

    VariantScorer scorer(const ScorerOptions& options) {
        return VariantScorer(
            model, *backend,
            [this](int contig, std::int64_t begin, std::int64_t end, std::span<std::uint8_t> codes) {
                const std::string& bases = contigs[static_cast<std::size_t>(contig)];
                REQUIRE(begin >= 0);
                REQUIRE(end <= static_cast<std::int64_t>(bases.size()));
                for (std::int64_t x = begin; x < end; ++x)
                    codes[static_cast<std::size_t>(x - begin)] =
                        encode_base(bases[static_cast<std::size_t>(x)]);
            },
            options);
    }

    // The whole sequence in one window: [marker][position], trimmed to the sequence.
    std::vector<std::vector<float>> whole(const std::string& bases) {
        std::vector<std::uint8_t> codes;
        for (const char base : bases) codes.push_back(encode_base(base));
        codes.resize((codes.size() + kStride - 1) / kStride * kStride, kCodeN);
        Network network(model.spec, 3, *backend);
        network.load(model.tensors);
        const auto length = static_cast<std::int64_t>(codes.size());
        std::vector<float> values(3 * codes.size());
        network.infer({codes.data(), 1, length}, 0, length, TailOutput::logits, values);
        std::vector<std::vector<float>> rows;
        for (std::size_t m = 0; m < 3; ++m)
            rows.emplace_back(values.begin() + static_cast<std::ptrdiff_t>(m * codes.size()),
                              values.begin() + static_cast<std::ptrdiff_t>(m * codes.size() + bases.size()));
        return rows;
    }
};

struct Variant {
    int contig;
    std::int64_t position;
    std::string ref, alt;
};

Allele allele_of(const World& world, const Variant& v) {
    Allele allele;
    allele.contig = v.contig;
    allele.contig_length =
        static_cast<std::int64_t>(world.contigs[static_cast<std::size_t>(v.contig)].size());
    allele.change = trimmed_edit(v.position, v.ref, v.alt);
    allele.alt_edit = allele.change;
    return allele;
}

constexpr double kPrevalence = 0.2;  // of the markers

double log2_fold(float ref, float alt) {
    const auto p = [](float logit) { return 1 / (1 + std::exp(-static_cast<double>(logit))); };
    return std::fabs(std::log2((p(alt) + kPrevalence) / (p(ref) + kPrevalence)));
}

void update(MarkerEffect& best, float ref, float alt, std::int64_t place) {
    if (best.place == MarkerEffect::kNowhere || std::fabs(alt - ref) > std::fabs(best.delta))
        best = {alt - ref, ref, alt, place};
}

// Both haplotypes as strings, predicted whole, and compared base by base; bases right of a change of length
// in a REF string that N's shift into ALT's phase.
AlleleEffect brute_force(World& world, const Variant& v, std::int64_t span) {
    const std::string& ref = world.contigs[static_cast<std::size_t>(v.contig)];
    std::string alt = ref;
    alt.replace(static_cast<std::size_t>(v.position), v.ref.size(), v.alt);
    const Edit edit = trimmed_edit(v.position, v.ref, v.alt);
    const std::int64_t shift = edit.shift();
    const std::int64_t lead = ((shift % kStride) + kStride) % kStride;
    const auto alt_values = world.whole(alt), ref_values = world.whole(ref);
    const auto shifted_values = world.whole(std::string(static_cast<std::size_t>(lead), 'N') + ref);
    AlleleEffect effect;
    for (std::size_t m = 0; m < 3; ++m) {
        const auto take = [&](MarkerEffect& best, float before, float after, std::int64_t place) {
            update(best, before, after, place);
            const double fold = log2_fold(before, after);
            if (fold > effect.fold) effect.fold_marker = m;
            effect.fold = std::max(effect.fold, fold);
        };
        MarkerEffect best;
        for (std::int64_t x = 0; x < static_cast<std::int64_t>(ref.size()); ++x) {
            const bool left = x >= edit.begin - span && x < edit.begin;
            const bool inside = x >= edit.begin && x < edit.begin + edit.removed && shift == 0;
            const bool right = x >= edit.begin + edit.removed && x < edit.begin + edit.removed + span;
            if (left || inside)
                take(best, ref_values[m][static_cast<std::size_t>(x)],
                     alt_values[m][static_cast<std::size_t>(x)], x);
            else if (right)
                take(best, shifted_values[m][static_cast<std::size_t>(x + lead)],
                     alt_values[m][static_cast<std::size_t>(x + shift)], x);
        }
        effect.markers.push_back(best);
    }
    return effect;
}

std::vector<Variant> variants(const World& world) {
    std::vector<Variant> list;
    const auto add = [&](int contig, std::int64_t position, std::size_t removed, const std::string& alt) {
        list.push_back({contig, position,
                        world.contigs[static_cast<std::size_t>(contig)].substr(
                            static_cast<std::size_t>(position), removed),
                        alt});
    };
    const auto kept = [&](int contig, std::int64_t position) {
        return world.contigs[static_cast<std::size_t>(contig)].substr(static_cast<std::size_t>(position), 1);
    };
    for (std::int64_t x : {0, 1, 9, 57, 1500, 1501, 1509, 1513, 2990, 2999})
        for (const char* base : {"A", "C", "G", "T"}) add(0, x, 1, base);
    for (std::int64_t x : {3, 40, 700, 1506, 2960}) {
        add(0, x, 3, "GTA");
        for (const std::size_t size : {1, 5, 10, 13, 20, 45}) {
            add(0, x, 1,
                kept(0, x) + std::string("ACGGTTACAGATTACAGTCCATGCATCGATTACGAGGATCCATTGCA").substr(0, size));
            if (x + static_cast<std::int64_t>(size) < 3000) add(0, x, size + 1, kept(0, x));
        }
        add(0, x, 7, "AC");
    }
    add(1, 0, 1, "T");
    add(1, 186, 1, "GATTA");
    add(1, 90, 60, "C");
    add(1, 0, 187, "CATCATCAT");
    add(2, 994, 1, "G");
    add(2, 400, 1, "GG");
    return list;
}

void check_equal(const AlleleEffect& of, const AlleleEffect& wanted, const Variant& v) {
    CHECK(std::fabs(of.fold - wanted.fold) <= 1e-6);
    CHECK(of.fold_marker == wanted.fold_marker);
    const std::vector<MarkerEffect>&got = of.markers, &expected = wanted.markers;
    REQUIRE(got.size() == expected.size());
    for (std::size_t m = 0; m < got.size(); ++m) {
        const bool same = got[m].delta == expected[m].delta && got[m].ref == expected[m].ref &&
                          got[m].alt == expected[m].alt && got[m].place == expected[m].place;
        CHECK_MESSAGE(same, "contig " << v.contig << " position " << v.position << " " << v.ref << ">"
                                      << v.alt << ": " << got[m].ref << "->" << got[m].alt << " at "
                                      << got[m].place << ", expected " << expected[m].ref << "->"
                                      << expected[m].alt << " at " << expected[m].place);
    }
}

}  // namespace

TEST_CASE("effects are those of both haplotypes predicted whole, to the bit") {
    for (const char* device : {"reference", "cpu"}) {
        World world(device);
        for (const std::int64_t span : {100, 0, 7}) {
            VariantScorer scorer = world.scorer({span, false});
            const std::vector<Variant> list = variants(world);
            std::vector<Allele> alleles;
            for (const Variant& v : list) alleles.push_back(allele_of(world, v));
            const std::vector<AlleleEffect> effects = scorer.score(alleles);
            int changed = 0;
            for (std::size_t i = 0; i < list.size(); ++i) {
                if (effects[i].compared == 0) {
                    CHECK((span == 0 || list[i].ref.size() == 187));
                    CHECK(effects[i].markers.empty());
                    continue;
                }
                check_equal(effects[i], brute_force(world, list[i], span), list[i]);
                changed += effects[i].markers[0].delta != 0;
            }
            CHECK(changed > 20);
        }
    }
}

TEST_CASE("what an allele reaches gives the effects of whole windows, to the bit, in all phases too") {
    World world("cpu");
    for (const bool all_phases : {false, true})
        for (const std::int64_t span : {100, 30}) {
            VariantScorer scorer = world.scorer({.span = span, .all_phases = all_phases, .workers = 2});
            const std::vector<Variant> list = variants(world);
            std::vector<Allele> alleles;
            for (const Variant& v : list) alleles.push_back(allele_of(world, v));
            const auto effects = scorer.score(alleles);
            const std::int64_t by_cones = scorer.by_cones();
            CHECK(by_cones > std::ssize(alleles) / 3);
            const auto whole = scorer.score(alleles, true);
            CHECK(scorer.by_cones() == by_cones);
            for (std::size_t i = 0; i < list.size(); ++i) {
                CHECK(effects[i].compared == whole[i].compared);
                check_equal(effects[i], whole[i], list[i]);
                CHECK(effects[i].gained == whole[i].gained);
                CHECK(effects[i].lost == whole[i].lost);
            }
        }
}

TEST_CASE("an effect does not depend on the company or the order") {
    World world("cpu");
    VariantScorer scorer = world.scorer({100, false});
    const std::vector<Variant> list = variants(world);
    std::vector<Allele> alleles, reversed;
    for (const Variant& v : list) alleles.push_back(allele_of(world, v));
    reversed.assign(alleles.rbegin(), alleles.rend());
    const auto together = scorer.score(alleles);
    const auto backwards = scorer.score(reversed);
    for (std::size_t i = 0; i < alleles.size(); ++i) {
        const auto alone = scorer.score(std::span(alleles).subspan(i, 1));
        CHECK(alone[0].compared == together[i].compared);
        check_equal(alone[0], together[i], list[i]);
        check_equal(backwards[alleles.size() - 1 - i], together[i], list[i]);
    }
    CHECK(scorer.score({}).empty());
}

TEST_CASE("REF logits are those of what regcall prints") {
    World world("cpu");
    Predictor predictor(world.model, *world.backend, {.tile = 500, .logits = true});
    std::vector<std::vector<float>> track(3, std::vector<float>(3000));
    predictor.predict(
        3000, 0, 3000,
        [&](std::int64_t begin, std::int64_t end, std::span<std::uint8_t> codes) {
            for (std::int64_t x = begin; x < end; ++x)
                codes[static_cast<std::size_t>(x - begin)] =
                    encode_base(world.contigs[0][static_cast<std::size_t>(x)]);
        },
        [&](std::int64_t begin, std::int64_t end, std::span<const std::uint8_t>,
            std::span<const float> values) {
            const auto length = static_cast<std::size_t>(end - begin);
            for (std::size_t m = 0; m < 3; ++m)
                std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(m * length), length,
                            track[m].begin() + static_cast<std::ptrdiff_t>(begin));
        });
    VariantScorer scorer = world.scorer({0, false});
    for (const std::int64_t x : {0, 5, 499, 500, 1234, 2999}) {
        const std::string ref = world.contigs[0].substr(static_cast<std::size_t>(x), 1);
        const Allele allele = allele_of(world, {0, x, ref, ref == "A" ? "C" : "A"});
        const auto effect = scorer.score({&allele, 1});
        for (std::size_t m = 0; m < 3; ++m)
            CHECK(effect[0].markers[m].ref == track[m][static_cast<std::size_t>(x)]);
    }
}

TEST_CASE("away from the contig's start a shifted phase needs no N") {
    World world("reference");
    VariantScorer scorer = world.scorer({100, false});
    const std::string& ref = world.contigs[0];
    // An insertion of 3 shifts by 3; dropping the first 7 bases of REF shifts alike.
    const Variant v{0, 1500, ref.substr(1500, 1), ref.substr(1500, 1) + "ACG"};
    const Edit edit = trimmed_edit(v.position, v.ref, v.alt);
    std::string alt = ref;
    alt.replace(1500, 1, v.alt);
    const auto alt_values = world.whole(alt), normal = world.whole(ref), dropped = world.whole(ref.substr(7));
    const Allele allele = allele_of(world, v);
    const auto effect = scorer.score({&allele, 1});
    for (std::size_t m = 0; m < 3; ++m) {
        MarkerEffect best;
        for (auto x = static_cast<std::size_t>(edit.begin) - 100; x < static_cast<std::size_t>(edit.begin);
             ++x)
            update(best, normal[m][x], alt_values[m][x], static_cast<std::int64_t>(x));
        for (auto x = static_cast<std::size_t>(edit.begin); x < static_cast<std::size_t>(edit.begin) + 100;
             ++x)
            update(best, dropped[m][x - 7], alt_values[m][x + 3], static_cast<std::int64_t>(x));
        CHECK(effect[0].markers[m].delta == best.delta);
    }
    CHECK(effect[0].compared == 200);
}

TEST_CASE("over all phases a value is the logit of the mean probability") {
    World world("reference");
    VariantScorer scorer = world.scorer({50, true});
    std::string alt = world.contigs[0];
    const std::string ref = alt.substr(1500, 1), other = ref == "A" ? "C" : "A";
    alt.replace(1500, 1, other);
    const Allele allele = allele_of(world, {0, 1500, ref, other});
    const auto effect = scorer.score({&allele, 1});
    std::vector<std::vector<double>> means(6, std::vector<double>(101));  // of REF's markers, then ALT's
    for (std::size_t lead = 0; lead < kStride; ++lead)
        for (std::size_t m = 0; m < 6; ++m) {
            const auto values = world.whole(std::string(lead, 'N') + (m < 3 ? world.contigs[0] : alt));
            for (std::size_t x = 0; x < 101; ++x)
                means[m][x] += 0.1 / (1 + std::exp(-static_cast<double>(values[m % 3][1450 + x + lead])));
        }
    const auto logit = [](double p) { return std::log(p / (1 - p)); };
    for (std::size_t m = 0; m < 3; ++m) {
        const MarkerEffect& got = effect[0].markers[m];
        double most = 0;
        for (std::size_t x = 0; x < 101; ++x)
            most = std::max(most, std::fabs(logit(means[m + 3][x]) - logit(means[m][x])));
        const auto x = static_cast<std::size_t>(got.place - 1450);
        REQUIRE(x < 101);
        CHECK(std::fabs(static_cast<double>(got.ref) - logit(means[m][x])) <= 1e-6);
        CHECK(std::fabs(static_cast<double>(got.alt) - logit(means[m + 3][x])) <= 1e-6);
        CHECK(std::fabs(std::fabs(static_cast<double>(got.delta)) - most) <= 1e-6);
        CHECK(most > 0);
    }
}

TEST_CASE(
    "an insertion far from everything else changes nothing far away; a deletion undoes it with the opposite sign") {
    World world("reference");
    const std::string inserted =
        world.contigs[0].substr(0, 1500) + "GATTACAGG" + world.contigs[0].substr(1500);
    const std::string anchor = world.contigs[0].substr(1499, 1);
    VariantScorer scorer = world.scorer({100, true});
    const Allele forward = allele_of(world, {0, 1499, anchor, anchor + "GATTACAGG"});
    const auto there = scorer.score({&forward, 1});
    world.contigs[0] = inserted;
    const Allele back = allele_of(world, {0, 1499, anchor + "GATTACAGG", anchor});
    VariantScorer again = world.scorer({100, true});
    const auto returned = again.score({&back, 1});
    for (std::size_t m = 0; m < 3; ++m) {
        CHECK(there[0].markers[m].delta != 0);
        CHECK(there[0].markers[m].delta == -returned[0].markers[m].delta);
        CHECK(there[0].markers[m].ref == returned[0].markers[m].alt);
    }
}

TEST_CASE("N in the reference is not compared; a REF of the record's own replaces the reference") {
    World world("reference");
    world.contigs[0].replace(1450, 40, std::string(40, 'N'));
    VariantScorer scorer = world.scorer({100, false});
    const std::string ref = world.contigs[0].substr(1500, 1);
    const Allele allele = allele_of(world, {0, 1500, ref, ref == "A" ? "C" : "A"});
    CHECK(scorer.score({&allele, 1})[0].compared == 161);

    Allele own = allele;
    own.ref_edit = whole_edit(1500, "G", "G");
    own.alt_edit = whole_edit(1500, "G", "T");
    own.change = trimmed_edit(1500, "G", "T");
    const auto effect = scorer.score({&own, 1});
    world.contigs[0][1500] = 'G';
    VariantScorer other = world.scorer({100, false});
    const Variant plain{0, 1500, "G", "T"};
    const Allele expected = allele_of(world, plain);
    check_equal(effect[0], other.score({&expected, 1})[0], plain);
}
