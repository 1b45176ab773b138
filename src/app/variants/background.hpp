// What effects look like where nobody chose the variants: a file of the effects of random ones, and how often
// these are as large as one at hand.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "app/variants/variant_kind.hpp"
#include "app/variants/variant_scorer.hpp"
#include "base/marker.hpp"

namespace regkit {

// One variant of the background.
struct BackgroundEffect {
    VariantKind kind = 0;
    // How far the nearest site of some marker in REF lies, of those among what was compared.
    std::int64_t site_distance = AlleleEffect::kNoSite;
    float most = 0;                    // the largest |change| of a marker's logit (coverage)
    std::vector<float> by_class = {};  // the same of each class's markers
};

// Classes of markers in the order in which they come, those without one left out.
class MarkerClasses {
  public:
    explicit MarkerClasses(const std::vector<Marker>& markers);
    const std::vector<std::string>& names() const { return names_; }
    // Of an allele that has a score.
    BackgroundEffect effect_of(const AlleleEffect& effect, VariantKind kind) const;

  private:
    std::vector<std::string> names_;
    std::vector<int> class_of_;  // of each marker; -1: none
};

// (r + 1) / (n + 1) for r of n variants whose effect is at least as large: never 0.
struct EffectQuantiles {
    float all = 0;      // among all variants
    float matched = 0;  // among those of its kind, in the same bin of distances from a site
    std::vector<float> by_class = {};
};

class Background {
  public:
    // `settings`: lines that say what effects depend on: models, markers, what is compared.
    Background(std::vector<std::string> settings, std::vector<std::string> classes);

    void add(BackgroundEffect effect);
    std::size_t size() const { return effects_.size(); }
    // Text of the file: '##' lines, a header, a line a variant.
    std::string text(const std::vector<std::string>& comments) const;
    // Error(input) where the file is none of a background, or damaged.
    static Background read(const std::string& path);
    // Error(mismatch), naming the first difference, where effects with these settings are not comparable.
    void require_settings(const std::vector<std::string>& settings, const std::string& path) const;

    // After the last add().
    void sort();
    EffectQuantiles quantiles(const BackgroundEffect& effect) const;

    // Variants of a kind and bin of distances from which on these are a group of their own; with fewer, those
    // of its type and bin, then of its type, then all.
    static constexpr std::size_t kLeastMatched = 200;
    // Distances that are alike: 0, up to 100, 500 and 2000, more, and no site.
    static constexpr int kDistanceBins = 6;
    static int distance_bin(std::int64_t distance);

  private:
    const std::vector<float>& group(VariantKind kind, int bin) const;
    template <std::size_t N>
    using ByDistance = std::array<std::array<std::vector<float>, kDistanceBins>, N>;

    std::vector<std::string> settings_, classes_;
    std::vector<BackgroundEffect> effects_;
    // Sorted magnitudes.
    std::vector<float> all_;
    ByDistance<kVariantKinds> of_kind_;
    ByDistance<4> of_type_bin_;
    std::array<std::vector<float>, 4> of_type_;
    std::vector<std::vector<float>> of_class_;
};

}  // namespace regkit
