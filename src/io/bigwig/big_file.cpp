// Blocks of data and zoom records wait until drain() compresses those of many files on all workers, and
// stores them in order. What must come later in the file than it was made, zoom levels and the data of a
// stream, lies in the spool until then; the header is written last, into room left for it.
#include "io/bigwig/big_file.hpp"

#include <libdeflate.h>

#include <algorithm>
#include <array>
#include <new>
#include <utility>
#include <vector>

#include "base/text.hpp"
#include "io/files/atomic_file.hpp"
#include "io/files/output_set.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

using bigwig::BlockEntry;
using bigwig::put;
using bigwig::ZoomBuilder;

constexpr std::uint16_t kVersion = 4;
constexpr std::size_t kHeaderSize = 64;
constexpr std::size_t kZoomHeaderSize = 24;
constexpr std::size_t kSummarySize = 40;
constexpr std::size_t kColumnsOffset = kHeaderSize + kZoomHeaderSize * ZoomBuilder::kMaxLevels;

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
    require(size > 0, ErrorKind::resource, "a block of a bigWig or bigBed could not be compressed");
    bytes.assign(room.data(), size);
}

}  // namespace

struct BigFile::Impl {
    struct Contig {
        std::string name;
        std::int64_t length = kUnknownLength;
    };
    // Where blocks of one level lie: in the spool first, in the file after finish.
    using Level = std::vector<BlockEntry>;

    Impl(const std::string& path, Spool& shared, const BigFormat& what, std::uint64_t first_reduction,
         const BigFileOptions& how)
        : file(path), spool(shared), format(what), options(how), zoom(first_reduction, [this](auto&& b) {
              waiting.push_back({b.level, b.range, std::move(b.bytes)});
          }) {}

    AtomicFile file;
    Spool& spool;
    const BigFormat& format;
    BigFileOptions options;
    std::vector<Contig> contigs;
    int last_contig = -1;  // of the data so far
    std::int64_t last_end = 0;
    bool header_written = false;
    std::uint64_t tree_offset = 0, data_offset = 0;
    std::uint32_t largest_block = 0;
    Level data;
    std::array<Level, ZoomBuilder::kMaxLevels> zoom_data;
    std::vector<Block> waiting;
    ZoomBuilder zoom;  // after `waiting`, which it fills

    const std::string& path() const { return file.path(); }
    // Behind the columns and the zero that ends them: libBigWig takes what lies before it for the columns.
    std::uint64_t summary_offset() const {
        return kColumnsOffset + (format.columns.empty() ? 0 : format.columns.size() + 1);
    }
    Level& level(int i) { return i == kDataLevel ? data : nth(zoom_data, i); }

    void write_prelude();
    void store(Block& block);
    void place(Level& level);
    void write_index(const Level& level, std::uint32_t items_per_block);
    std::string header(int levels, std::uint64_t index_offset) const;
    std::string summary() const;
};

// Everything before the data: room for the headers, the columns, and the contigs.
void BigFile::Impl::write_prelude() {
    require(!contigs.empty(), ErrorKind::input,
            path() + ": a " + std::string(format.title) + " file needs at least one contig");
    std::vector<bigwig::NamedContig> named;
    for (std::size_t i = 0; i < contigs.size(); ++i) {
        require(contigs[i].length != kUnknownLength, ErrorKind::input,
                path() + ": the length of contig '" + contigs[i].name + "' is not known");
        named.push_back(
            {contigs[i].name, static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(contigs[i].length)});
    }
    file.write(std::string(kColumnsOffset, '\0'));
    file.write(format.columns);
    file.write(std::string(summary_offset() - file.position() + kSummarySize, '\0'));
    tree_offset = file.position();
    file.write(bigwig::chromosome_tree(std::move(named), tree_offset));
    data_offset = file.position();
    file.write(std::string(8, '\0'));  // a count, known at the end
    header_written = true;
}

