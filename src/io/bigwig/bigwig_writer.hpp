// bigWig files (Kent et al. 2010): values along contigs, compressed in blocks, indexed, with zoom levels.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "io/bigwig/big_file.hpp"

namespace regkit {

// One file. Values come in ascending order; sections are fixedStep, or bedGraph where runs of equal values
// make that smaller. The bytes depend on the values and their contiguous stretches alone, not on how add()
// calls split these, nor on the number of workers.
class BigWigWriter {
  public:
    // `step`: bases that most values cover; the first zoom level has bins of 64 of them. Errors as BigFile's.
    BigWigWriter(const std::string& path, Spool& spool, const BigFileOptions& options, std::int64_t step = 1);
    ~BigWigWriter();
    BigWigWriter(BigWigWriter&&) noexcept;

    // Takes the contigs, is drained of the blocks that wait, and appears after finish().
    BigFile& file();

    // values.size() items of `span` bases each, the first at `begin`. Error(input) when out of order, outside
    // the contig, NaN or infinite. What is complete waits in memory for BigFile::drain().
    void add(int contig, std::int64_t begin, std::int64_t span, std::span<const float> values);
    // The rest of the file. No values after it.
    void finish(ThreadPool& pool);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace regkit
