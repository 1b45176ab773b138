// Private to src/io/vcf*: lines of plain, gzip or bgzip text that htslib has opened.
#pragma once

#include <htslib/hts.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/vcf/vcf.hpp"

namespace regkit {

// Not hts_getline, which hides a missing newline and bounds nothing.
class VcfLines {
  public:
    VcfLines(htsFile* file, const std::string& name);

    // Appends the rest of the next line, without its LF. no_room: `line` would become longer than `room`;
    // call again to go on.
    VcfReader::Got next(LineBuffer& line, std::size_t room);
    bool unterminated() const { return unterminated_; }
    std::size_t ahead() const { return filled_ - at_; }  // bytes that were read and belong to no line yet
    std::int64_t number() const { return number_; }
    std::string here(int ahead = 0) const;  // "in.vcf:12"

  private:
    bool fill();

    htsFile* file_;
    std::string name_;
    std::vector<char> block_;
    std::size_t at_ = 0, filled_ = 0;
    std::int64_t number_ = 0;
    bool unterminated_ = false;
};

}  // namespace regkit
