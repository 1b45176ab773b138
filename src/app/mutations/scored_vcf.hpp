// Alleles that were made, as a VCF or BCF with the fields that regsnp annotate writes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/mutations/made_allele.hpp"
#include "app/variants/allele_run.hpp"
#include "app/variants/annotation_fields.hpp"
#include "base/log.hpp"
#include "io/files/output_set.hpp"
#include "io/vcf/vcf.hpp"

namespace regkit {

class ScoredVcf {
  public:
    // The run has its scorer, and outlives this. Errors as VcfWriter's.
    ScoredVcf(const std::string& path, VariantFormat format, AlleleRun& run, const ScoringParameters& p,
              Log& log);

    void add(const MadeAllele& allele, const AlleleEffect& effect);
    void flush() { writer_->flush(); }
    void add_to(OutputSet& outputs) { writer_->add_to(outputs); }

  private:
    AlleleRun& run_;
    AnnotationFields fields_;
    std::shared_ptr<const std::string> source_;
    std::unique_ptr<VcfWriter> writer_;
    VcfRecord record_;
    std::vector<InfoField> values_;
};

}  // namespace regkit
