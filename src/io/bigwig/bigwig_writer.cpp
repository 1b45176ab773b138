// Values gather in stretches of equal span, and a full stretch becomes a section, as values or as runs,
// whichever is shorter. Sections and zoom records wait until drain() compresses those of many files on all
// workers, and stores them in order. What must come later in the file than it was made, zoom levels and the
// data of a stream, lies in the spool until then; the header is written last, into room left for it.
#include "io/bigwig/bigwig_writer.hpp"

#include <libdeflate.h>

#include <algorithm>
#include <cmath>
#include <new>
#include <utility>
#include <vector>

#include "base/text.hpp"
#include "io/bigwig/bigwig_index.hpp"
#include "io/bigwig/bigwig_zoom.hpp"
#include "io/files/atomic_file.hpp"
#include "io/files/output_set.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

using bigwig::BlockEntry;
using bigwig::put;

constexpr std::uint32_t kMagic = 0x888FFC26;
constexpr std::uint16_t kVersion = 4;
constexpr std::size_t kHeaderSize = 64;
constexpr std::size_t kZoomHeaderSize = 24;
constexpr std::size_t kSummaryOffset = kHeaderSize + kZoomHeaderSize * bigwig::ZoomBuilder::kMaxLevels;
constexpr std::size_t kPreludeSize = kSummaryOffset + 40;
constexpr std::size_t kSectionHeader = 24;
constexpr std::size_t kFixedItem = 4;
constexpr std::size_t kRunItem = 12;
constexpr std::size_t kItemsPerSection = 4096;                                     // fixedStep: 16 KiB
constexpr std::size_t kRunsPerSection = kItemsPerSection * kFixedItem / kRunItem;  // bedGraph: as many bytes
constexpr std::int64_t kZoomItems = 64;  // items to a bin of the first zoom level
constexpr std::int64_t kLongestContig = UINT32_MAX;

enum class SectionType : std::uint8_t { bed_graph = 1, fixed_step = 3 };

struct Run {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    float value = 0;
};

// Consecutive items of equal span, not yet written as a section.
struct Stretch {
    int contig = -1;
    std::int64_t begin = 0;
    std::int64_t span = 1;
    std::vector<float> values;

    std::int64_t end() const { return begin + span * static_cast<std::int64_t>(values.size()); }
};

constexpr int kDataLevel = -1;

// A block on its way: raw, then compressed.
struct Block {
    int level = kDataLevel;  // or the zoom level it belongs to
    BlockEntry entry;
    std::string bytes;
};

struct CompressorFree {
    void operator()(libdeflate_compressor* c) const { libdeflate_free_compressor(c); }
};
using Compressor = std::unique_ptr<libdeflate_compressor, CompressorFree>;

void compress(std::string& bytes, libdeflate_compressor& compressor, std::string& room) {
    room.resize(libdeflate_zlib_compress_bound(&compressor, bytes.size()));
    const std::size_t size =
        libdeflate_zlib_compress(&compressor, bytes.data(), bytes.size(), room.data(), room.size());
    require(size > 0, ErrorKind::resource, "bigWig: compression failed");
    bytes.assign(room.data(), size);
}

std::size_t count_runs(std::span<const float> values) {
    std::size_t changes = 0;
    for (std::size_t i = 1; i < values.size(); ++i) changes += values[i] != values[i - 1] ? 1u : 0u;
    return changes + 1;
}

}  // namespace

struct BigWigWriter::Impl {
    struct Contig {
        std::string name;
        std::int64_t length = kUnknownLength;
    };
    // Blocks of one level: where they lie in the spool first, in the file after finish.
    struct Level {
        std::vector<BlockEntry> blocks;
    };

    Impl(const std::string& path, Spool& shared, const BigWigOptions& how)
        : file(path),
          spool(shared),
          options(how),
          zoom(static_cast<std::uint64_t>(std::min(how.step, kLongestContig / kZoomItems) * kZoomItems),
               [this](bigwig::ZoomBlock&& b) {
                   waiting.push_back({b.level, b.range, std::move(b.bytes)});
               }) {}

    AtomicFile file;
    Spool& spool;
    BigWigOptions options;
    std::vector<Contig> contigs;
    Stretch stretch;
    std::vector<Run> runs;
    int runs_contig = -1;
    int last_contig = -1;  // of the values so far
    std::int64_t last_end = 0;
    bool header_written = false;
    std::uint64_t tree_offset = 0, data_offset = 0;
    std::uint32_t largest_block = 0;
    Level data;
    Level zoom_data[bigwig::ZoomBuilder::kMaxLevels];
    std::vector<Block> waiting;
    bigwig::ZoomBuilder zoom;  // after `waiting`, which it fills

