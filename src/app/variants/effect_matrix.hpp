// --matrix: bgzip TSV, one row an allele, one column a marker.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "app/variants/variant_scorer.hpp"
#include "base/marker.hpp"
#include "io/files/bgzf_writer.hpp"
#include "io/vcf/vcf.hpp"

namespace regkit {

// Columns #chrom, pos (1-based), id, ref, alt as in the VCF, then for each marker its change of largest
// magnitude (ALT minus REF), "." where the allele has no score.
class EffectMatrix {
  public:
    EffectMatrix(const std::string& path, const std::vector<Marker>& markers,
                 const std::vector<std::string>& comments);

    void add(const VcfRecord& record, const std::vector<AlleleEffect>& effects);
    std::int64_t rows() const { return rows_; }
    // With a tabix index when `longest`, the length of the longest contig, is not 0.
    void add_to(OutputSet& outputs, std::int64_t longest);

  private:
    BgzfWriter file_;
    std::size_t markers_;
    std::int64_t rows_ = 0;
    std::string line_;
};

}  // namespace regkit
