// Effects by models of every kind, against haplotypes written out and predicted by the network itself.
#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "app/model/both_strands.hpp"
#include "app/variants/variant_scorer.hpp"
#include "io/fasta/fasta.hpp"
#include "kernels/base/error.hpp"
#include "test/app/model/kinds.hpp"

using namespace regkit;
using namespace regkit::test;

namespace {

using Values = std::vector<std::vector<float>>;  // [marker][output]

struct Variant {
    std::int64_t position;
    std::string ref, alt;
};

struct World {
    std::unique_ptr<Backend> backend;
    Model model;
    SpecSummary summary;
    std::string contig;
    Network network;
    bool both = false;  // strands

    explicit World(const Kind& kind, const char* device = "reference")
        : backend(make_backend({.device = device, .workers = 2, .isa = ""}).backend),
          model(model_of_kind(kind, *backend)),
          summary(summarise(model.spec, kKindMarkers)),
          network(model.spec, kKindMarkers, *backend) {
        network.load(model.tensors);
        for (const std::uint8_t code : random_contig(1203, 3)) contig += "NACGT"[code];
    }

    VariantScorer scorer(const ScorerOptions& options) { return scorer({model}, options); }
    VariantScorer scorer(const std::vector<Model>& models, const ScorerOptions& options) {
        return VariantScorer(
            models, std::vector<std::string>(models.size(), "m"), *backend,
            [this](int, std::int64_t begin, std::int64_t end, std::span<std::uint8_t> codes) {
                REQUIRE((begin >= 0 && end <= static_cast<std::int64_t>(contig.size())));
                for (std::int64_t x = begin; x < end; ++x)
                    codes[static_cast<std::size_t>(x - begin)] =
                        encode_base(contig[static_cast<std::size_t>(x)]);
            },
            options);
    }

    // Bases [begin, end) of a haplotype, N outside; with `both` the mean with what is said of the other
    // strand, of a fixed window from where its bins are the same.
    Values predict(const std::string& bases, std::int64_t begin, std::int64_t end) {
        Values there = predict_strand(bases, begin, end, false);
        if (!both) return there;
        const std::int64_t shift =
            summary.fixed_window ? 2 * model.layout.offset + model.layout.span() - model.spec.window : 0;
        const Values back = predict_strand(bases, begin + shift, end + shift, true);
        for (std::size_t m = 0; m < there.size(); ++m)
            for (std::size_t i = 0; i < there[m].size(); ++i)
                there[m][i] = mean(there[m][i], back[m][there[m].size() - 1 - i]);
        return there;
    }
    bool coverage() const { return model.spec.task == Task::coverage; }
    // Of coverage; of logits that of the mean probability (test/app/model/both_strands_test.cpp).
    float mean(float a, float b) const {
        if (coverage()) return 0.5f * (a + b);
        average_strand_logits({&a, 1}, {&b, 1}, 1, model.spec.task);
        return a;
    }
    Values predict_strand(const std::string& bases, std::int64_t begin, std::int64_t end, bool reverse) {
        std::vector<std::uint8_t> codes;
        for (std::int64_t x = begin; x < end; ++x)
            codes.push_back(x < 0 || x >= static_cast<std::int64_t>(bases.size())
                                ? kCodeN
                                : encode_base(bases[static_cast<std::size_t>(x)]));
        if (reverse) {
            std::reverse(codes.begin(), codes.end());
            for (std::uint8_t& code : codes)
                if (code != kCodeN) code = static_cast<std::uint8_t>(5 - code);  // A, C, G, T are 1 to 4
        }
        const std::int64_t n = summary.fixed_window ? summary.outputs : (end - begin) / summary.scale;
        std::vector<float> values(static_cast<std::size_t>(kKindMarkers * n));
        network.infer({codes.data(), 1, end - begin}, 0, end - begin,
                      coverage() ? TailOutput::rates : TailOutput::logits, values);
        Values rows;
        for (std::int64_t m = 0; m < kKindMarkers; ++m)
            rows.emplace_back(values.begin() + m * n, values.begin() + (m + 1) * n);
        return rows;
    }

