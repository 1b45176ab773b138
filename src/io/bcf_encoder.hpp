// Private to src/io/vcf*: records as BCF, and BCF as text.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "io/vcf.hpp"
#include "io/vcf_state.hpp"

namespace regkit {

// The header of a BCF output, and numbers for the names in its records. Lines that htslib cannot parse stay
// in the text.
class BcfEncoder {
  public:
    // Error(input) where the header cannot be one of BCF.
    explicit BcfEncoder(std::shared_ptr<const VcfHeader::State> header);

    const std::string& header() const { return bytes_; }  // magic, length and text as they begin the file
    // A line of text as a record. Error(input) for what BCF cannot hold.
    void parse(std::string_view line, const std::string& where, bcf1_t& record);
    // As edit_bcf_info.
    int edit(bcf1_t& record, std::span<const InfoField> fields, const std::string& where);

  private:
    void number_lines(const bcf_hdr_t& base);
    int key_of(const std::string& id) const;

    std::shared_ptr<const VcfHeader::State> state_;
    HtsHeader header_;
    int defined_ = 0, contigs_ = 0;  // names that the header defines; htslib adds those that it meets later
    std::string bytes_;
    std::unordered_set<int> removed_;
    std::vector<int> keys_;
    KString line_;
};

}  // namespace regkit
