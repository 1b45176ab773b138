// Text into a bgzip file, all or nothing, with a tabix index where asked for.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace regkit {

class OutputSet;

// Which columns hold the coordinates, for tabix; 1-based column numbers.
struct TabixColumns {
    int contig = 1;
    int begin = 2;
    int end = 2;              // equal to `begin` where there is none
    bool zero_based = false;  // begin is 0-based, as in BED
};

// Lines starting with '#' are headers. Errors as AtomicFile's.
class BgzfWriter {
  public:
    // "-" or "" is standard output. The bytes do not depend on how many `workers` compress.
    explicit BgzfWriter(const std::string& path, int level = -1, int workers = 1);
    ~BgzfWriter();
    BgzfWriter(BgzfWriter&&) noexcept;

    void write(std::string_view text);
    // The whole file, which nothing can be written to afterwards.
    void add_to(OutputSet& outputs);
    // With PATH.tbi (or PATH.csi where a position needs it: `longest` is the longest contig). The lines must
    // be grouped by contig and sorted by begin within it; else Error(input).
    void add_indexed_to(OutputSet& outputs, const TabixColumns& columns, std::int64_t longest);
    // The same of a file of variants, by htslib's own rules for where a record ends; BCF gets a .csi.
    enum class Variants { vcf, bcf };
    void add_indexed_to(OutputSet& outputs, Variants kind, std::int64_t longest);
    // Alone.
    void commit();
    void commit_indexed(const TabixColumns& columns, std::int64_t longest);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// A file of this text alone, bgzipped where its name ends in .gz or .bgz.
void add_text(OutputSet& outputs, const std::string& path, const std::string& text);

}  // namespace regkit