    Allele allele(const Variant& v) const {
        Allele a;
        a.contig_length = static_cast<std::int64_t>(contig.size());
        a.change = trimmed_edit(v.position, v.ref, v.alt);
        a.alt_edit = a.change;
        return a;
    }
    Variant variant(std::int64_t position, std::size_t removed, const std::string& alt) const {
        return {position, contig.substr(static_cast<std::size_t>(position), removed), alt};
    }
    std::string mutated(const Variant& v) const {
        std::string alt = contig;
        return alt.replace(static_cast<std::size_t>(v.position), v.ref.size(), v.alt);
    }
};

std::vector<Variant> variants(const World& world) {
    std::vector<Variant> list;
    for (const std::int64_t x : {0, 3, 47, 250, 600, 601, 611, 1100, 1190, 1202}) {
        for (const char* base : {"A", "T"})
            if (world.contig[static_cast<std::size_t>(x)] != base[0])
                list.push_back(world.variant(x, 1, base));
        const std::string kept = world.contig.substr(static_cast<std::size_t>(x), 1);
        list.push_back(world.variant(x, 1, kept + "GATTACA"));
        if (x + 12 < 1203) list.push_back(world.variant(x, 12, kept));
    }
    list.push_back(world.variant(700, 5, "GCCTA"));
    std::erase_if(list, [](const Variant& v) { return v.ref.find('N') != std::string::npos; });
    return list;
}

const NamedRegion kIntervals[] = {{0, 20, "a"}, {590, 615, "b"}, {602, 700, "c"}};

// Of logits, or of coverage.
double log2_fold(double ref, double alt, bool coverage) {
    const auto value = [&](double x) { return coverage ? x : 1 / (1 + std::exp(-x)); };
    return std::log2((value(alt) + 0.2) / (value(ref) + 0.2));  // the markers' prevalence
}

struct Strongest {
    double sums[std::size(kIntervals)] = {};
    MarkerEffect best;
    bool any = false;
    bool in_ref = false,
         in_alt = false;  // a value with a probability of one half: a site without calibration
    void take(float ref, float alt, std::int64_t place, std::int64_t begin, std::int64_t bases,
              bool coverage) {
        const double fold = log2_fold(static_cast<double>(ref), static_cast<double>(alt), coverage);
        for (std::size_t k = 0; k < std::size(kIntervals); ++k)
            for (std::int64_t x = begin; x < begin + bases; ++x)
                if (x >= kIntervals[k].begin && x < kIntervals[k].end) sums[k] += fold;
        if (!any || std::fabs(alt - ref) > std::fabs(best.delta)) best = {alt - ref, ref, alt, place};
        any = true;
        in_ref = in_ref || ref >= 0;
        in_alt = in_alt || alt >= 0;
    }
};

// Windows around the variant.
std::vector<Strongest> by_windows(World& world, const Variant& v, std::int64_t span) {
    const LabelLayout& layout = world.model.layout;
    const Edit edit = trimmed_edit(v.position, v.ref, v.alt);
    const std::string alt = world.mutated(v);
    std::vector<Strongest> effects(kKindMarkers);
    for (std::int64_t k = -(span / layout.bin); k * layout.bin <= span; ++k) {
        // The window of which the bin in question is the output `p`.
        const std::int64_t bin_begin = edit.begin - layout.bin / 2 + k * layout.bin,
                           middle = layout.count / 2;
        std::int64_t p = k + middle;
        while (p < 0) p += layout.count;
        p %= layout.count;
        const std::int64_t begin = bin_begin - p * layout.bin - layout.offset,
                           end = begin + world.model.spec.window;
        bool known = false;
        for (std::int64_t x = std::max<std::int64_t>(0, bin_begin);
             x < std::min<std::int64_t>(1203, bin_begin + layout.bin); ++x)
            known = known || world.contig[static_cast<std::size_t>(x)] != 'N';
        if (!known) continue;
        const Values ref = world.predict(world.contig, begin, end), other = world.predict(alt, begin, end);
        for (std::size_t m = 0; m < kKindMarkers; ++m)
            effects[m].take(ref[m][static_cast<std::size_t>(p)], other[m][static_cast<std::size_t>(p)],
                            edit.begin + k * layout.bin, bin_begin, layout.bin, world.coverage());
    }
    return effects;
}

// Flanks base by base. `shift` bases are between REF's and ALT's positions right of the variant; REF is then
// preceded by N's that bring it into ALT's phase.
std::vector<Strongest> by_flanks(World& world, const Variant& v, std::int64_t span) {
    const Edit edit = trimmed_edit(v.position, v.ref, v.alt);
    const std::int64_t stride = world.summary.stride, shift = edit.shift(),
                       lead = ((shift % stride) + stride) % stride;
    const std::string alt = world.mutated(v),
                      shifted = std::string(static_cast<std::size_t>(lead), 'N') + world.contig;
    const bool lstm = !world.summary.finite_context;
    if (lstm) span = std::min(span, world.model.spec.window / 2 - stride);
    const auto up = [&](const std::string& s) {
        return (static_cast<std::int64_t>(s.size()) + stride - 1) / stride * stride;
    };
    // Value of every base of a haplotype, of which `anchor` is at the variant.
    const auto values = [&](const std::string& s, std::int64_t anchor) {
        std::int64_t begin = 0, end = up(s);
        if (lstm) {
            begin = std::max<std::int64_t>(0, (anchor - world.model.spec.window / 2)) / stride * stride;
            end = std::min(begin + world.model.spec.window, end);
        }
        const Values outputs = world.predict(s, begin, end);
        Values bases(kKindMarkers, std::vector<float>(static_cast<std::size_t>(up(s)), NAN));
        for (std::size_t m = 0; m < kKindMarkers; ++m)
            for (std::int64_t x = begin; x < end; ++x)
                bases[m][static_cast<std::size_t>(x)] =
                    outputs[m][static_cast<std::size_t>((x - begin) / world.summary.scale)];
        return bases;
    };
    const Values left_ref = values(world.contig, edit.begin), left_alt = values(alt, edit.begin);
    const std::int64_t after = edit.begin + edit.removed;
    const Values right_ref = values(shifted, shift == 0 ? edit.begin : after + lead);
    const Values right_alt = values(alt, shift == 0 ? edit.begin : after + shift);
    std::vector<Strongest> effects(kKindMarkers);
    for (std::int64_t x = std::max<std::int64_t>(0, edit.begin - span);
         x < std::min<std::int64_t>(1203, after + span); ++x) {
        if (world.contig[static_cast<std::size_t>(x)] == 'N' || (shift != 0 && x >= edit.begin && x < after))
            continue;
        if (lstm && shift == 0 && x >= edit.begin + world.model.spec.window / 2 - stride) continue;
        for (std::size_t m = 0; m < kKindMarkers; ++m) {
            if (x < after)
                effects[m].take(left_ref[m][static_cast<std::size_t>(x)],
                                left_alt[m][static_cast<std::size_t>(x)], x, x, 1, world.coverage());
            else
                effects[m].take(right_ref[m][static_cast<std::size_t>(x + lead)],
                                right_alt[m][static_cast<std::size_t>(x + shift)], x, x, 1, world.coverage());
        }
    }
    return effects;
}

}  // namespace

