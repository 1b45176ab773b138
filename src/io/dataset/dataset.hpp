// clang-format off
// The data set directory NAME.regds/ that regds-build writes and every other tool reads (regds(5)):
//   windows.bed.gz+tbi  chrom start end split          peaks.bed.gz+tbi  chrom start end marker, merged within a marker
//   markers.tsv  reference.dict (@SQ with LN and M5)   dataset.json (task, window, filters, counts, seed, command)
//   digests.bed  chrom start end digest: of each block of the contigs that hold windows
// and, where the task is coverage, instead of peaks coverage.bed.gz+tbi  chrom start end marker value
// clang-format on
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/marker.hpp"
#include "base/region.hpp"
#include "io/fasta/block_digest.hpp"
#include "io/fasta/fasta.hpp"
#include "kernels/base/label_run.hpp"

namespace regkit {

enum class Split : std::uint8_t { train, valid, test };
const char* to_string(Split split);
Split parse_split(const std::string& text);  // Error(usage)
inline constexpr int kSplits = 3;

struct DatasetWindow {
    std::int32_t contig = 0;
    std::int64_t begin = 0;
    Split split = Split::train;
};

struct ReferenceContig {
    std::string name;
    std::int64_t length = 0;
    std::string md5;
    // Digests of its blocks (io/block_digest.hpp). None where no window lies on it, nor in older files.
    std::vector<std::uint64_t> blocks = {};
};

// What the labels of a window stand for: output p of a window that begins at base b is about the `bin` bases
// from b + offset + p * bin on, p < count. Task "nucleotide": bin 1, the whole window; "bin": 1 where the
// union of a marker's peaks covers strictly more than `min_overlap` of the bin; "coverage": the mean coverage
// of the bin.
struct LabelLayout {
    std::string task = "nucleotide";
    std::int64_t bin = 1;
    std::int64_t offset = 0;
    std::int64_t count = 0;
    double min_overlap = 0;

    std::int64_t span() const { return bin * count; }  // bases; successive windows lie this far apart
    // Covered bases from which on a marker is present in a bin: the least number over min_overlap of it.
    std::int64_t needed() const;
    bool operator==(const LabelLayout&) const = default;
};

// SHA-256 of names, lengths and M5s, in order.
std::string reference_digest(const std::vector<ReferenceContig>& reference);
// The same of any FASTA, whose bases have not been read: with empty M5s, so it tells names and lengths.
std::string reference_digest(const FastaFile& fasta);

// A data set in memory. Immutable after loading; safe to read from several threads.
class Dataset {
  public:
    // Throws Error(input) naming the file and line when a part is missing, malformed or inconsistent with
    // another. The second also says which markers' names are spelled otherwise than in the files.
    static Dataset load(const std::string& directory);
    static Dataset load(const std::string& directory, Log& log);

    const std::string& path() const;
    const LabelLayout& layout() const;
    std::int64_t window() const;            // bases
    const std::string& fasta_path() const;  // as stored when it was built
    const std::vector<Marker>& markers() const;
    const std::vector<ReferenceContig>& reference() const;
    std::string reference_digest() const;  // of names, lengths and M5s
    // Sorted by contig, begin. Where the layout's span is shorter than a window they overlap, but not their
    // labelled bases.
    const std::vector<DatasetWindow>& windows() const;
    std::vector<std::int64_t> select(Split split) const;  // indexes into windows()

    // Labels of windows()[index] in output positions (see LabelLayout), sorted by (marker, begin). Appended.
    void window_labels(std::int64_t index, std::vector<LabelRun>& out) const;
    // Peaks (of task "coverage": runs of bins with their coverage) that overlap bases [begin, end) of a
    // contig, clipped and relative to `begin`, sorted by (marker, begin). Appended.
    void labels(std::int32_t contig, std::int64_t begin, std::int64_t end, std::vector<LabelRun>& out) const;

    // Error(mismatch) naming the first difference when the FASTA's names and lengths (and, when `whole`, the
    // bases of every contig) are not those the data set was built with.
    void check_reference(FastaFile& fasta, bool whole) const;
    // The same of the blocks in which these windows lie. False where the data set holds no digests, so that
    // nothing was compared.
    bool check_windows(FastaFile& fasta, std::span<const std::int64_t> windows) const;
    // The same of a contig that was read whole.
    void check_contig(const FastaFile& fasta, std::int32_t contig, const ContigDigests& found) const;

  private:
    struct Impl;
    std::shared_ptr<const Impl> impl_;
};

}  // namespace regkit
