// What bigWig and bigBed files share (Kent et al. 2010): contigs, compressed blocks of data under a range
// tree, zoom levels, and a header that is written last. Internal to their writers, which make the blocks.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "io/bigwig/bigwig_index.hpp"
#include "io/bigwig/bigwig_zoom.hpp"
#include "io/files/spool.hpp"
#include "kernels/base/thread_pool.hpp"

namespace regkit {

class OutputSet;

// What tells the two apart.
struct BigFormat {
    std::string_view title;  // in messages
    std::uint32_t magic = 0;
    std::uint32_t items_per_block = 0;  // at most
    // Of bigBed: columns, how many of them are BED's own, and what they are, as autoSql.
    std::uint16_t fields = 0, bed_fields = 0;
    std::string_view columns = {};
};

struct BigFileOptions {
    int compression = 1;  // libdeflate's level, 1 to 12
    // The contigs are all added before the first block. Otherwise (a stream) data wait in the spool for the
    // header.
    bool contigs_first = true;
};

// One file. Memory: the blocks that wait, and 32 bytes for each one written. Not thread-safe, except that
// different files may be fed by different threads; drain and finish use the shared spool and take turns.
class BigFile {
  public:
    static constexpr std::int64_t kUnknownLength = -1;
    static constexpr std::int64_t kLongestContig = UINT32_MAX;

    // Error(usage) when `path` is standard output: the format needs seeking. `spool` holds zoom levels until
    // finish(); files may share one, and it must outlive them. `format` lives on, too.
    BigFile(const std::string& path, Spool& spool, const BigFormat& format, std::uint64_t first_reduction,
            const BigFileOptions& options);
    ~BigFile();
    BigFile(BigFile&&) noexcept;

    // Returns its number, from 0, in the order of data. An unknown length is set before finish(), at the
    // latest.
    int add_contig(const std::string& name, std::int64_t length);
    void set_length(int contig, std::int64_t length);

    // Error(input) unless [begin, end) is a place on a contig that is there and not before the newest.
    void check_place(int contig, std::int64_t begin, std::int64_t end) const;
    // It has data now.
    void reach(int contig, std::int64_t end);
    int contig() const;            // the newest with data, or -1
    std::int64_t reached() const;  // the end of data on it
    [[noreturn]] void bad(int contig, std::int64_t position, const std::string& what) const;

    // A raw block waits in memory for drain().
    void block(const bigwig::BlockEntry& range, std::string bytes);
    // Full blocks of it wait as well.
    bigwig::ZoomBuilder& zoom();

    // Compresses, on all workers, and writes what waits in these files.
    static void drain(std::span<BigFile* const> files, ThreadPool& pool);
    // The rest of the file: `count` is the number that stands before the data, `first_level` the first zoom
    // level that is kept. No blocks after it; those of zoom() have ended.
    void finish(ThreadPool& pool, std::uint64_t count, int first_level);
    std::uint64_t blocks() const;  // of data, drained

    // After finish(): it joins the outputs that appear together, as one that a file of this ending describes,
    // or appears alone.
    void add_to(OutputSet& outputs, const std::string& description);
    void commit();
    const std::string& path() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace regkit
