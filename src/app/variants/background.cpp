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

constexpr const char* kMagic = "##regsnpBackground=2";
constexpr const char* kOldMagic = "##regsnpBackground=1";  // whether there is a site, not how far away
constexpr const char* kSetting = "##setting=";
constexpr const char* kColumns = "#kind\tsite_distance\tmax";
constexpr const char* kNoSite = ".";

float share(const std::vector<float>& sorted, float value) {
    const auto larger = sorted.end() - std::lower_bound(sorted.begin(), sorted.end(), value);
    return static_cast<float>(larger + 1) / static_cast<float>(sorted.size() + 1);
}

std::vector<std::string_view> fields_of(std::string_view line) {
    std::vector<std::string_view> fields;
    split_fields(line, '\t', fields);
    return fields;
}

std::optional<std::int64_t> distance_of(std::string_view text) {
    if (text == kNoSite) return AlleleEffect::kNoSite;
    return parse_int(text, 0, AlleleEffect::kNoSite - 1);
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
        .kind = kind, .site_distance = effect.site_distance, .by_class = std::vector<float>(names_.size())};
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
        const bool is_near = e.site_distance != AlleleEffect::kNoSite;
        text += kind_name(e.kind) + "\t" + (is_near ? std::to_string(e.site_distance) : kNoSite) + "\t" +
                number_text(e.most, "%.9g");
        for (const float value : e.by_class) text += "\t" + number_text(value, "%.9g");
        text += "\n";
    }
    return text;
}

Background Background::read(const std::string& path) {
    LineReader reader(path);
    std::string_view line;
    const auto next = [&] { return reader.next(line); };
    const bool any = next();
    require(
        !any || line != kOldMagic, ErrorKind::input,
        path + ": a background of an earlier version, which does not say how far sites are; make it anew");
    require(any && line == kMagic, ErrorKind::input,
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
        const auto distance = fields.size() > 1 ? distance_of(fields[1]) : std::nullopt;
        require(kind && fields.size() == 3 + background.classes_.size() && distance, ErrorKind::input,
                where + ": not a line of a background; the file is damaged");
        BackgroundEffect effect{
            .kind = *kind, .site_distance = *distance, .most = magnitude_of(fields[2], where)};
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
        const int bin = distance_bin(e.site_distance);
        nth(nth(of_kind_, e.kind), bin).push_back(e.most);
        nth(nth(of_type_bin_, type), bin).push_back(e.most);
        nth(of_type_, type).push_back(e.most);
        for (std::size_t c = 0; c < of_class_.size(); ++c) of_class_[c].push_back(e.by_class[c]);
    }
    const auto sorted = [](std::vector<float>& values) { std::sort(values.begin(), values.end()); };
    sorted(all_);
    for (auto& bins : of_kind_)
        for (auto& values : bins) sorted(values);
    for (auto& bins : of_type_bin_)
        for (auto& values : bins) sorted(values);
    for (auto& values : of_type_) sorted(values);
    for (auto& values : of_class_) sorted(values);
}

int Background::distance_bin(std::int64_t distance) {
    constexpr std::array<std::int64_t, kDistanceBins - 1> kMost{0, 100, 500, 2000, AlleleEffect::kNoSite - 1};
    return static_cast<int>(std::ranges::lower_bound(kMost, distance) - kMost.begin());
}

const std::vector<float>& Background::group(VariantKind kind, int bin) const {
    const auto type = static_cast<int>(type_of(kind));
    for (const std::vector<float>* group :
         {&nth(nth(of_kind_, kind), bin), &nth(nth(of_type_bin_, type), bin), &nth(of_type_, type)})
        if (group->size() >= kLeastMatched) return *group;
    return all_;
}

EffectQuantiles Background::quantiles(const BackgroundEffect& effect) const {
    EffectQuantiles q{share(all_, effect.most),
                      share(group(effect.kind, distance_bin(effect.site_distance)), effect.most),
                      {}};
    for (std::size_t c = 0; c < of_class_.size(); ++c)
        q.by_class.push_back(share(of_class_[c], effect.by_class[c]));
    return q;
}

}  // namespace regkit
