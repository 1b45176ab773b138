// An index older than its file is refused, and so is a file without its end block, since by an index whatever
// is missing goes unseen. For each region in turn htslib's iterator then gives the records that overlap it;
// the end of the region before is kept, so that the caller can pass over a record that came already. The
// functions that read for the iterator are ours: they check BCF against the header, and notice a last line
// without its newline.
#include "io/vcf/vcf_fetch.hpp"

#include <htslib/bgzf.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <new>
#include <utility>

#include "io/vcf/vcf_state.hpp"
#include "kernels/base/error.hpp"

namespace regkit {
namespace {

constexpr int kTries = 3;

void check_age(const std::string& path) {
    struct stat data {
    }, index{};
    if (stat(path.c_str(), &data) != 0) return;
    for (const char* ending : {".csi", ".tbi"}) {
        const std::string name = path + ending;
        if (stat(name.c_str(), &index) != 0) continue;
        require(index.st_mtime >= data.st_mtime, ErrorKind::mismatch,
                name + ": older than the file that it is to index; make it again with bcftools index -f");
        return;
    }
}

}  // namespace

VcfFetcher::VcfFetcher(htsFile* file, const std::string& path, const bcf_hdr_t* header)
    : file_(file), path_(path), header_(header) {
    check_whole();
    check_age(path);
    // htslib does not try again to open what a signal interrupted, nor says that one did.
    for (int tries = 0; tries < kTries && !csi_ && !tabix_; ++tries) {
        if (header_ != nullptr)
            csi_.reset(bcf_index_load3(path.c_str(), nullptr, HTS_IDX_SILENT_FAIL));
        else
            tabix_.reset(tbx_index_load3(path.c_str(), nullptr, HTS_IDX_SILENT_FAIL));
    }
    require(csi_ || tabix_, ErrorKind::resource,
            path +
                ": regions need its index (.csi or .tbi), which is not there or cannot be read; make it with "
                "bcftools index, or use -t, which reads the whole file");
    if (!tabix_) return;
    int count = 0;
    const char** names = tbx_seqnames(tabix_.get(), &count);
    for (int i = 0; i < count; ++i) names_.insert(names[i]);
    std::free(names);
}

// By the index whatever is missing goes unseen: no region may lead to the place of the cut, and one that does
// may end there like any other.
void VcfFetcher::check_whole() const {
    errno = 0;
    const int found = bgzf_check_EOF(file_->fp.bgzf);
    if (found < 0) throw_errno(path_ + ": cannot read");
    require(found != 0, ErrorKind::input, path_ + ": " + kNoEndBlock);
}

bool VcfFetcher::has_contig(const std::string& name) const {
    return header_ != nullptr ? bcf_hdr_name2id(header_, name.c_str()) >= 0 : names_.contains(name);
}

// The last line of the file may lack its newline, which htslib hides. Where a line reaches the end of the
// data, it is read once more to see.
int VcfFetcher::read_line(BGZF* file, void* self, void* to, int* contig, hts_pos_t* begin, hts_pos_t* end) {
    auto& fetcher = *static_cast<VcfFetcher*>(self);
    const std::int64_t at = bgzf_tell(file);
    const int status = tbx_readrec(file, fetcher.tabix_.get(), to, contig, begin, end);
    fetcher.is_cut_ = false;
    if (status < 0 || bgzf_peek(file) != -1) return status;
    constexpr int kFailed = -2;
    if (bgzf_seek(file, at, SEEK_SET) != 0) return kFailed;
    std::array<char, 4096> bytes;
    char last = '\n';
    ssize_t got = 0;
    while ((got = bgzf_read(file, bytes.data(), bytes.size())) > 0)
        last = bytes[static_cast<std::size_t>(got) - 1];
    if (got < 0) return kFailed;
    fetcher.is_cut_ = last != '\n';
    return status;
}

// htslib's own reader for iterators does not know the header, and lets numbers pass that it does not define.
// POS 0 lies at the contig's first base, as tabix has it, or no region would hold it.
int VcfFetcher::read_checked(BGZF*, void* self, void* to, int* contig, hts_pos_t* begin, hts_pos_t* end) {
    const auto& fetcher = *static_cast<const VcfFetcher*>(self);
    auto& record = *static_cast<bcf1_t*>(to);
    const int status = bcf_read(fetcher.file_, fetcher.header_, &record);
    if (status < 0) return status;
    *contig = record.rid;
    *begin = std::max<hts_pos_t>(0, record.pos);
    *end = std::max<hts_pos_t>(1, record.pos + record.rlen);
    return status;
}

bool VcfFetcher::open_region() {
    while (at_ < regions_.size()) {
        const Region& region = regions_[at_];
        const bool follows = at_ > 0 && regions_[at_ - 1].contig == region.contig;
        given_to_ = follows ? regions_[at_ - 1].end : kNothing;
        ++at_;
        if (!has_contig(region.contig)) continue;
        const hts_pos_t end = std::min(region.end, HTS_POS_MAX);
        const char* name = region.contig.c_str();
        iterator_.reset(
            header_ != nullptr
                ? hts_itr_query(csi_.get(), bcf_hdr_name2id(header_, name), region.begin, end, read_checked)
                : hts_itr_query(tabix_->idx, tbx_name2id(tabix_.get(), name), region.begin, end, read_line));
        if (!iterator_) throw std::bad_alloc();
        return true;
    }
    return false;
}

template <typename Read>
bool VcfFetcher::next_of(const Read& read) {
    for (;;) {
        if (!iterator_ && !open_region()) return false;
        errno = 0;
        const int status = read();
        if (status >= 0) return true;
        if (status < -1 && errno == ENOMEM) throw std::bad_alloc();
        if (status < -1) check_read(file_->fp.bgzf, path_);
        require(status == -1, ErrorKind::input,
                path_ +
                    ": corrupt or truncated, or its index is another file's; copy both again, or make the "
                    "index again with bcftools index -f");
        iterator_.reset();
    }
}

bool VcfFetcher::next(LineBuffer& line) {
    kstring_t text{line.size(), line.room(), line.data()};
    const auto give_back = [&] {
        line.size() = text.l;
        line.room() = text.m;
        line.data() = text.s;
    };
    try {
        const bool found =
            next_of([&] { return hts_itr_next(file_->fp.bgzf, iterator_.get(), &text, this); });
        give_back();
        if (found && is_cut_) unterminated_ = true;
        return found;
    } catch (...) {
        give_back();
        throw;
    }
}

bool VcfFetcher::next(bcf1_t& record) {
    return next_of([&] { return hts_itr_next(file_->fp.bgzf, iterator_.get(), &record, this); });
}

}  // namespace regkit
