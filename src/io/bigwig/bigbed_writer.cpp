// Intervals gather in blocks of a fixed number. The ends of those that lie over the newest begin are kept in
// order, so that each stretch of equal depth goes to the zoom levels once it is known, as a value of a bigWig
// would.
#include "io/bigwig/bigbed_writer.hpp"

#include <algorithm>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "io/bigwig/bigwig_index.hpp"
#include "io/bigwig/bigwig_zoom.hpp"
#include "kernels/base/error.hpp"

namespace regkit {
namespace {

using bigwig::put;

constexpr std::uint64_t kFirstReduction = 256;  // bases

}  // namespace

struct BigBedWriter::Impl {
    Impl(const std::string& path, Spool& spool, const BigFormat& what, const BigFileOptions& options)
        : format(what), file(path, spool, what, kFirstReduction, options) {}

    const BigFormat& format;
    BigFile file;
    std::uint64_t items = 0;
    std::int64_t last_begin = 0;
    // Of the open block.
    bigwig::BlockEntry range;
    std::uint32_t in_block = 0;
    std::string bytes;
    // Of the depth: what is before `known` is in the zoom levels.
    std::int64_t known = 0;
    std::priority_queue<std::int64_t, std::vector<std::int64_t>, std::greater<>> ends;

    void depth_until(std::int64_t position);
    void close_block();
    void end_contig();
    int first_level();
};

void BigBedWriter::Impl::depth_until(std::int64_t position) {
    while (!ends.empty()) {
        const std::int64_t to = std::min(position, ends.top());
        const auto depth = static_cast<float>(ends.size());
        if (to > known)
            file.zoom().add(static_cast<std::uint32_t>(file.contig()), static_cast<std::uint64_t>(known),
                            static_cast<std::uint32_t>(to - known), {&depth, 1});
        known = to;
        if (ends.top() > position) return;
        ends.pop();
    }
    known = position;
}

void BigBedWriter::Impl::close_block() {
    if (in_block == 0) return;
    file.block(range, std::move(bytes));
    bytes.clear();
    in_block = 0;
}

void BigBedWriter::Impl::end_contig() {
    close_block();
    if (file.contig() < 0) return;
    depth_until(file.reached());
    file.zoom().end_contig();
    known = last_begin = 0;
}

// Where the intervals are sparse, a fine level has about as many records as there are intervals, and these
// can as well be read themselves.
int BigBedWriter::Impl::first_level() {
    const bigwig::ZoomBuilder& zoom = file.zoom();
    const std::uint64_t fewest = zoom.records(zoom.levels() - 1);
    int level = 0;
    while (2 * zoom.records(level) > items && zoom.records(level) > fewest) ++level;
    return level;
}

BigBedWriter::BigBedWriter(const std::string& path, Spool& spool, const BigFormat& format,
                           const BigFileOptions& options)
    : impl_(std::make_unique<Impl>(path, spool, format, options)) {}

BigBedWriter::~BigBedWriter() = default;
BigBedWriter::BigBedWriter(BigBedWriter&&) noexcept = default;

BigFile& BigBedWriter::file() {
    return impl_->file;
}

void BigBedWriter::add(int contig, std::int64_t begin, std::int64_t end, std::string_view columns) {
    Impl& w = *impl_;
    w.file.check_place(contig, begin, end);
    if (contig == w.file.contig() && begin < w.last_begin)
        w.file.bad(contig, begin, "intervals are out of order; bigBed needs them sorted by their starts");
    if (contig != w.file.contig()) w.end_contig();
    w.depth_until(begin);
    w.ends.push(end);
    w.file.reach(contig, end);
    w.last_begin = begin;

    const auto id = static_cast<std::uint32_t>(contig), from = static_cast<std::uint32_t>(begin),
               to = static_cast<std::uint32_t>(end);
    if (w.in_block == 0) w.range = {id, from, to, 0, 0};
    w.range.end = std::max(w.range.end, to);
    put(w.bytes, id);
    put(w.bytes, from);
    put(w.bytes, to);
    w.bytes += columns;
    w.bytes += '\0';
    ++w.items;
    if (++w.in_block == w.format.items_per_block) w.close_block();
}

void BigBedWriter::finish(ThreadPool& pool) {
    Impl& w = *impl_;
    w.end_contig();
    w.file.finish(pool, w.items, w.first_level());
}

}  // namespace regkit