// A compressed block finds its place: the file, or the spool where something else must come first.
void BigFile::Impl::store(Block& block) {
    block.entry.size = block.bytes.size();
    if (block.level == kDataLevel && options.contigs_first) {
        block.entry.offset = file.position();
        file.write(block.bytes);
    } else {
        block.entry.offset = spool.append(block.bytes);
    }
    level(block.level).push_back(block.entry);
}

// Moves a level's blocks from the spool to the end of the file.
void BigFile::Impl::place(Level& l) {
    std::string bytes;
    for (BlockEntry& entry : l) {
        bytes.resize(entry.size);
        spool.read(entry.offset, bytes);
        entry.offset = file.position();
        file.write(bytes);
    }
}

void BigFile::Impl::write_index(const Level& l, std::uint32_t items_per_block) {
    file.write(bigwig::range_tree(l, items_per_block, file.position(), file.position()));
}

std::string BigFile::Impl::header(int levels, std::uint64_t index_offset) const {
    std::string out;
    put(out, format.magic);
    put(out, kVersion);
    put(out, static_cast<std::uint16_t>(levels));
    put(out, tree_offset);
    put(out, data_offset);
    put(out, index_offset);
    put(out, format.fields);
    put(out, format.bed_fields);
    put<std::uint64_t>(out, format.columns.empty() ? 0 : kColumnsOffset);
    put(out, summary_offset());
    put(out, largest_block);
    put<std::uint64_t>(out, 0);  // no extension
    return out;
}

std::string BigFile::Impl::summary() const {
    const bigwig::Summary& total = zoom.total();
    std::string out;
    put(out, total.bases);
    put(out, total.min);
    put(out, total.max);
    put(out, total.sum);
    put(out, total.sum_squares);
    return out;
}

BigFile::BigFile(const std::string& path, Spool& spool, const BigFormat& format,
                 std::uint64_t first_reduction, const BigFileOptions& options)
    : impl_(std::make_unique<Impl>(path, spool, format, first_reduction, options)) {
    const std::string title(format.title);
    require(!impl_->file.is_stdout(), ErrorKind::usage,
            title + " cannot be written to standard output or a pipe: it needs seeking; name a file with -o");
    require(options.compression >= 1 && options.compression <= 12, ErrorKind::usage,
            title + ": the compression level is 1 to 12");
}

BigFile::~BigFile() = default;
BigFile::BigFile(BigFile&&) noexcept = default;

const std::string& BigFile::path() const {
    return impl_->path();
}

int BigFile::add_contig(const std::string& name, std::int64_t length) {
    Impl& f = *impl_;
    require(!f.header_written, ErrorKind::input, f.path() + ": contig '" + name + "' comes after the header");
    require(!name.empty() && name.size() <= 255, ErrorKind::input,
            f.path() + ": a contig name in " + std::string(f.format.title) + " has 1 to 255 bytes; " +
                quoted(name) + " has " + std::to_string(name.size()));
    f.contigs.push_back({name, kUnknownLength});
    const int contig = static_cast<int>(f.contigs.size()) - 1;
    if (length != kUnknownLength) set_length(contig, length);
    return contig;
}

void BigFile::set_length(int contig, std::int64_t length) {
    Impl& f = *impl_;
    Impl::Contig& c = nth(f.contigs, contig);
    if (length < 1 || length > kLongestContig)
        bad(contig, 0, "a contig of a " + std::string(f.format.title) + " file has 1 to 4,294,967,295 bases");
    if (contig == f.last_contig && f.last_end > length)
        bad(contig, f.last_end - 1, "what is written lies outside the contig");
    c.length = length;
}

void BigFile::bad(int contig, std::int64_t position, const std::string& what) const {
    throw Error(ErrorKind::input, path() + " (" + nth(impl_->contigs, contig).name + ":" +
                                      std::to_string(position + 1) + "): " + what);
}

void BigFile::check_place(int contig, std::int64_t begin, std::int64_t end) const {
    const Impl& f = *impl_;
    require(contig >= 0 && contig < static_cast<int>(f.contigs.size()), ErrorKind::input,
            path() + ": there is no contig of this number");
    if (contig < f.last_contig)
        bad(contig, begin,
            "contigs are out of order; " + std::string(f.format.title) +
                " needs their own order in all data");
    const std::int64_t length = nth(f.contigs, contig).length;
    if (begin < 0 || end <= begin || end > (length == kUnknownLength ? kLongestContig : length))
        bad(contig, begin, "what is written lies outside the contig");
}