    const std::string& path() const { return file.path(); }
    Level& level(int i) { return i == kDataLevel ? data : zoom_data[i]; }
    [[noreturn]] void bad(int contig, std::int64_t position, const std::string& what) const {
        throw Error(ErrorKind::input, path() + " (" + nth(contigs, contig).name + ":" +
                                          std::to_string(position + 1) + "): " + what);
    }

    void check(int contig, std::int64_t begin, std::int64_t span, std::int64_t end) const;
    void section(int contig, std::uint32_t begin, std::uint32_t end, std::uint32_t step, SectionType type,
                 std::size_t items, std::string payload);
    void close_stretch();
    void close_runs();
    void take_runs();
    void end_contig();
    void write_prelude();
    void store(Block& block);
    void place(Level& level);
    void write_level(Level& level, std::uint32_t items_per_block);
    std::string header(int levels, std::uint64_t index_offset) const;
};

void BigWigWriter::Impl::check(int contig, std::int64_t begin, std::int64_t span, std::int64_t end) const {
    require(contig >= 0 && contig < static_cast<int>(contigs.size()), ErrorKind::input,
            path() + ": there is no contig of this number");
    if (contig < last_contig || (contig == last_contig && begin < last_end))
        bad(contig, begin, "values are out of order; bigWig needs them sorted and without overlap");
    const std::int64_t length = nth(contigs, contig).length;
    const std::int64_t limit = length == kUnknownLength ? kLongestContig : length;
    if (begin < 0 || span < 1 || end > limit) bad(contig, begin, "values lie outside the contig");
}

// Emits a section's block. bedGraph ignores `step`.
void BigWigWriter::Impl::section(int contig, std::uint32_t begin, std::uint32_t end, std::uint32_t step,
                                 SectionType type, std::size_t items, std::string payload) {
    std::string bytes;
    bytes.reserve(kSectionHeader + payload.size());
    put(bytes, static_cast<std::uint32_t>(contig));
    put(bytes, begin);
    put(bytes, end);
    put(bytes, type == SectionType::fixed_step ? step : 0u);
    put(bytes, type == SectionType::fixed_step ? step : 0u);
    put(bytes, static_cast<std::uint8_t>(type));
    put<std::uint8_t>(bytes, 0);
    put(bytes, static_cast<std::uint16_t>(items));
    bytes += payload;
    waiting.push_back({kDataLevel, {static_cast<std::uint32_t>(contig), begin, end, 0, 0}, std::move(bytes)});
}

// The open stretch becomes a fixedStep section, or runs of a bedGraph section where that takes fewer bytes.
void BigWigWriter::Impl::close_stretch() {
    if (stretch.values.empty()) return;
    const auto span = static_cast<std::uint32_t>(stretch.span);
    zoom.add(static_cast<std::uint32_t>(stretch.contig), static_cast<std::uint64_t>(stretch.begin), span,
             stretch.values);
    const std::size_t as_fixed = kSectionHeader + stretch.values.size() * kFixedItem;
    if (count_runs(stretch.values) * kRunItem < as_fixed) {
        take_runs();
    } else {
        close_runs();
        section(stretch.contig, static_cast<std::uint32_t>(stretch.begin),
                static_cast<std::uint32_t>(stretch.end()), span, SectionType::fixed_step,
                stretch.values.size(),
                {reinterpret_cast<const char*>(stretch.values.data()), stretch.values.size() * kFixedItem});
    }
    stretch.begin = stretch.end();
    stretch.values.clear();
}

void BigWigWriter::Impl::take_runs() {
    if (runs_contig != stretch.contig) close_runs();
    runs_contig = stretch.contig;
    auto begin = static_cast<std::uint32_t>(stretch.begin);
    const auto span = static_cast<std::uint32_t>(stretch.span);
    for (const float value : stretch.values) {
        const std::uint32_t end = begin + span;
        if (!runs.empty() && runs.back().end == begin && runs.back().value == value) {
            runs.back().end = end;
        } else {
            if (runs.size() == kRunsPerSection) close_runs();
            runs.push_back({begin, end, value});
        }
        begin = end;
    }
}

void BigWigWriter::Impl::close_runs() {
    if (runs.empty()) return;
    std::string payload;
    payload.reserve(runs.size() * kRunItem);
    for (const Run& run : runs) {
        put(payload, run.begin);
        put(payload, run.end);
        put(payload, run.value);
    }
    section(runs_contig, runs.front().begin, runs.back().end, 0, SectionType::bed_graph, runs.size(),
            std::move(payload));
    runs.clear();
}

