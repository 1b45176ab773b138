#include "app/annotation_fields.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace regkit {
namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
constexpr float kFoldFloor = 1e-6f;

// INFO names are [A-Za-z0-9_.]+ .
std::string info_id(const std::string& class_name) {
    std::string id = "REG_D_" + class_name;
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
    static constexpr const char* kNames[kAlleleNotes] = {".",        "star",       "symbolic",     "breakend", "ambiguous",
                                                         "telomere", "uncompared", "ref_mismatch", "vcf_ref"};
    return kNames[static_cast<int>(note)];
}

float log2_fold_change(float ref, float alt) { return std::log2((alt + kFoldFloor) / (ref + kFoldFloor)); }

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
            return std::find_if(classes_.begin(), classes_.end(), [&](const Class& c) { return c.*what == text; });
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
}

void AnnotationFields::define(VcfHeader& header) const {
    header.drop_info("REG_");
    const std::string sign = "; ALT minus REF, so positive where ALT raises it";
    header.define_info("REG_MAX", "A", "Float",
                       std::string("Largest absolute change of ") +
                           (task_ == Task::coverage ? "the predicted coverage of a marker"
                                                    : "a predicted marker probability") +
                           compared_ + ", over " + std::to_string(markers_.size()) + " markers");
    header.define_info("REG_DELTA", "A", "Float", "The change behind REG_MAX" + sign);
    header.define_info("REG_MARKER", "A", "String", "The marker behind REG_MAX");
    header.define_info("REG_LOG2FC", "A", "Float",
                       task_ == Task::coverage ? "log2((ALT + 1e-6) / (REF + 1e-6)) of that marker's coverage there"
                       : task_ == Task::bin    ? "log2((p_ALT + 1e-6) / (p_REF + 1e-6)) of that marker in that bin"
                                               : "log2((p_ALT + 1e-6) / (p_REF + 1e-6)) of that marker at that base");
    for (const Class& c : classes_)
        header.define_info(c.id, "A", "Float",
                           "Change of largest magnitude among the " + std::to_string(c.members.size()) + " markers of class " +
                               quoted_safe(c.name) + compared_ + sign);
    header.define_info("REG_NOTE", "A", "String",
                       "Why an allele has no score (star, symbolic, breakend, ambiguous: not A C G T only, telomere, "
                       "uncompared: no base to compare, ref_mismatch), or its caveat (vcf_ref: scored against the "
                       "record's REF, which is not the reference's)");
}

void AnnotationFields::set(const VcfHeader& header, VcfRecord& record, const std::vector<AlleleEffect>& effects,
                           const std::vector<AlleleNote>& notes) const {
    const std::size_t alleles = effects.size();
    if (alleles == 0) return;
    std::vector<std::size_t> all(markers_.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    std::vector<float> largest(alleles, kMissing), delta(alleles, kMissing), fold(alleles, kMissing);
    std::vector<std::string> marker(alleles, "."), note;
    std::vector<std::vector<float>> by_class(classes_.size(), std::vector<float>(alleles, kMissing));
    for (std::size_t a = 0; a < alleles; ++a) {
        note.emplace_back(to_string(notes[a]));
        if (effects[a].compared == 0) continue;
        const std::size_t best = strongest_marker(effects[a], all);
        const MarkerEffect& effect = effects[a].markers[best];
        largest[a] = std::fabs(effect.delta);
        delta[a] = effect.delta;
        fold[a] = log2_fold_change(effect.ref, effect.alt);
        marker[a] = markers_[best];
        for (std::size_t c = 0; c < classes_.size(); ++c)
            by_class[c][a] = effects[a].markers[strongest_marker(effects[a], classes_[c].members)].delta;
    }
    header.set_info(record, "REG_MAX", largest);
    header.set_info(record, "REG_DELTA", delta);
    header.set_info(record, "REG_MARKER", marker);
    header.set_info(record, "REG_LOG2FC", fold);
    for (std::size_t c = 0; c < classes_.size(); ++c) header.set_info(record, classes_[c].id, by_class[c]);
    const bool any_note = std::any_of(notes.begin(), notes.end(), [](AlleleNote n) { return n != AlleleNote::none; });
    if (any_note) header.set_info(record, "REG_NOTE", note);
}

}  // namespace regkit
