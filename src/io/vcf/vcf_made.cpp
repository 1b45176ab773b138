// Records and headers that are not read but made: lines of text like those that are read, of a version that
// every reader knows.
#include <array>

#include "io/vcf/vcf.hpp"
#include "io/vcf/vcf_state.hpp"

namespace regkit {

VcfHeader VcfHeader::made(const std::string& source) {
    VcfHeader header;
    header.state_ = std::make_shared<State>();
    header.state_->source = std::make_shared<const std::string>(source);
    header.state_->lines = {"##fileformat=VCFv4.2"};
    header.state_->columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO";
    return header;
}

void VcfRecord::make(const std::shared_ptr<const std::string>& source, std::string_view contig,
                     std::int64_t position, std::string_view ref, std::string_view alt) {
    source_ = source;
    number_ = 0;
    record_.reset();
    position_ = position;
    line_end_ = "\n";
    const std::string pos = std::to_string(position + 1);
    const std::array<std::string_view, 8> columns{contig, pos, ".", ref, alt, ".", ".", "."};
    line_.clear();
    for (std::size_t i = 0; i < columns.size(); ++i) {
        if (i > 0) line_.append("\t", 1);
        line_.append(columns[i].data(), columns[i].size());
    }
    text_size_ = line_.size();
    std::array<std::string_view, 8> at;
    std::string_view rest = line_.view();
    for (std::size_t i = 0; i < at.size(); ++i) {
        at[i] = rest.substr(0, columns[i].size());
        rest.remove_prefix(std::min(rest.size(), columns[i].size() + 1));
    }
    contig_ = at[0];
    id_ = at[2];
    ref_ = at[3];
    alts_.assign(1, at[4]);
    quality_ = at[5];
    info_ = at[7];
}

}  // namespace regkit
