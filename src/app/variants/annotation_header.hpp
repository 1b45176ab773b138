// What regsnp annotate changes in the header of a VCF.
#pragma once

#include <string>
#include <vector>

#include "app/variants/annotation_fields.hpp"
#include "base/log.hpp"
#include "io/fasta/fasta.hpp"
#include "io/vcf/vcf.hpp"

namespace regkit {

// Removes the definitions and provenance of earlier runs, and adds ours: on a header that has them, from the
// same reference and model, it changes nothing but what provenance says. The reference's contigs are added
// where the header lists none; returns whether it listed some. `provenance` ("##regsnpVersion=..." and so on)
// may be empty; `fasta` then goes unnamed too. Error(input) where a field that is to be written is defined
// otherwise.
bool complete_header(VcfHeader& header, const AnnotationFields& fields, const std::vector<Contig>& reference,
                     const std::vector<std::string>& provenance, const std::string& fasta, Log& log);

// What an earlier run told of itself goes, `provenance` comes in its place.
void replace_provenance(VcfHeader& header, const std::vector<std::string>& provenance,
                        const std::string& fasta);

}  // namespace regkit
