// The INFO fields that regsnp annotate writes, and how effects become their values.
#pragma once

#include <string>
#include <vector>

#include "app/annotate.hpp"
#include "app/variant_scorer.hpp"
#include "base/marker.hpp"
#include "io/vcf.hpp"
#include "nn/spec.hpp"

namespace regkit {

class AnnotationFields {
  public:
    // `compared` is VariantScorer::compared().
    AnnotationFields(const std::vector<Marker>& markers, Task task, std::string compared);

    // Drops the input's own REG_* fields and defines ours.
    void define(VcfHeader& header) const;
    // Values of one record, an effect (empty = unscored) and a note for each ALT. Nothing where there is no ALT.
    void set(const VcfHeader& header, VcfRecord& record, const std::vector<AlleleEffect>& effects,
             const std::vector<AlleleNote>& notes) const;

  private:
    struct Class {
        std::string name, id;
        std::vector<std::size_t> members;  // markers
    };
    std::vector<std::string> markers_;
    std::vector<Class> classes_;
    Task task_;
    std::string compared_;
};

// The member whose effect is strongest, the first of equals; `members` is not empty.
std::size_t strongest_marker(const AlleleEffect& effect, const std::vector<std::size_t>& members);

}  // namespace regkit