void BigWigWriter::Impl::end_contig() {
    close_stretch();
    close_runs();
    zoom.end_contig();
}

// Everything before the data: room for the headers, and the contigs.
void BigWigWriter::Impl::write_prelude() {
    require(!contigs.empty(), ErrorKind::input, path() + ": a bigWig file needs at least one contig");
    std::vector<bigwig::NamedContig> named;
    for (std::size_t i = 0; i < contigs.size(); ++i) {
        require(contigs[i].length != kUnknownLength, ErrorKind::input,
                path() + ": the length of contig '" + contigs[i].name + "' is not known");
        named.push_back(
            {contigs[i].name, static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(contigs[i].length)});
    }
    tree_offset = kPreludeSize;
    const std::string tree = bigwig::chromosome_tree(std::move(named), tree_offset);
    file.write(std::string(kPreludeSize, '\0'));
    file.write(tree);
    data_offset = file.position();
    file.write(std::string(8, '\0'));  // number of sections, known at the end
    header_written = true;
}

// A compressed block finds its place: the file, or the spool where something else must come first.
void BigWigWriter::Impl::store(Block& block) {
    block.entry.size = block.bytes.size();
    if (block.level == kDataLevel && options.contigs_first) {
        block.entry.offset = file.position();
        file.write(block.bytes);
    } else {
        block.entry.offset = spool.append(block.bytes);
    }
    level(block.level).blocks.push_back(block.entry);
}

// Moves a level's blocks from the spool to the end of the file.
void BigWigWriter::Impl::place(Level& l) {
    std::string bytes;
    for (BlockEntry& entry : l.blocks) {
        bytes.resize(entry.size);
        spool.read(entry.offset, bytes);
        entry.offset = file.position();
        file.write(bytes);
    }
}

void BigWigWriter::Impl::write_level(Level& l, std::uint32_t items_per_block) {
    file.write(bigwig::range_tree(l.blocks, items_per_block, file.position(), file.position()));
}

std::string BigWigWriter::Impl::header(int levels, std::uint64_t index_offset) const {
    std::string out;
    put(out, kMagic);
    put(out, kVersion);
    put(out, static_cast<std::uint16_t>(levels));
    put(out, tree_offset);
    put(out, data_offset);
    put(out, index_offset);
    put<std::uint16_t>(out, 0);  // the two field counts and autoSql belong to bigBed
    put<std::uint16_t>(out, 0);
    put<std::uint64_t>(out, 0);
    put<std::uint64_t>(out, kSummaryOffset);
    put(out, largest_block);
    put<std::uint64_t>(out, 0);  // no extension
    return out;
}

BigWigWriter::BigWigWriter(const std::string& path, Spool& spool, const BigWigOptions& options)
    : impl_(std::make_unique<Impl>(path, spool, options)) {
    require(!impl_->file.is_stdout(), ErrorKind::usage,
            "bigWig cannot be written to standard output or a pipe: it needs seeking; name a file with -o");
    require(options.step >= 1 && options.compression >= 1 && options.compression <= 12, ErrorKind::usage,
            "bigWig: the step must be at least 1 and the compression level 1 to 12");
}

BigWigWriter::~BigWigWriter() = default;
BigWigWriter::BigWigWriter(BigWigWriter&&) noexcept = default;

const std::string& BigWigWriter::path() const {
    return impl_->path();
}

int BigWigWriter::add_contig(const std::string& name, std::int64_t length) {
    Impl& w = *impl_;
    require(!w.header_written, ErrorKind::input, w.path() + ": contig '" + name + "' comes after the header");
    require(!name.empty() && name.size() <= 255, ErrorKind::input,
            w.path() + ": a contig name in bigWig has 1 to 255 bytes; " + quoted(name) + " has " +
                std::to_string(name.size()));
    w.contigs.push_back({name, kUnknownLength});
    const int contig = static_cast<int>(w.contigs.size()) - 1;
    if (length != kUnknownLength) set_length(contig, length);
    return contig;
}

void BigWigWriter::set_length(int contig, std::int64_t length) {
    Impl& w = *impl_;
    Impl::Contig& c = w.contigs.at(static_cast<std::size_t>(contig));
    if (length < 1 || length > kLongestContig)
        w.bad(contig, 0, "a contig of a bigWig file has 1 to 4,294,967,295 bases");
    if (contig == w.last_contig && w.last_end > length)
        w.bad(contig, w.last_end - 1, "values lie outside the contig");
    c.length = length;
}

