// The file is a table of text, which spreadsheets and scripts read too. Numbers are written so that they are
// read as the same.
#include "app/variants/background.hpp"

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "io/files/text_reader.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"
#include "kernels/base/number.hpp"

namespace regkit {
namespace {

constexpr const char* kMagic = "##regsnpBackground=1";
constexpr const char* kSetting = "##setting=";
constexpr const char* kColumns = "#kind\tnear_site\tmax";

float share(const std::vector<float>& sorted, float value) {
    const auto larger = sorted.end() - std::lower_bound(sorted.begin(), sorted.end(), value);
    return static_cast<float>(larger + 1) / static_cast<float>(sorted.size() + 1);
}

std::vector<std::string_view> fields_of(std::string_view line) {
    std::vector<std::string_view> fields;
    split_fields(line, '\t', fields);
    return fields;
}

float magnitude_of(std::string_view text, const std::string& where) {
    const std::optional<double> value = parse_real(text);
    require(value && *value >= 0, ErrorKind::input,
            where + ": '" + std::string(text) + "' is no size of an effect; the file is damaged");
    return static_cast<float>(*value);
}

}  // namespace

MarkerClasses::MarkerClasses(const std::vector<Marker>& markers) {
    for (const Marker& marker : markers) {
        const auto found = std::find(names_.begin(), names_.end(), marker.class_name);
        class_of_.push_back(marker.class_name.empty() ? -1 : static_cast<int>(found - names_.begin()));
        if (!marker.class_name.empty() && found == names_.end()) names_.push_back(marker.class_name);
    }
}

BackgroundEffect MarkerClasses::effect_of(const AlleleEffect& effect, VariantKind kind) const {
    BackgroundEffect result{
        .kind = kind, .near_site = effect.ref_site, .by_class = std::vector<float>(names_.size())};
    for (std::size_t m = 0; m < effect.markers.size(); ++m) {
        const float change = std::fabs(effect.markers[m].delta);
        result.most = std::max(result.most, change);
        if (class_of_[m] < 0) continue;
        float& most = nth(result.by_class, class_of_[m]);
        most = std::max(most, change);
    }
    return result;
}

Background::Background(std::vector<std::string> settings, std::vector<std::string> classes)
    : settings_(std::move(settings)), classes_(std::move(classes)) {}

void Background::add(BackgroundEffect effect) {
    effects_.push_back(std::move(effect));
}

std::string Background::text(const std::vector<std::string>& comments) const {
    std::string text = std::string(kMagic) + "\n";
    for (const std::string& line : comments) text += line + "\n";
    for (const std::string& setting : settings_) text += kSetting + setting + "\n";
    text += kColumns;
    for (const std::string& name : classes_) text += "\t" + name;
    text += "\n";
    for (const BackgroundEffect& e : effects_) {
        text += kind_name(e.kind) + (e.near_site ? "\t1\t" : "\t0\t") + number_text(e.most, "%.9g");
        for (const float value : e.by_class) text += "\t" + number_text(value, "%.9g");
        text += "\n";
    }
    return text;
}

Background Background::read(const std::string& path) {
    LineReader reader(path);
    std::string_view line;
    const auto next = [&] { return reader.next(line); };
    require(next() && line == kMagic, ErrorKind::input,
            path + ": not a background; regsnp background makes one");
    std::vector<std::string> settings, classes;
    while (next() && line.starts_with("##"))
        if (line.starts_with(kSetting)) settings.emplace_back(line.substr(std::string_view(kSetting).size()));
    require(line.starts_with(kColumns), ErrorKind::input,
            path + ": its columns are not those of a background; the file is damaged");
    const std::vector<std::string_view> names = fields_of(line);
    for (std::size_t i = 3; i < names.size(); ++i) classes.emplace_back(names[i]);
    Background background(std::move(settings), std::move(classes));
    while (next()) {
        const std::string where = reader.where();
        const std::vector<std::string_view> fields = fields_of(line);
        const std::optional<VariantKind> kind = kind_of_name(fields[0]);
        require(
            kind && fields.size() == 3 + background.classes_.size() && (fields[1] == "0" || fields[1] == "1"),
            ErrorKind::input, where + ": not a line of a background; the file is damaged");
        BackgroundEffect effect{
            .kind = *kind, .near_site = fields[1] == "1", .most = magnitude_of(fields[2], where)};
        for (std::size_t i = 3; i < fields.size(); ++i)
            effect.by_class.push_back(magnitude_of(fields[i], where));
        background.add(std::move(effect));
    }
    require(background.size() > 0, ErrorKind::input, path + ": a background without variants");
    background.sort();
    return background;
}

void Background::require_settings(const std::vector<std::string>& settings, const std::string& path) const {
    for (std::size_t i = 0; i < std::max(settings.size(), settings_.size()); ++i) {
        const std::string mine = i < settings_.size() ? settings_[i] : "nothing";
        const std::string asked = i < settings.size() ? settings[i] : "nothing";
        if (mine != asked)
            throw Error(ErrorKind::mismatch, path + ": a background of other effects: it says '" + mine +
                                                 "', this run '" + asked +
                                                 "'; make one with the same model and options");
    }
}

void Background::sort() {
    of_class_.assign(classes_.size(), {});
    for (const BackgroundEffect& e : effects_) {
        const auto type = static_cast<int>(type_of(e.kind));
        all_.push_back(e.most);
        nth(nth(of_kind_, e.kind), e.near_site).push_back(e.most);
        nth(nth(of_type_near_, type), e.near_site).push_back(e.most);
        nth(of_type_, type).push_back(e.most);
        for (std::size_t c = 0; c < of_class_.size(); ++c) of_class_[c].push_back(e.by_class[c]);
    }
    const auto sorted = [](std::vector<float>& values) { std::sort(values.begin(), values.end()); };
    sorted(all_);
    for (auto& both : of_kind_)
        for (auto& values : both) sorted(values);
    for (auto& both : of_type_near_)
        for (auto& values : both) sorted(values);
    for (auto& values : of_type_) sorted(values);
    for (auto& values : of_class_) sorted(values);
}

const std::vector<float>& Background::group(VariantKind kind, bool near_site) const {
    const auto type = static_cast<int>(type_of(kind));
    for (const std::vector<float>* group : {&nth(nth(of_kind_, kind), near_site),
                                            &nth(nth(of_type_near_, type), near_site), &nth(of_type_, type)})
        if (group->size() >= kLeastMatched) return *group;
    return all_;
}

EffectQuantiles Background::quantiles(const BackgroundEffect& effect) const {
    EffectQuantiles q{share(all_, effect.most), share(group(effect.kind, effect.near_site), effect.most), {}};
    for (std::size_t c = 0; c < of_class_.size(); ++c)
        q.by_class.push_back(share(of_class_[c], effect.by_class[c]));
    return q;
}

}  // namespace regkit
