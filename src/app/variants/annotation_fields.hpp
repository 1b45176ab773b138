// The INFO fields that regsnp annotate writes, and how effects become their values.
#pragma once

#include <string>
#include <vector>

#include "app/variants/annotate.hpp"
#include "app/variants/variant_scorer.hpp"
#include "base/marker.hpp"
#include "io/vcf/vcf.hpp"
#include "nn/spec.hpp"

namespace regkit {

class AnnotationFields {
  public:
    // `compared` is VariantScorer::compared().
    AnnotationFields(const std::vector<Marker>& markers, Task task, std::string compared);

    // Definitions of the fields, in the order in which records have them. Each says Source="regsnp".
    std::vector<InfoDefinition> definitions() const;
    // Fields of one record, an effect (empty = unscored) and a note for each ALT: only the note where no ALT
    // has a score, and nothing where there is no ALT. `fields` is replaced.
    void values(const std::vector<AlleleEffect>& effects, const std::vector<AlleleNote>& notes,
                std::vector<InfoField>& fields) const;

  private:
    struct Class {
        std::string name, id;
        std::vector<std::size_t> members;  // markers
    };
    std::vector<std::string> markers_;
    std::vector<Class> classes_;
    std::vector<std::size_t> all_;  // 0, 1, ... of the markers
    Task task_;
    std::string compared_;
};

// A field that an earlier run of regsnp wrote: its Source says so, or it is one of those that 0.1.0, which
// wrote no Source, described like that.
bool written_by_regsnp(const InfoDefinition& definition);

// The member whose effect is strongest, the first of equals; `members` is not empty.
std::size_t strongest_marker(const AlleleEffect& effect, const std::vector<std::size_t>& members);

}  // namespace regkit