void BigWigWriter::add(int contig, std::int64_t begin, std::int64_t span, std::span<const float> values) {
    Impl& w = *impl_;
    if (values.empty()) return;
    const std::int64_t end = begin + span * static_cast<std::int64_t>(values.size());
    w.check(contig, begin, span, end);
    // A sum of finite floats stays finite in double, so this finds every NaN and infinity.
    if (!std::isfinite(bigwig::moments(values).sum)) {
        const auto at = std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
        w.bad(contig, begin + span * (at - values.begin()), "the value is not a finite number");
    }
    if (contig != w.last_contig) w.end_contig();
    Stretch& s = w.stretch;
    if (s.contig != contig || s.span != span || s.end() != begin) {
        w.close_stretch();
        s.contig = contig;
        s.begin = begin;
        s.span = span;
    }
    for (std::size_t taken = 0; taken < values.size();) {
        const std::size_t n = std::min(kItemsPerSection - s.values.size(), values.size() - taken);
        const auto from = values.begin() + static_cast<std::ptrdiff_t>(taken);
        s.values.insert(s.values.end(), from, from + static_cast<std::ptrdiff_t>(n));
        taken += n;
        if (s.values.size() == kItemsPerSection) w.close_stretch();
    }
    w.last_contig = contig;
    w.last_end = end;
}

void BigWigWriter::drain(std::span<BigWigWriter* const> writers, ThreadPool& pool) {
    std::vector<Block*> blocks;
    for (BigWigWriter* writer : writers)
        for (Block& block : writer->impl_->waiting) blocks.push_back(&block);
    if (blocks.empty()) return;

    const int compression = writers.front()->impl_->options.compression;
    std::vector<Compressor> compressors(static_cast<std::size_t>(pool.workers()));
    std::vector<std::string> rooms(compressors.size());
    for (BigWigWriter* writer : writers)
        for (const Block& block :
             writer->impl_->waiting)  // as long as they are raw: the buffer a reader needs
            writer->impl_->largest_block =
                std::max(writer->impl_->largest_block, static_cast<std::uint32_t>(block.bytes.size()));
    pool.run(static_cast<std::int64_t>(blocks.size()), [&](std::int64_t task, int worker) {
        Compressor& compressor = nth(compressors, worker);
        if (!compressor) compressor.reset(libdeflate_alloc_compressor(compression));
        if (!compressor) throw std::bad_alloc();
        compress(nth(blocks, task)->bytes, *compressor, nth(rooms, worker));
    });
    for (BigWigWriter* writer : writers) {
        Impl& w = *writer->impl_;
        if (!w.header_written && w.options.contigs_first) w.write_prelude();
        for (Block& block : w.waiting) w.store(block);
        w.waiting.clear();
        w.file.flush();  // hundreds of files must not each hold a buffer
    }
}

void BigWigWriter::finish(ThreadPool& pool) {
    Impl& w = *impl_;
    w.end_contig();
    BigWigWriter* self = this;
    drain({&self, 1}, pool);
    if (!w.header_written) w.write_prelude();
    if (!w.options.contigs_first) w.place(w.data);
    const std::uint64_t index_offset = w.file.position();
    w.write_level(w.data, kItemsPerSection);

    // A level that is no shorter than the one below it helps no reader; the first is always there, as some
    // want one.
    std::string zoom_headers;
    int levels = 0;
    for (; levels < w.zoom.levels(); ++levels) {
        if (levels > 0 && w.zoom.records(levels) >= w.zoom.records(levels - 1)) break;
        Impl::Level& level = w.zoom_data[levels];
        const std::uint64_t data = w.file.position();
        std::string count;
        put(count, static_cast<std::uint32_t>(w.zoom.records(levels)));
        w.file.write(count);
        w.place(level);
        put(zoom_headers, w.zoom.reduction(levels));
        put<std::uint32_t>(zoom_headers, 0);
        put(zoom_headers, data);
        put(zoom_headers, w.file.position());
        w.write_level(level, bigwig::ZoomBuilder::kRecordsPerBlock);
    }
    std::string magic;
    put(magic, kMagic);
    w.file.write(magic);

    const bigwig::Summary& total = w.zoom.total();
    std::string summary;
    put(summary, total.bases);
    put(summary, total.min);
    put(summary, total.max);
    put(summary, total.sum);
    put(summary, total.sum_squares);
    std::string sections;
    put<std::uint64_t>(sections, w.data.blocks.size());
    w.file.write_at(0, w.header(levels, index_offset));
    w.file.write_at(kHeaderSize, zoom_headers);
    w.file.write_at(kSummaryOffset, summary);
    w.file.write_at(w.data_offset, sections);
}

void BigWigWriter::add_to(OutputSet& outputs) {
    outputs.add(std::move(impl_->file));
}

void BigWigWriter::commit() {
    impl_->file.commit();
}

}  // namespace regkit
