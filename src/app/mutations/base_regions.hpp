// Which bases the commands work on that say something of every base: regions as they were asked for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/model/regions.hpp"
#include "app/variants/allele_run.hpp"
#include "app/variants/variant_scorer.hpp"
#include "base/log.hpp"

namespace regkit {

// Of -r and then of -R, in the order given and as often as they stand there, cut at the contigs' ends. Errors
// are those of plan_regions; Error(input) where there is none, with `purpose` behind "holds no region".
std::vector<ContigRange> asked_regions(const std::vector<std::string>& regions, const std::string& file,
                                       const FastaFile& fasta, const std::string& purpose, Log& log);
// `width` bases around the middle of the range, which may lie beyond the contig's ends; 0: as it is.
ContigRange around_middle(const ContigRange& range, std::int64_t width);
// The part inside of its contig.
ContigRange inside_contig(const ContigRange& range, const FastaFile& fasta);
// Error(input) where all of them are N, with `purpose` behind "there is nothing".
void require_known(const std::vector<ContigRange>& ranges, CachedReference& reference,
                   const std::string& fasta, const std::string& purpose);
// What --target says. Error(usage) where that is not one region, or a long one.
EffectTarget effect_target(const std::string& text, const FastaFile& fasta, Log& log);

}  // namespace regkit
