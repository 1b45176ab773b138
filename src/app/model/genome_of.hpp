// The reference that a data set was built on: where its FASTA is, and that it is the same.
#pragma once

#include <cstdint>
#include <string>

#include "base/log.hpp"
#include "io/dataset/dataset.hpp"
#include "io/fasta/fasta.hpp"
#include "io/fasta/packed_genome.hpp"

namespace regkit {

// -f where it was given, else the path that the data set remembers. Names and lengths are checked, and with
// `whole` the bases of every contig: Error(mismatch).
FastaFile open_reference(const Dataset& dataset, const std::string& fasta, bool whole);

// The contigs that hold windows, in memory; slots are the data set's contig numbers. Each is read whole, so
// all of its bases are checked: Error(mismatch).
PackedGenome load_genome(const Dataset& dataset, FastaFile& fasta);

// A warning of the records without bases that the file knows of.
void tell_empty_records(const FastaFile& fasta, Log& log);
// Says how many bases were '.', '*' or 'X' and counted as N; nothing where none was.
void tell_placeholders(const std::string& path, std::int64_t count, Log& log);

}  // namespace regkit
