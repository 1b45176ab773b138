// The INFO fields that regsnp annotate writes, and how effects become their values.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "app/model/model.hpp"
#include "app/variants/annotate.hpp"
#include "app/variants/background.hpp"
#include "app/variants/marker_scale.hpp"
#include "app/variants/variant_scorer.hpp"
#include "io/vcf/vcf.hpp"

namespace regkit {

class AnnotationFields {
  public:
    // What there is besides the fields that all have.
    struct More {
        std::int64_t top = 0;     // markers of REG_TOP
        std::string target = {};  // the file of the intervals of REG_TARGET
        bool quantiles = false;   // fields of EffectQuantiles
        std::string sample = {};  // whose haplotypes; empty: there are no fields of them
    };
    // The text is VariantScorer's. Of the model, its tensors are not needed.
    AnnotationFields(const Model& model, ComparedText text, const More& more);

    // Definitions of the fields, in the order in which records have them. Each says Source="regsnp".
    std::vector<InfoDefinition> definitions() const;
    // Fields of the record at `position` (VcfRecord's), an effect (empty = unscored) and a note for each ALT:
    // only the note where no ALT has a score, and nothing where there is no ALT. `fields` is replaced.
    void values(std::int64_t position, const std::vector<AlleleEffect>& effects,
                const std::vector<AlleleNote>& notes, std::vector<InfoField>& fields) const;
    // Behind those: one for each ALT, none of those without; nothing where no ALT has any.
    void add_quantiles(const std::vector<std::optional<EffectQuantiles>>& quantiles,
                       std::vector<InfoField>& fields) const;
    // Behind those: the changes of both haplotypes, NaN where one is not known; nothing where neither is.
    static void add_haplotypes(const std::array<float, 2>& changes, std::vector<InfoField>& fields);
    // The change behind REG_MAX, signed; NaN where nothing was compared.
    float largest_change(const AlleleEffect& effect) const;

  private:
    std::string of_mean() const;
    void scores(std::int64_t position, const std::vector<AlleleEffect>& effects,
                std::vector<InfoField>& fields) const;
    void sites(const std::vector<AlleleEffect>& effects, std::vector<InfoField>& fields) const;
    void targets(std::int64_t position, const std::vector<AlleleEffect>& effects,
                 std::vector<InfoField>& fields) const;
    // Names and changes by turns, the strongest first.
    std::vector<std::string> strongest_of(const AlleleEffect& effect) const;

    struct Class {
        std::string name, id;
        std::vector<std::size_t> members;  // markers
    };
    std::vector<std::string> markers_;
    std::vector<Class> classes_;
    std::vector<std::size_t> all_;  // 0, 1, ... of the markers
    MarkerScales scales_;
    std::size_t top_;
    std::string target_;
    bool quantiles_;
    std::string sample_;
    ComparedText text_;
};

// A field that an earlier run of regsnp wrote: its Source says so, or it is one of those that 0.1.0, which
// wrote no Source, described like that.
bool written_by_regsnp(const InfoDefinition& definition);

// The member whose effect is strongest, the first of equals; `members` is not empty.
std::size_t strongest_marker(const AlleleEffect& effect, const std::vector<std::size_t>& members);

}  // namespace regkit
