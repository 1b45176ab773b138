// Places in the file are virtual offsets (SAM specification, section 4.1): the block's place, then that in
// the block. The one from which records behind a position are read is what an iterator of htslib would seek
// to.
#include "io/vcf/vcf_shards.hpp"

#include <htslib/hts.h>
#include <htslib/tbx.h>
#include <htslib/vcf.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <utility>

#include "io/vcf/vcf.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr std::uint64_t kNothing = std::numeric_limits<std::uint64_t>::max();
constexpr std::int64_t kMostPosition = std::int64_t{1} << 31;
constexpr std::int64_t kWindow = std::int64_t{1} << 14;  // of a .tbi, and of a .csi unless one asked for more

struct Free {
    void operator()(tbx_t* index) const { tbx_destroy(index); }
    void operator()(hts_idx_t* index) const { hts_idx_destroy(index); }
    void operator()(hts_itr_t* iterator) const { hts_itr_destroy(iterator); }
    void operator()(bcf_hdr_t* header) const { bcf_hdr_destroy(header); }
    void operator()(htsFile* file) const { hts_close(file); }
    void operator()(const char** names) const { std::free(names); }
};

struct IndexedContig {
    std::string name;
    int number = 0;            // of the index
    std::uint64_t offset = 0;  // of its first record
};

// Where in the file it is cut: from a position on a contig of FileIndex on.
struct Cut {
    std::size_t contig = 0;
    std::int64_t position = -1;
};

class FileIndex {
  public:
    explicit FileIndex(const std::string& path) {
        const std::unique_ptr<htsFile, Free> file(hts_open(path.c_str(), "r"));
        if (!file) throw_errno(path + ": cannot open");
        require(file->format.compression == bgzf, ErrorKind::usage,
                path + ": a shard is found by an index, which a file in bgzip VCF or BCF has");
        int count = 0;
        std::unique_ptr<const char*, Free> names;
        if (file->format.format == bcf) {
            header_.reset(bcf_hdr_read(file.get()));
            csi_.reset(bcf_index_load3(path.c_str(), nullptr, HTS_IDX_SILENT_FAIL));
            if (csi_ && header_) names.reset(bcf_index_seqnames(csi_.get(), header_.get(), &count));
        } else {
            tabix_.reset(tbx_index_load3(path.c_str(), nullptr, HTS_IDX_SILENT_FAIL));
            if (tabix_) names.reset(tbx_seqnames(tabix_.get(), &count));
        }
        require(
            csi_ || tabix_, ErrorKind::resource,
            path +
                ": a shard is found by the index (.csi or .tbi), which is not there or cannot be read; make "
                "it with bcftools index");
        for (int i = 0; i < count; ++i) {
            const char* name = names.get()[i];
            const int number =
                tabix_ ? tbx_name2id(tabix_.get(), name) : bcf_hdr_name2id(header_.get(), name);
            const std::uint64_t offset = offset_of(number, 0);
            if (offset != kNothing) contigs_.push_back({name, number, offset});
        }
        std::ranges::sort(contigs_, {}, &IndexedContig::offset);
    }

    const std::vector<IndexedContig>& contigs() const { return contigs_; }

    // Where shard number k, from 0, begins; all end where the next one begins.
    Cut cut(int k, int of) const {
        if (k == 0) return {};
        if (k == of || contigs_.empty()) return {contigs_.size(), -1};
        const std::uint64_t first = contigs_.front().offset;
        const std::uint64_t bytes = largest_offset() - first, parts = static_cast<std::uint64_t>(of),
                            part = static_cast<std::uint64_t>(k);
        const std::uint64_t target = first + bytes / parts * part + bytes % parts * part / parts;
        std::size_t contig = 0;
        while (contig + 1 < contigs_.size() && contigs_[contig + 1].offset <= target) ++contig;
        std::uint64_t largest = 0;
        const std::int64_t position = first_position(contigs_[contig].number, target, largest);
        if (position >= kMostPosition) return {contig + 1, -1};
        return {contig, position == 0 ? -1 : position};
    }

  private:
    // The place from which records that overlap [begin, end) are read; kNothing where there are none. A
    // record that crosses from one of the index's bins to the next is held by one that is larger, so that
    // where there are no records this can be far too early, yet never too late.
    std::uint64_t offset_of(int contig, std::int64_t begin, std::int64_t end = HTS_POS_MAX) const {
        const hts_idx_t* index = tabix_ ? tabix_->idx : csi_.get();
        const std::unique_ptr<hts_itr_t, Free> iterator(
            hts_itr_query(index, contig, begin, end, tbx_readrec));
        return iterator && iterator->n_off > 0 ? iterator->off[0].u : kNothing;
    }

    // A position behind which the contig has no records.
    std::int64_t end_of(int contig) const {
        std::int64_t low = 0, high = kMostPosition;
        while (high - low > 1) {
            const std::int64_t middle = low + (high - low) / 2;
            (offset_of(contig, middle) == kNothing ? high : low) = middle;
        }
        return high;
    }

    // The first of the index's windows that is read from `target` on or behind it; kMostPosition where there
    // is none. `largest` becomes the largest of the places up to it.
    std::int64_t first_position(int contig, std::uint64_t target, std::uint64_t& largest) const {
        const std::int64_t end = end_of(contig);
        for (std::int64_t at = 0; at < end; at += kWindow) {
            const std::uint64_t offset = offset_of(contig, at, at + 1);
            if (offset == kNothing) continue;
            largest = std::max(largest, offset);
            if (offset >= target) return at;
        }
        return kMostPosition;
    }

    std::uint64_t largest_offset() const {
        std::uint64_t largest = contigs_.back().offset;
        first_position(contigs_.back().number, kNothing, largest);
        return largest;
    }

    std::unique_ptr<tbx_t, Free> tabix_;
    std::unique_ptr<hts_idx_t, Free> csi_;
    std::unique_ptr<bcf_hdr_t, Free> header_;
    std::vector<IndexedContig> contigs_;
};

}  // namespace

std::vector<Region> shard_stretches(const std::string& path, int number, int of) {
    const FileIndex index(path);
    const Cut first = index.cut(number - 1, of), last = index.cut(number, of);
    std::vector<Region> stretches;
    for (std::size_t i = first.contig; i < index.contigs().size() && i <= last.contig; ++i) {
        const std::int64_t begin = i == first.contig ? first.position : -1;
        const std::int64_t end = i == last.contig ? last.position : INT64_MAX;
        if (begin < end) stretches.push_back({index.contigs()[i].name, begin, end});
    }
    return stretches;
}

}  // namespace regkit
