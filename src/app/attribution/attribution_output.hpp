// Where the contributions of bases go: tables, tracks, arrays or the best bins of a region.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "app/model/regions.hpp"
#include "app/mutations/base_files.hpp"
#include "app/mutations/mutation_file.hpp"
#include "app/variants/allele_run.hpp"
#include "kernels/base/thread_pool.hpp"

namespace regkit {

// Bases that are told of, and whose contributions.
struct AttributedRegion {
    ContigRange bases;                // may lie beyond the contig's ends
    std::int64_t begin = 0, end = 0;  // the target, on the contig
    int marker = -1;                  // of a marker alone; -1: of all
};

// Some bases of a region, side by side.
struct AttributedBases {
    std::size_t region = 0;
    std::int64_t begin = 0;               // on its contig
    std::span<const std::uint8_t> codes;  // of the reference
    std::span<const int> markers;
    std::span<const float> contributions;  // [marker][A, C, G, T][base]
    std::span<const float> values;         // [marker][base]: of the base that is there; 0 for N

    std::int64_t size() const { return std::ssize(codes); }
};

// Takes the regions in ascending order, of each all of its bases inside of the contig.
class AttributionOutput : public BaseOutput {
  public:
    virtual void add(const AttributedBases& bases) = 0;
};

// What the outputs of a run share; all of it outlives them.
struct AttributionContext {
    AlleleRun& run;
    // In ascending order; `asked[i]` is the place of regions[i] in the order in which they were asked for.
    const std::vector<AttributedRegion>& regions;
    const std::vector<std::size_t>& asked;
    bool write_index = false, modisco = false;
    std::int64_t bin = 0, top = 0;
    ThreadPool& pool;
};
std::unique_ptr<AttributionOutput> make_attribution_output(const MutationFile& file,
                                                           const AttributionContext& context);

}  // namespace regkit