void BigFile::reach(int contig, std::int64_t end) {
    Impl& f = *impl_;
    f.last_end = contig == f.last_contig ? std::max(f.last_end, end) : end;
    f.last_contig = contig;
}

int BigFile::contig() const {
    return impl_->last_contig;
}

std::int64_t BigFile::reached() const {
    return impl_->last_end;
}

void BigFile::block(const BlockEntry& range, std::string bytes) {
    impl_->waiting.push_back({kDataLevel, range, std::move(bytes)});
}

ZoomBuilder& BigFile::zoom() {
    return impl_->zoom;
}

std::uint64_t BigFile::blocks() const {
    return impl_->data.size();
}

void BigFile::drain(std::span<BigFile* const> files, ThreadPool& pool) {
    std::vector<Block*> blocks;
    for (BigFile* file : files)
        for (Block& block : file->impl_->waiting) {
            blocks.push_back(&block);
            // As long as they are raw: the buffer a reader needs.
            file->impl_->largest_block =
                std::max(file->impl_->largest_block, static_cast<std::uint32_t>(block.bytes.size()));
        }
    if (blocks.empty()) return;

    const int compression = files.front()->impl_->options.compression;
    std::vector<Compressor> compressors(static_cast<std::size_t>(pool.workers()));
    std::vector<std::string> rooms(compressors.size());
    pool.run(static_cast<std::int64_t>(blocks.size()), [&](std::int64_t task, int worker) {
        Compressor& compressor = nth(compressors, worker);
        if (!compressor) compressor.reset(libdeflate_alloc_compressor(compression));
        if (!compressor) throw std::bad_alloc();
        compress(nth(blocks, task)->bytes, *compressor, nth(rooms, worker));
    });
    for (BigFile* file : files) {
        Impl& f = *file->impl_;
        if (!f.header_written && f.options.contigs_first) f.write_prelude();
        for (Block& block : f.waiting) f.store(block);
        f.waiting.clear();
        f.file.flush();  // hundreds of files must not each hold a buffer
    }
}

void BigFile::finish(ThreadPool& pool, std::uint64_t count, int first_level) {
    Impl& f = *impl_;
    BigFile* self = this;
    drain({&self, 1}, pool);
    if (!f.header_written) f.write_prelude();
    if (!f.options.contigs_first) f.place(f.data);
    const std::uint64_t index_offset = f.file.position();
    f.write_index(f.data, f.format.items_per_block);

    // A level that is no shorter than the one below it helps no reader; one is always there, as some want
    // one.
    std::string zoom_headers;
    int level = first_level;
    for (; level < f.zoom.levels(); ++level) {
        if (level > first_level && f.zoom.records(level) >= f.zoom.records(level - 1)) break;
        const std::uint64_t data = f.file.position();
        std::string records;
        put(records, static_cast<std::uint32_t>(f.zoom.records(level)));
        f.file.write(records);
        f.place(f.level(level));
        put(zoom_headers, f.zoom.reduction(level));
        put<std::uint32_t>(zoom_headers, 0);
        put(zoom_headers, data);
        put(zoom_headers, f.file.position());
        f.write_index(f.level(level), ZoomBuilder::kRecordsPerBlock);
    }
    std::string magic, counted;
    put(magic, f.format.magic);
    put(counted, count);
    f.file.write(magic);
    f.file.write_at(0, f.header(level - first_level, index_offset));
    f.file.write_at(kHeaderSize, zoom_headers);
    f.file.write_at(f.summary_offset(), f.summary());
    f.file.write_at(f.data_offset, counted);
}

void BigFile::add_to(OutputSet& outputs, const std::string& description) {
    outputs.add_described(std::move(impl_->file), description);
}

void BigFile::commit() {
    impl_->file.commit();
}

}  // namespace regkit
