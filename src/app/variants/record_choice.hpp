// Which records of its input regsnp takes: -r, -R, -t and -T.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/variants/annotate.hpp"
#include "app/variants/variant_regions.hpp"
#include "base/log.hpp"
#include "base/region.hpp"
#include "io/fasta/fasta.hpp"
#include "io/vcf/vcf.hpp"

namespace regkit {

class RecordChoice {
  public:
    // Leads the reader to the regions of -r and -R, where there are some. Error(mismatch) for a contig that
    // the user typed and that neither the variants nor the reference have. All must outlive this. Of regions,
    // what lies up to `around` bases beside them is read too: reads_for_itself() tells those records.
    RecordChoice(const AnnotateParameters& parameters, VcfReader& reader, const FastaFile& reference,
                 Log& log, std::int64_t around = 0);

    // Of a shard: positions where its records begin, as the index cuts the file.
    const std::vector<Region>& stretches() const { return stretches_; }

    // Whether a record that was read lies in the regions and begins in the shard, or was read for what is
    // beside it alone.
    bool reads_for_itself(const VcfRecord& record) const;
    // Whether a record that was read lies in the targets.
    bool takes(const VcfRecord& record) const;

  private:
    RegionRules rules(const char* called) const;
    std::string other_name(const std::string& contig) const;
    void tell_other_name(const std::string& where, const std::string& contig) const;
    std::vector<Region> asked_regions(const std::vector<std::string>& texts, const std::string& file,
                                      const char* called) const;

    const AnnotateParameters& p_;
    VcfReader& reader_;
    const FastaFile& reference_;
    Log& log_;
    std::optional<PositionSet> targets_, excluded_;
    std::map<std::string, std::vector<Region>, std::less<>>
        regions_;                    // by contig, where more than these is read
    std::vector<Region> stretches_;  // of the shard: where its records begin
};

}  // namespace regkit
