// Which known assembly a list of contigs belongs to.
#pragma once

#include <string>
#include <vector>

#include "io/fasta/fasta.hpp"

namespace regkit {

// The assembly of which most chromosomes have the name (with or without "chr") and the length of one of these
// contigs: "hg19/GRCh37", "hg38/GRCh38", "T2T-CHM13v2.0", "mm10/GRCm38", "mm39/GRCm39"; "" where none has.
std::string assembly_of(const std::vector<Contig>& contigs);

}  // namespace regkit
