// Private to src/io/vcf*: records as BCF, and BCF as text.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "io/vcf/vcf.hpp"
#include "io/vcf/vcf_state.hpp"

namespace regkit {

// The header of a BCF output, and numbers for the names in its records. Lines that htslib cannot parse stay
// in the text.
class BcfEncoder {
  public:
    // Error(input) where the header cannot be one of BCF; lines that htslib does not take are warned of in
    // `log`, which may be null. With `lossy` what BCF cannot hold is warned of too; else it is Error(input)
    // naming record and field.
    BcfEncoder(std::shared_ptr<const VcfHeader::State> header, Log* log, bool lossy);

    // Magic, length and text as they begin the file; may be called once.
    std::string take_header() { return std::move(bytes_); }
    // A line of text as a record. Held against the line once it is made: htslib changes values that it cannot
    // hold, and may run out of memory unseen. Error(input) for a contig that the header does not define.
    void parse(std::string_view line, const std::string& where, bcf1_t& record);
    // As edit_bcf_info.
    int edit(bcf1_t& record, std::span<const InfoField> fields, const std::string& where);

  private:
    bool number_lines(const bcf_hdr_t* base);
    void drop_untaken();
    void number_as(const bcf_hdr_t& whole);
    std::optional<int> contig_number(std::string_view name) const;
    int key_of(const std::string& id) const;
    void lose(const std::string& where, const std::string& what) const;
    bool try_parse(std::string_view line, bcf1_t& record);
    // The line without the names that the header does not define; empty where it defines all.
    std::string only_defined(std::string_view line, const std::string& where) const;
    std::string without_bad_format(std::string_view line, const std::string& where, bcf1_t& scratch);

    std::shared_ptr<const VcfHeader::State> state_;
    HtsHeader header_;                  // with one contig, which stands for all
    TextSet info_, filters_, formats_;  // names that the header defines; htslib adds those that it meets
    std::unordered_map<std::string, int, TextHash, std::equal_to<>>
        contigs_;  // numbers that contig_at does not tell; not of BCF input
    Log* log_;
    bool lossy_;
    std::string bytes_;
    std::unordered_set<int> removed_;
    std::vector<int> keys_;
    KString line_, printed_;
};

}  // namespace regkit