TEST_CASE("every kind of model: effects are those of both haplotypes written out, to the bit") {
    int sites = 0, summed = 0;
    for (const Kind& kind : kinds())
        for (const char* device : {"reference", "cpu"}) {
            CAPTURE(kind.name);
            CAPTURE(device);
            World world(kind, device);
            for (const ScorerOptions& options :
                 {ScorerOptions{.span = 0}, ScorerOptions{.span = 25}, ScorerOptions{.span = 40},
                  ScorerOptions{0, false, true}, ScorerOptions{25, false, true}}) {
                const std::int64_t span = options.span;
                CAPTURE(span);
                world.both = options.rc_average;
                CAPTURE(world.both);
                const std::vector<Variant> list = variants(world);
                std::vector<Allele> alleles;
                for (const Variant& v : list) {
                    alleles.push_back(world.allele(v));
                    for (const NamedRegion& interval : kIntervals)
                        alleles.back().intervals.push_back(&interval);
                }
                const std::vector<AlleleEffect> effects = world.scorer(options).score(alleles);
                int changed = 0;
                for (std::size_t i = 0; i < list.size(); ++i) {
                    CAPTURE(list[i].position);
                    CAPTURE(list[i].ref);
                    CAPTURE(list[i].alt);
                    const auto wanted = world.summary.fixed_window ? by_windows(world, list[i], span)
                                                                   : by_flanks(world, list[i], span);
                    REQUIRE(wanted[0].any == (effects[i].compared > 0));
                    if (!wanted[0].any) continue;
                    for (std::size_t m = 0; m < kKindMarkers; ++m) {
                        CHECK(effects[i].markers[m].delta == wanted[m].best.delta);
                        CHECK(effects[i].markers[m].ref == wanted[m].best.ref);
                        CHECK(effects[i].markers[m].alt == wanted[m].best.alt);
                        CHECK(effects[i].markers[m].place == wanted[m].best.place);
                        for (std::size_t k = 0; k < std::size(kIntervals); ++k) {
                            const double sum = effects[i].intervals[k].sums[m];
                            CHECK(std::fabs(sum - wanted[m].sums[k]) <= 1e-6 * (1 + std::fabs(sum)));
                            summed += sum != 0;
                        }
                    }
                    changed += effects[i].markers[0].delta != 0;
                    std::vector<std::size_t> gained, lost;
                    for (std::size_t m = 0; m < kKindMarkers && !world.coverage(); ++m) {
                        if (wanted[m].in_alt && !wanted[m].in_ref) gained.push_back(m);
                        if (wanted[m].in_ref && !wanted[m].in_alt) lost.push_back(m);
                    }
                    CHECK(effects[i].gained == gained);
                    CHECK(effects[i].lost == lost);
                    sites += !gained.empty() || !lost.empty();
                }
                CHECK(changed > (span == 0 ? 5 : 15));
            }
        }
    CHECK(sites > 20);
    CHECK(summed > 1000);
}

