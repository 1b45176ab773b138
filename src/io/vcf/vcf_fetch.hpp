// Private to src/io/vcf*: the records of a file that lie in regions, by its index.
#pragma once

#include <htslib/hts.h>
#include <htslib/tbx.h>
#include <htslib/vcf.h>

#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/region.hpp"
#include "io/vcf/vcf.hpp"

namespace regkit {

// Of a file in blocks.
inline constexpr const char* kNoEndBlock =
    "no BGZF end-of-file block; the file is truncated, copy it again (or, if it is whole, compress it again "
    "with bgzip)";

class VcfFetcher {
  public:
    // `header` of BCF, null for text. Records with numbers that it does not define are Error(input).
    // Error(input) where the file lacks its end, Error(resource) without an index, Error(mismatch) where that
    // is older than the file.
    VcfFetcher(htsFile* file, const std::string& path, const bcf_hdr_t* header);

    bool has_contig(const std::string& name) const;
    void set_regions(std::vector<Region> regions) { regions_ = std::move(regions); }
    // Regions that records were taken from so far end here on the contig of the present one: what begins
    // before was given already.
    std::int64_t given_to() const { return given_to_; }
    // False at the end of all regions.
    bool next(LineBuffer& line);
    bool next(bcf1_t& record);
    // Where the index has the record that was given last.
    std::int64_t begin() const { return iterator_ ? iterator_->curr_beg : -1; }
    std::int64_t end() const { return iterator_ ? iterator_->curr_end : -1; }
    // A line that was given is the last of the file, and has no newline.
    bool unterminated() const { return unterminated_; }

  private:
    struct Free {
        void operator()(tbx_t* index) const { tbx_destroy(index); }
        void operator()(hts_idx_t* index) const { hts_idx_destroy(index); }
        void operator()(hts_itr_t* iterator) const { hts_itr_destroy(iterator); }
    };
    // `read` fetches one record: 0 or more, -1 at the end of the region, less at a failure.
    template <typename Read>
    bool next_of(const Read& read);
    void check_whole() const;
    bool open_region();
    static int read_line(BGZF* file, void* self, void* line, int* contig, hts_pos_t* begin, hts_pos_t* end);
    static int read_checked(BGZF* file, void* self, void* record, int* contig, hts_pos_t* begin,
                            hts_pos_t* end);

    htsFile* file_;
    std::string path_;
    const bcf_hdr_t* header_;
    std::unique_ptr<tbx_t, Free> tabix_;
    std::unique_ptr<hts_idx_t, Free> csi_;
    std::unique_ptr<hts_itr_t, Free> iterator_;
    std::unordered_set<std::string> names_;
    std::vector<Region> regions_;
    std::size_t at_ = 0;
    static constexpr std::int64_t kNothing = -1;  // POS 0 is position -1 here
    std::int64_t given_to_ = kNothing;
    bool is_cut_ = false;  // the line read last, which may lie behind the region, has no newline
    bool unterminated_ = false;
};

}  // namespace regkit
