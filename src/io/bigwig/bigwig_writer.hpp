// bigWig files (Kent et al. 2010): values along contigs, compressed in blocks, indexed, with zoom levels.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "io/files/spool.hpp"
#include "kernels/base/thread_pool.hpp"

namespace regkit {

class OutputSet;

struct BigWigOptions {
    std::int64_t step = 1;  // bases that most values cover; the first zoom level has bins of 64 of them
    int compression = 1;    // libdeflate's level, 1 to 12
    // The contigs are all added before the first value. Otherwise (a stream) data wait in the spool for the
    // header.
    bool contigs_first = true;
};

// One file. Values come in ascending order; sections are fixedStep, or bedGraph where runs of equal values
// make that smaller. Memory: a few blocks, and 32 bytes for each block written. The bytes depend on the
// values and their contiguous stretches alone, not on how add() calls split these, nor on the number of
// workers. Not thread-safe, except that different writers may be fed (add) by different threads; drain and
// finish use the shared spool and take turns.
class BigWigWriter {
  public:
    static constexpr std::int64_t kUnknownLength = -1;

    // Error(usage) when `path` is standard output: the format needs seeking. `spool` holds zoom levels until
    // finish(); files may share one, and it must outlive them.
    BigWigWriter(const std::string& path, Spool& spool, const BigWigOptions& options);
    ~BigWigWriter();
    BigWigWriter(BigWigWriter&&) noexcept;

    // Returns its number, from 0, in the order of data. An unknown length is set before finish(), at the
    // latest.
    int add_contig(const std::string& name, std::int64_t length);
    void set_length(int contig, std::int64_t length);

    // values.size() items of `span` bases each, the first at `begin`. Error(input) when out of order, outside
    // the contig, NaN or infinite. What is complete waits in memory for drain().
    void add(int contig, std::int64_t begin, std::int64_t span, std::span<const float> values);
    // Compresses, on all workers, and writes what waits in these files.
    static void drain(std::span<BigWigWriter* const> writers, ThreadPool& pool);

    // The rest of the file. No values after it.
    void finish(ThreadPool& pool);
    // After finish(): it joins the outputs that appear together, or appears alone.
    void add_to(OutputSet& outputs);
    void commit();
    const std::string& path() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace regkit
