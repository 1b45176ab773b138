// The fields are a list of definitions, and values are formed in the same order: the strongest marker of all,
// then of each class. Fields that an earlier run wrote are known by their Source, and those of versions that
// wrote none by the beginning of their description, so that they can be replaced and a stranger's field of
// the same name cannot.
#include "app/variants/annotation_fields.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <iterator>
#include <limits>
#include <numeric>
#include <utility>

#include "base/printable.hpp"
#include "base/text.hpp"

namespace regkit {
namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
constexpr const char* kSource = "regsnp";
constexpr const char* kClassPrefix = "REG_D_";

// INFO names are [A-Za-z0-9_.]+ .
std::string info_id(const std::string& class_name) {
    std::string id = kClassPrefix + class_name;
    for (char& c : id)
        if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.') c = '_';
    return id;
}

// REG_D_X and REG_Q_X are of the same class.
std::string quantile_id(const std::string& class_id) {
    return "REG_Q_" + class_id.substr(std::string_view(kClassPrefix).size());
}

std::string quoted_safe(std::string text) {
    std::replace(text.begin(), text.end(), '"', '\'');
    std::replace(text.begin(), text.end(), '\\', '/');
    return text;
}

}  // namespace

const char* to_string(AlleleNote note) {
    static constexpr const char* kNames[kAlleleNotes] = {
        ".",          "star",         "symbolic",       "breakend", "ambiguous", "not_sequence", "telomere",
        "uncompared", "ref_mismatch", "missing_contig", "vcf_ref",  "unphased",  "overlap"};
    return kNames[static_cast<int>(note)];
}

double log2_fold_change(double ref, double alt) {
    return std::log2((alt + MarkerScales::kFoldFloor) / (ref + MarkerScales::kFoldFloor));
}

std::size_t strongest_marker(const AlleleEffect& effect, const std::vector<std::size_t>& members) {
    std::size_t best = members.front();
    for (const std::size_t member : members)
        if (std::fabs(effect.markers[member].delta) > std::fabs(effect.markers[best].delta)) best = member;
    return best;
}

AnnotationFields::AnnotationFields(const Model& model, ComparedText text, const More& more)
    : scales_(model),
      top_(std::min(static_cast<std::size_t>(more.top), model.markers.size())),
      target_(more.target),
      quantiles_(more.quantiles),
      sample_(more.sample),
      text_(std::move(text)) {
    const std::vector<Marker>& markers = model.markers;
    for (std::size_t i = 0; i < markers.size(); ++i) {
        markers_.push_back(markers[i].name);
        if (markers[i].class_name.empty()) continue;
        const auto find = [this](std::string Class::*what, const std::string& text) {
            return std::find_if(classes_.begin(), classes_.end(),
                                [&](const Class& c) { return c.*what == text; });
        };
        auto found = find(&Class::name, markers[i].class_name);
        if (found == classes_.end()) {
            const std::string plain = info_id(markers[i].class_name);
            std::string id = plain;  // 'a b' and 'a;b' are two classes, but of one plain ID
            for (int n = 2; find(&Class::id, id) != classes_.end(); ++n) id = plain + "_" + std::to_string(n);
            found = classes_.insert(classes_.end(), {markers[i].class_name, id, {}});
        }
        found->members.push_back(i);
    }
    all_.resize(markers_.size());
    std::iota(all_.begin(), all_.end(), std::size_t{0});
}

// What an ensemble's outputs are, behind "coverage" or "logit".
std::string AnnotationFields::of_mean() const {
    if (text_.models == 1) return "";
    return (scales_.coverage() ? " (mean over " : " (of the mean probability over ") +
           counted(text_.models, "model") + ")";
}

