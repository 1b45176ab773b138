// bigBed files (Kent et al. 2010): intervals along contigs, compressed in blocks, indexed, with zoom levels.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "io/bigwig/big_file.hpp"

namespace regkit {

// One file. Intervals come sorted by contig and begin, and may overlap. Zoom levels and summary hold how many
// lie over a base (its depth), as bedToBigBed has them. Memory: a block, and the ends of the intervals over
// one base. The bytes depend on the intervals alone.
class BigBedWriter {
  public:
    // `format` says what columns there are, and lives on. Errors as BigFile's.
    BigBedWriter(const std::string& path, Spool& spool, const BigFormat& format,
                 const BigFileOptions& options);
    ~BigBedWriter();
    BigBedWriter(BigBedWriter&&) noexcept;

    // Takes the contigs, is drained of the blocks that wait, and appears after finish().
    BigFile& file();

    // [begin, end) and the columns behind the third, with tabs between them. Error(input) when out of order
    // or outside the contig.
    void add(int contig, std::int64_t begin, std::int64_t end, std::string_view columns);
    // The rest of the file. No intervals after it.
    void finish(ThreadPool& pool);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace regkit
