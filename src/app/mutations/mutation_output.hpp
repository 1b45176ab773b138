// Where the effects of all substitutions of a region go: tables, tracks, arrays or variants.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "app/model/regions.hpp"
#include "app/mutations/base_files.hpp"
#include "app/mutations/made_allele.hpp"
#include "app/mutations/mutation_file.hpp"
#include "app/variants/allele_run.hpp"
#include "kernels/base/thread_pool.hpp"

namespace regkit {

// A base and what becomes of it. Where the reference is N there are no alleles.
struct MutatedBase {
    int contig = 0;
    std::int64_t position = 0;
    std::uint8_t code = 0;                  // of the reference
    std::span<const MadeAllele> alleles;    // in the order of their records
    std::span<const AlleleEffect> effects;  // one an allele
};

// Takes bases in ascending order, each once.
class MutationOutput : public BaseOutput {
  public:
    virtual void add(const MutatedBase& base) = 0;
};

// What the outputs of a run share; all of it outlives them.
struct MutationContext {
    AlleleRun& run;
    const ScoringParameters& parameters;
    std::int64_t deletions = 0;               // the longest
    const std::vector<ContigRange>& regions;  // as they were asked for: examples of arrays
    bool modisco = false;
    ThreadPool& pool;
    Log& log;
};
// A row an allele and marker.
std::unique_ptr<MutationOutput> make_mutation_table(const MutationFile& file, const MutationContext& context);
// A row a base and marker, with a column for each base, and each length of a deletion from there on.
std::unique_ptr<MutationOutput> make_mutation_matrix(const MutationFile& file,
                                                     const MutationContext& context);
// The largest |change| of the three substitutions.
std::unique_ptr<MutationOutput> make_mutation_track(const MutationFile& file, const MutationContext& context);
// NumPy arrays of one-hot sequence and contributions. Error(usage) where regions are of different lengths.
std::unique_ptr<MutationOutput> make_mutation_arrays(const MutationFile& file,
                                                     const MutationContext& context);
std::unique_ptr<MutationOutput> make_mutation_variants(const MutationFile& file,
                                                       const MutationContext& context);
std::unique_ptr<MutationOutput> make_mutation_output(const MutationFile& file,
                                                     const MutationContext& context);

}  // namespace regkit
