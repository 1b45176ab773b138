// Private to src/io: the bytes of a BCF record (VCF 4.3, section 6.3). regkit changes INFO alone, and does so
// here, on the bytes: all else of the record stays what it was, and no allocation fails inside htslib unseen.
#pragma once

#include <htslib/vcf.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "io/vcf/vcf.hpp"
#include "io/vcf/vcf_state.hpp"

namespace regkit {

// Throws Error(input) saying where the record is and that its bytes make no sense.
using BadBcf = std::function<void(const char* why)>;

// Views into the record, valid until it changes.
struct BcfColumns {
    std::string_view id;                    // "." where there is none
    std::vector<std::string_view> alleles;  // REF first
    std::size_t filter = 0, info = 0;       // where FILTER and INFO begin in record.shared
};
void read_bcf_columns(const bcf1_t& record, const BadBcf& bad, BcfColumns& columns);

// GT and PS of a sample, by their keys (-1: the header lacks it); false where the record has no GT. Missing
// values and copies that there are not are left as htslib's types say them.
bool read_bcf_genotype(const bcf1_t& record, int gt, int ps, std::size_t sample, const BadBcf& bad,
                       Genotype& genotype);

// Removes the fields whose key is in `removed`, adds `fields` with the keys beside them. Returns how many
// were removed. `fields` that the record has already: Error(input) by `bad`.
int edit_bcf_info(bcf1_t& record, const std::unordered_set<int>& removed, std::span<const InfoField> fields,
                  std::span<const int> keys, const BadBcf& bad);

// The record as a line of VCF, with its LF. std::bad_alloc too where htslib runs out of memory inside, which
// it does not say; Error(input) naming `where` for a record that makes no sense.
void print_bcf_record(const bcf_hdr_t& header, bcf1_t& record, KString& line, const std::string& where);

// The record as it lies in a file.
void append_bcf_record(std::string& out, const bcf1_t& record);

}  // namespace regkit