std::vector<InfoDefinition> AnnotationFields::definitions() const {
    std::vector<InfoDefinition> all;
    const auto define = [&](const std::string& id, const char* type, const std::string& description) {
        all.push_back({id, "A", type, description, kSource});
    };
    const bool coverage = scales_.coverage();
    const std::string sign = "; ALT minus REF, so positive where ALT raises it";
    const std::string over = text_.compared + ", over " + counted(std::ssize(markers_), "marker");
    define("REG_MAX", "Float",
           "Largest absolute change of a marker's " + std::string(coverage ? "coverage" : "logit") +
               of_mean() + over);
    define("REG_DELTA", "Float", "The change behind REG_MAX" + sign);
    define("REG_MARKER", "String", "The marker behind REG_MAX");
    define("REG_POS", "Integer",
           "Where that change is: bases along the reference from POS to " + text_.place +
               ", negative to the left");
    define(
        "REG_REF", "Float",
        coverage ? "Coverage of that marker there, in REF"
        : text_.models > 1
            ? "Mean probability of that marker there, in REF, over the models, of calibrated ones as calibrated"
        : scales_.calibrated()
            ? "Calibrated probability of that marker there, in REF"
            : "Probability of that marker there, in REF: the sigmoid of its logit, since the model is not calibrated");
    define("REG_ALT", "Float", "The same in ALT");
    if (!coverage)
        define("REG_LOGIT", "Float",
               std::string("The logit of REG_ALT less that of REG_REF") +
                   (scales_.calibrated() ? "; REG_DELTA has the logits as they are before calibration"
                                         : ", which is REG_DELTA without calibration"));
    if (text_.models > 1)
        define("REG_SPREAD", "Float",
               "Standard deviation over " + counted(text_.models, "model") +
                   " (of a sample, n - 1) of the change that each by itself gives of that marker there");
    define("REG_LOG2FC", "Float", "log2((REG_ALT + 1e-6) / (REG_REF + 1e-6))");
    define(
        "REG_MAXLOG2FC", "Float",
        (coverage
             ? "Largest |log2((ALT + e) / (REF + e))| of a marker's coverage"
             : "Largest |log2((p_ALT + e) / (p_REF + e))| of a marker's probability p as REG_REF has it,") +
            over + "; e is the marker's " + (coverage ? "mean" : "prevalence") +
            " in training, or 1e-6 where that is 0");
    define("REG_MAXLOG2FC_MARKER", "String", "The marker behind REG_MAXLOG2FC");
    if (top_ > 0)
        define(
            "REG_TOP", "String",
            "The " + counted(static_cast<std::int64_t>(top_), "marker") +
                " of the largest changes, the first as in REG_MARKER, each with its own change behind it, separated by |");
    for (const Class& c : classes_)
        define(c.id, "Float",
               std::string("Largest change of a ") + (coverage ? "coverage" : "logit") +
                   (c.members.size() == 1 ? " of the one marker"
                                          : " among the " + std::to_string(c.members.size()) + " markers") +
                   " of class " + quoted_safe(c.name) + text_.compared + sign);
    if (!coverage) {
        define("REG_GAIN", "String",
               "Markers, separated by |, that have a site in ALT and none in REF" + text_.compared +
                   (scales_.calibrated()
                        ? "; sites by the model's cutoffs, as regcall calls them"
                        : std::string("; a site is where the probability is at least 0.5, since the ") +
                              (text_.models > 1 ? "mean of models" : "model") + " is not calibrated"));
        define("REG_LOSS", "String", "Markers that have a site in REF and none in ALT, likewise");
    }
    if (!target_.empty())
        define(
            "REG_TARGET", "String",
            "Intervals of " + quoted_safe(printable(target_)) +
                " that the bases compared reach, of each, separated by |: name, distance (bases from POS to it, negative to the left), the marker whose sum is largest in magnitude, and that sum of log2((ALT + e) / (REF + e)) over its bases, as of REG_MAXLOG2FC");
    if (quantiles_) {
        const std::string of =
            " of background variants whose REG_MAX is at least as large: (r + 1) / (n + 1)";
        define("REG_Q", "Float", "Share" + of);
        define(
            "REG_QM", "Float",
            "The same among background variants of its kind (substitutions by trinucleotide, insertions and deletions by "
            "length) that lie as far from a site in REF (0, up to 100, 500, 2000 bases, more, none among what is compared); of its "
            "type where there are fewer than " +
                std::to_string(Background::kLeastMatched));
        for (const Class& c : classes_)
            define(quantile_id(c.id), "Float",
                   "Share of background variants whose largest change of class " + quoted_safe(c.name) +
                       " is at least as large");
    }
    if (!sample_.empty()) {
        all.push_back(
            {"REG_H1", "1", "Float",
             "Largest change of a marker's " + std::string(coverage ? "coverage" : "logit") + of_mean() +
                 text_.compared + " in the first haplotype of sample " + quoted_safe(printable(sample_)) +
                 ", all its phased variants applied together; haplotype minus REF, and 0 where it is REF",
             kSource});
        all.push_back({"REG_H2", "1", "Float", "The same of the second haplotype", kSource});
    }
    define(
        "REG_NOTE", "String",
        "Why an allele has no score (star, symbolic, breakend, ambiguous: not A C G T only, not_sequence: ALT is nothing that VCF "
        "knows, telomere, uncompared: no base to compare, ref_mismatch, missing_contig), or its caveat (vcf_ref: scored against "
        "the record's REF, which is not the reference's" +
            std::string(
                sample_.empty()
                    ? ")"
                    : "; unphased: which haplotype has it is not known, overlap: it overlaps a variant "
                      "before it on the same haplotype; both are left out of REG_H1 and REG_H2)"));
    return all;
}

