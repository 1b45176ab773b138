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

#include "base/text.hpp"

namespace regkit {
namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
constexpr float kFoldFloor = 1e-6f;
constexpr const char* kSource = "regsnp";
constexpr const char* kClassPrefix = "REG_D_";

// INFO names are [A-Za-z0-9_.]+ .
std::string info_id(const std::string& class_name) {
    std::string id = kClassPrefix + class_name;
    for (char& c : id)
        if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.') c = '_';
    return id;
}

std::string quoted_safe(std::string text) {
    std::replace(text.begin(), text.end(), '"', '\'');
    std::replace(text.begin(), text.end(), '\\', '/');
    return text;
}

}  // namespace

const char* to_string(AlleleNote note) {
    static constexpr const char* kNames[kAlleleNotes] = {
        ".",        "star",       "symbolic",     "breakend",       "ambiguous", "not_sequence",
        "telomere", "uncompared", "ref_mismatch", "missing_contig", "vcf_ref"};
    return kNames[static_cast<int>(note)];
}

float log2_fold_change(float ref, float alt) {
    return std::log2((alt + kFoldFloor) / (ref + kFoldFloor));
}

std::size_t strongest_marker(const AlleleEffect& effect, const std::vector<std::size_t>& members) {
    std::size_t best = members.front();
    for (const std::size_t member : members)
        if (std::fabs(effect.markers[member].delta) > std::fabs(effect.markers[best].delta)) best = member;
    return best;
}

AnnotationFields::AnnotationFields(const std::vector<Marker>& markers, Task task, std::string compared)
    : task_(task), compared_(std::move(compared)) {
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

std::vector<InfoDefinition> AnnotationFields::definitions() const {
    std::vector<InfoDefinition> all;
    const auto define = [&](const std::string& id, const char* type, const std::string& description) {
        all.push_back({id, "A", type, description, kSource});
    };
    const std::string sign = "; ALT minus REF, so positive where ALT raises it";
    define("REG_MAX", "Float",
           std::string("Largest absolute change of ") +
               (task_ == Task::coverage ? "the predicted coverage of a marker"
                                        : "a predicted marker probability") +
               compared_ + ", over " + counted(static_cast<std::int64_t>(markers_.size()), "marker"));
    define("REG_DELTA", "Float", "The change behind REG_MAX" + sign);
    define("REG_MARKER", "String", "The marker behind REG_MAX");
    define("REG_LOG2FC", "Float",
           task_ == Task::coverage ? "log2((ALT + 1e-6) / (REF + 1e-6)) of that marker's coverage there"
           : task_ == Task::bin    ? "log2((p_ALT + 1e-6) / (p_REF + 1e-6)) of that marker in that bin"
                                   : "log2((p_ALT + 1e-6) / (p_REF + 1e-6)) of that marker at that base");
    for (const Class& c : classes_)
        define(c.id, "Float",
               "Change of largest magnitude " +
                   (c.members.size() == 1 ? "of the one marker"
                                          : "among the " + std::to_string(c.members.size()) + " markers") +
                   " of class " + quoted_safe(c.name) + compared_ + sign);
    define(
        "REG_NOTE", "String",
        "Why an allele has no score (star, symbolic, breakend, ambiguous: not A C G T only, not_sequence: ALT is nothing that VCF "
        "knows, telomere, uncompared: no base to compare, ref_mismatch, missing_contig), or its caveat (vcf_ref: scored against "
        "the record's REF, which is not the reference's)");
    return all;
}

void AnnotationFields::values(const std::vector<AlleleEffect>& effects, const std::vector<AlleleNote>& notes,
                              std::vector<InfoField>& fields) const {
    const std::size_t alleles = effects.size();
    const bool any_score =
        std::any_of(effects.begin(), effects.end(), [](const AlleleEffect& e) { return e.compared > 0; });
    const bool any_note =
        std::any_of(notes.begin(), notes.end(), [](AlleleNote n) { return n != AlleleNote::none; });
    fields.clear();
    if (any_score) {
        const auto numbers = [&](const std::string& id) {
            fields.push_back({id, std::vector<float>(alleles, kMissing), {}});
        };
        numbers("REG_MAX");
        numbers("REG_DELTA");
        fields.push_back({"REG_MARKER", {}, std::vector<std::string>(alleles, ".")});
        numbers("REG_LOG2FC");
        for (const Class& c : classes_) numbers(c.id);
    }
    for (std::size_t a = 0; a < alleles && any_score; ++a) {
        if (effects[a].compared == 0) continue;
        const std::size_t best = strongest_marker(effects[a], all_);
        const MarkerEffect& effect = effects[a].markers[best];
        fields[0].numbers[a] = std::fabs(effect.delta);
        fields[1].numbers[a] = effect.delta;
        fields[2].texts[a] = markers_[best];
        fields[3].numbers[a] = log2_fold_change(effect.ref, effect.alt);
        for (std::size_t c = 0; c < classes_.size(); ++c)
            fields[4 + c].numbers[a] =
                effects[a].markers[strongest_marker(effects[a], classes_[c].members)].delta;
    }
    if (!any_note) return;
    InfoField note{"REG_NOTE", {}, {}};
    for (const AlleleNote n : notes) note.texts.emplace_back(to_string(n));
    fields.push_back(std::move(note));
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
