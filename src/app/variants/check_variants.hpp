// regsnp check: what annotate would make of a VCF, before it is run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/variants/annotate.hpp"
#include "base/log.hpp"
#include "base/work_done.hpp"
#include "kernels/base/error.hpp"

namespace regkit {

struct VariantCheck {
    // As annotate counts them: notes too, and as scored what has none that rules it out. Where annotate would
    // stop at a record or contig, counting goes on as with --ref-mismatch skip and --missing-contig skip.
    AnnotateSummary counts;
    std::optional<Error> stop;  // what annotate would end with, the first of them; none: it would run

    std::string index;     // "yes", or why regions cannot be taken
    std::string unsorted;  // "" or the first record that is out of order
    // Contigs that the records lie on, in order of first appearance; those that the reference has, by its own
    // or by another name ("1 = chr1").
    std::vector<std::string> contigs, other_name, missing;
    std::vector<std::string> other_length;  // "chr1: 248956422, not 249250621"; 0: past the reference's end
    std::int64_t ref_same = 0, ref_unknown = 0, ref_differs = 0;  // records
    std::int64_t swapped = 0;  // of those that differ: an ALT is what the reference has
    std::string variants_assembly, reference_assembly;  // "" where not known
    std::string model_reference;                        // with a model: "same", "not told", or what differs
};

// Reads all records that `parameters` takes and no more of the model than that of its reference; the outputs
// and what says how to score, other than `span`, are not looked at. Throws Error where the input cannot be
// read.
VariantCheck check_variants(const AnnotateParameters& parameters, Log& log,
                            const TellWork& tell = tell_nobody);

// Rows of key, tab and value.
std::string check_table(const AnnotateParameters& parameters, const VariantCheck& check);

}  // namespace regkit