void AnnotationFields::values(std::int64_t position, const std::vector<AlleleEffect>& effects,
                              const std::vector<AlleleNote>& notes, std::vector<InfoField>& fields) const {
    fields.clear();
    if (std::ranges::any_of(effects, [](const AlleleEffect& e) { return e.compared > 0; }))
        scores(position, effects, fields);
    sites(effects, fields);
    targets(position, effects, fields);
    if (std::ranges::all_of(notes, [](AlleleNote n) { return n == AlleleNote::none; })) return;
    InfoField note{"REG_NOTE", {}, {}};
    for (const AlleleNote n : notes) note.texts.emplace_back(to_string(n));
    fields.push_back(std::move(note));
}

// Of records in which an allele has a score.
void AnnotationFields::scores(std::int64_t position, const std::vector<AlleleEffect>& effects,
                              std::vector<InfoField>& fields) const {
    std::vector<std::size_t> best(effects.size());
    for (std::size_t a = 0; a < effects.size(); ++a)
        if (effects[a].compared > 0) best[a] = strongest_marker(effects[a], all_);
    const auto each = [&](const std::string& id, auto InfoField::*values, const auto& missing,
                          const auto& value) {
        InfoField& field = fields.emplace_back(InfoField{id, {}, {}});
        (field.*values).assign(effects.size(), missing);
        for (std::size_t a = 0; a < effects.size(); ++a)
            if (effects[a].compared > 0) (field.*values)[a] = value(a);
    };
    const auto number = [&](const std::string& id, const auto& value) {
        each(id, &InfoField::numbers, kMissing, [&](std::size_t a) { return static_cast<float>(value(a)); });
    };
    const auto strongest = [&](std::size_t a) -> const MarkerEffect& { return effects[a].markers[best[a]]; };
    const auto ref = [&](std::size_t a) { return scales_.value(best[a], strongest(a).ref); };
    const auto alt = [&](std::size_t a) { return scales_.value(best[a], strongest(a).alt); };
    const auto text = [&](const std::string& id, const auto& marker) {
        each(id, &InfoField::texts, std::string("."), [&](std::size_t a) { return markers_[marker(a)]; });
    };
    number("REG_MAX", [&](std::size_t a) { return std::fabs(strongest(a).delta); });
    number("REG_DELTA", [&](std::size_t a) { return strongest(a).delta; });
    text("REG_MARKER", [&](std::size_t a) { return best[a]; });
    each("REG_POS", &InfoField::integers, InfoField::kMissingInteger,
         [&](std::size_t a) { return static_cast<std::int32_t>(strongest(a).place - position); });
    number("REG_REF", ref);
    number("REG_ALT", alt);
    if (!scales_.coverage())
        number("REG_LOGIT", [&](std::size_t a) {
            return scales_.logit(best[a], strongest(a).alt) - scales_.logit(best[a], strongest(a).ref);
        });
    if (text_.models > 1) number("REG_SPREAD", [&](std::size_t a) { return effects[a].spreads[best[a]]; });
    number("REG_LOG2FC", [&](std::size_t a) { return log2_fold_change(ref(a), alt(a)); });
    number("REG_MAXLOG2FC", [&](std::size_t a) { return effects[a].fold; });
    text("REG_MAXLOG2FC_MARKER", [&](std::size_t a) { return effects[a].fold_marker; });
    if (top_ > 0)
        each("REG_TOP", &InfoField::lists, std::vector<std::string>{},
             [&](std::size_t a) { return strongest_of(effects[a]); });
    for (const Class& c : classes_)
        number(c.id, [&](std::size_t a) {
            return effects[a].markers[strongest_marker(effects[a], c.members)].delta;
        });
}

void AnnotationFields::add_quantiles(const std::vector<std::optional<EffectQuantiles>>& quantiles,
                                     std::vector<InfoField>& fields) const {
    if (std::ranges::none_of(quantiles, [](const auto& q) { return q.has_value(); })) return;
    const auto add = [&](const std::string& id, const auto& value) {
        InfoField& field = fields.emplace_back(InfoField{id, {}, {}});
        for (const std::optional<EffectQuantiles>& q : quantiles)
            field.numbers.push_back(q ? value(*q) : kMissing);
    };
    add("REG_Q", [](const EffectQuantiles& q) { return q.all; });
    add("REG_QM", [](const EffectQuantiles& q) { return q.matched; });
    for (std::size_t c = 0; c < classes_.size(); ++c)
        add(quantile_id(classes_[c].id), [c](const EffectQuantiles& q) { return q.by_class[c]; });
}