TEST_CASE("beyond the model's field a variant changes nothing, and within it it does") {
    for (const Kind& kind : kinds()) {
        CAPTURE(kind.name);
        World world(kind);
        const std::int64_t field = default_span(world.model.spec, world.summary);
        if (world.summary.fixed_window) {
            CHECK(field == 100);
            continue;
        }
        CHECK(world.scorer({ScorerOptions::kField})
                  .text()
                  .compared.find(" within " + std::to_string(field) + " bases") == 0);
        if (!world.summary.finite_context) {
            CHECK(field == world.model.spec.window / 2 - world.summary.stride);
            continue;
        }
        std::int64_t farthest = 0;
        for (std::int64_t x = 600; x < 600 + 2 * world.summary.stride; ++x) {
            const Variant v =
                world.variant(x, 1, world.contig[static_cast<std::size_t>(x)] == 'A' ? "C" : "A");
            const std::int64_t length = 1200;  // whole strides
            const Values ref = world.predict(world.contig, 0, length),
                         alt = world.predict(world.mutated(v), 0, length);
            for (std::size_t m = 0; m < kKindMarkers; ++m)
                for (std::int64_t base = 0; base < length; ++base) {
                    const auto cell = static_cast<std::size_t>(base / world.summary.scale);
                    if (ref[m][cell] == alt[m][cell]) continue;
                    // The base of the cell that is nearest: the others have its value.
                    const std::int64_t first = base / world.summary.scale * world.summary.scale,
                                       nearest = std::clamp(x, first, first + world.summary.scale - 1);
                    farthest = std::max(farthest, std::abs(nearest - x));
                }
        }
        CHECK(farthest <= field);
        CHECK(farthest >= field - world.summary.scale);
    }
}

TEST_CASE("every kind of model: an effect does not depend on the company or the order") {
    for (const Kind& kind : kinds()) {
        CAPTURE(kind.name);
        World world(kind, "cpu");
        VariantScorer scorer = world.scorer({.span = 40, .rc_average = true});
        CHECK(scorer.chunk() >= 1);
        std::vector<Allele> alleles;
        for (const Variant& v : variants(world)) alleles.push_back(world.allele(v));
        const auto together = scorer.score(alleles);
        for (std::size_t i = 0; i < alleles.size(); ++i) {
            const auto alone = scorer.score(std::span(alleles).subspan(i, 1));
            REQUIRE(alone[0].compared == together[i].compared);
            for (std::size_t m = 0; m < alone[0].markers.size(); ++m) {
                CHECK(alone[0].markers[m].delta == together[i].markers[m].delta);
                CHECK(alone[0].markers[m].ref == together[i].markers[m].ref);
            }
        }
    }
}

TEST_CASE("every kind of model: of one model three times the effects are its own, and the spread is none") {
    for (const Kind& kind : kinds()) {
        CAPTURE(kind.name);
        World world(kind, "cpu");
        std::vector<Allele> alleles;
        for (const Variant& v : variants(world)) {
            alleles.push_back(world.allele(v));
            alleles.back().intervals.push_back(&kIntervals[1]);
        }
        for (const ScorerOptions& options :
             {ScorerOptions{.span = 40}, ScorerOptions{.span = 0, .rc_average = true}}) {
            VariantScorer one = world.scorer(options);
            VariantScorer three = world.scorer({world.model, world.model, world.model}, options);
            CHECK(three.text().models == 3);
            CHECK(three.text().compared == one.text().compared);
            const auto alone = one.score(alleles), together = three.score(alleles);
            for (std::size_t i = 0; i < alleles.size(); ++i) {
                CHECK(alone[i].compared == together[i].compared);
                CHECK(alone[i].fold == together[i].fold);
                CHECK(alone[i].fold_marker == together[i].fold_marker);
                CHECK((alone[i].gained == together[i].gained && alone[i].lost == together[i].lost));
                REQUIRE(alone[i].intervals.size() == together[i].intervals.size());
                if (alone[i].compared > 0) CHECK(alone[i].intervals[0].sums == together[i].intervals[0].sums);
                CHECK(together[i].spreads == std::vector<float>(alone[i].markers.size(), 0.0f));
                REQUIRE(alone[i].markers.size() == together[i].markers.size());
                for (std::size_t m = 0; m < alone[i].markers.size(); ++m) {
                    const MarkerEffect &a = alone[i].markers[m], &b = together[i].markers[m];
                    CHECK((a.delta == b.delta && a.ref == b.ref && a.alt == b.alt && a.place == b.place));
                }
            }
        }
    }
}