float AnnotationFields::largest_change(const AlleleEffect& effect) const {
    return effect.compared > 0 ? effect.markers[strongest_marker(effect, all_)].delta : kMissing;
}

void AnnotationFields::add_haplotypes(const std::array<float, 2>& changes, std::vector<InfoField>& fields) {
    if (std::isnan(changes[0]) && std::isnan(changes[1])) return;
    fields.push_back({"REG_H1", {changes[0]}, {}});
    fields.push_back({"REG_H2", {changes[1]}, {}});
}

// Of few alleles, so that the others have none of the two.
void AnnotationFields::sites(const std::vector<AlleleEffect>& effects, std::vector<InfoField>& fields) const {
    const auto list = [&](const char* id, std::vector<std::size_t> AlleleEffect::*markers) {
        if (std::ranges::all_of(effects, [&](const AlleleEffect& e) { return (e.*markers).empty(); })) return;
        InfoField& field = fields.emplace_back(InfoField{id, {}, {}});
        for (const AlleleEffect& effect : effects) {
            std::vector<std::string>& names = field.lists.emplace_back();
            for (const std::size_t m : effect.*markers) names.push_back(markers_[m]);
        }
    };
    list("REG_GAIN", &AlleleEffect::gained);
    list("REG_LOSS", &AlleleEffect::lost);
}

void AnnotationFields::targets(std::int64_t position, const std::vector<AlleleEffect>& effects,
                               std::vector<InfoField>& fields) const {
    if (std::ranges::all_of(effects, [](const AlleleEffect& e) { return e.intervals.empty(); })) return;
    InfoField& field = fields.emplace_back(InfoField{"REG_TARGET", {}, {}});
    for (const AlleleEffect& effect : effects) {
        std::vector<std::string>& parts = field.lists.emplace_back();
        for (const auto& [interval, sums] : effect.intervals) {
            const auto best = std::ranges::max_element(sums, {}, [](double sum) { return std::fabs(sum); });
            const std::int64_t left = interval->begin - position, right = interval->end - 1 - position;
            parts.push_back(interval->name);
            parts.push_back(std::to_string(left > 0 ? left : std::min<std::int64_t>(right, 0)));
            parts.push_back(markers_[static_cast<std::size_t>(best - sums.begin())]);
            append_vcf_number(parts.emplace_back(), static_cast<float>(*best));
        }
    }
}

std::vector<std::string> AnnotationFields::strongest_of(const AlleleEffect& effect) const {
    std::vector<std::size_t> order = all_;
    std::ranges::partial_sort(order, order.begin() + static_cast<std::ptrdiff_t>(top_),
                              [&](std::size_t a, std::size_t b) {
                                  const float first = std::fabs(effect.markers[a].delta),
                                              second = std::fabs(effect.markers[b].delta);
                                  return first > second || (first == second && a < b);
                              });
    std::vector<std::string> parts;
    for (const std::size_t m : std::span(order).first(top_)) {
        parts.push_back(markers_[m]);
        append_vcf_number(parts.emplace_back(), effect.markers[m].delta);
    }
    return parts;
}

bool written_by_regsnp(const InfoDefinition& definition) {
    if (definition.source == kSource) return true;
    struct Old {
        const char *id, *type, *description;  // the description's beginning
    };
    static constexpr Old kOld[] = {
        {"REG_MAX", "Float", "Largest absolute change of a predicted marker probability"},
        {"REG_MAX", "Float", "Largest absolute change of the predicted coverage of a marker"},
        {"REG_DELTA", "Float", "The change behind REG_MAX; ALT minus REF"},
        {"REG_MARKER", "String", "The marker behind REG_MAX"},
        {"REG_LOG2FC", "Float", "log2((p_ALT + 1e-6) / (p_REF + 1e-6)) of that marker"},
        {"REG_LOG2FC", "Float", "log2((ALT + 1e-6) / (REF + 1e-6)) of that marker's coverage"},
        {"REG_NOTE", "String", "Why an allele has no score (star, symbolic, breakend, ambiguous"},
    };
    if (definition.number != "A") return false;
    if (definition.id.starts_with(kClassPrefix))
        return definition.type == "Float" &&
               definition.description.starts_with("Change of largest magnitude among the ");
    return std::any_of(std::begin(kOld), std::end(kOld), [&](const Old& old) {
        return definition.id == old.id && definition.type == old.type &&
               definition.description.starts_with(old.description);
    });
}

}  // namespace regkit