TEST_CASE("an ensemble of kinds that are compared alike: the logit of the mean, at the place that it names") {
    const auto named = [](const char* name) {
        return *std::ranges::find_if(kinds(),
                                     [&](const Kind& kind) { return kind.name == std::string(name); });
    };
    World lstm(named("LSTM"), "cpu"), uneven(named("more context on the right than on the left"), "cpu");
    std::vector<Allele> alleles;
    for (const Variant& v : variants(lstm)) alleles.push_back(lstm.allele(v));
    VariantScorer first = lstm.scorer({.span = 0}), second = lstm.scorer({uneven.model}, {.span = 0}),
                  both = lstm.scorer({lstm.model, uneven.model}, {.span = 0});
    const auto a = first.score(alleles), b = second.score(alleles), mean = both.score(alleles);
    const auto probability = [](float logit) { return 1 / (1 + std::exp(-static_cast<double>(logit))); };
    int compared = 0;
    for (std::size_t i = 0; i < alleles.size(); ++i)
        for (std::size_t m = 0; m < mean[i].markers.size(); ++m) {
            const MarkerEffect &x = a[i].markers[m], &y = b[i].markers[m], &z = mean[i].markers[m];
            if (mean[i].compared != 1) continue;  // at one base there is no choice of the place
            ++compared;
            CHECK(z.place == x.place);
            CHECK(probability(z.ref) ==
                  doctest::Approx((probability(x.ref) + probability(y.ref)) / 2).epsilon(1e-5));
            CHECK(probability(z.alt) ==
                  doctest::Approx((probability(x.alt) + probability(y.alt)) / 2).epsilon(1e-5));
            CHECK(z.delta == z.alt - z.ref);
            CHECK(mean[i].spreads[m] ==
                  doctest::Approx(std::fabs(static_cast<double>(x.delta - y.delta)) / std::sqrt(2.0))
                      .epsilon(1e-4));
        }
    CHECK(compared > 10);
    World bins(named("position-wise bins"), "cpu"), window(named("one bin a window"), "cpu");
    CHECK_THROWS_AS(bins.scorer({bins.model, window.model}, {.span = 0}), Error);
    World other(named("LSTM of bins"), "cpu");
    CHECK_THROWS_AS(bins.scorer({bins.model, other.model}, {.span = 0}), Error);
    // The window of the first ends before the span of the second.
    CHECK(lstm.scorer({lstm.model, uneven.model}, {.span = 80}).text().compared ==
          " within 45 bases of the variant");
}

TEST_CASE("averages over phases are for models that have phases") {
    World bins(kinds()[0]), window(kinds()[2]), lstm(kinds()[5]);
    CHECK_THROWS_AS(window.scorer({40, true}), Error);
    for (World* world : {&bins, &lstm}) {
        VariantScorer scorer = world->scorer({30, true});
        const Allele insertion = world->allele(world->variant(600, 1, world->contig.substr(600, 1) + "GAT"));
        CHECK(scorer.score({&insertion, 1})[0].compared == 60);
    }
    CHECK(bins.scorer({30, false}).text().compared == " within 30 bases of the variant");
    CHECK(bins.scorer({.span = 30, .rc_average = true}).text().compared ==
          " within 30 bases of the variant, of the mean probability of both strands");
    CHECK(window.scorer({40, false}).text().compared == " in the 5 bins of 16 bases around the variant");
    CHECK(window.scorer({0, false}).text().compared == " in the bin of 16 bases centred on the variant");
    CHECK(window.scorer({0, false}).text().place == "the middle of that bin");
    CHECK(lstm.scorer({100, false}).text().compared == " within 45 bases of the variant");
    CHECK(lstm.scorer({100, false}).text().place == "that base");
}
