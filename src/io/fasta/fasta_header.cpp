// The rules stand here once, so that a record has the same name, and the same faults, by index and by stream.
// Names must be printable ASCII, as SAM and VCF can hold no others.
#include "io/fasta/fasta_header.hpp"

#include <algorithm>

namespace regkit {

std::string_view fasta_name(std::string_view header) {
    header.remove_prefix(std::min(header.find_first_not_of(kFastaBlanks), header.size()));
    return header.substr(0, header.find_first_of(" \t\r\v\f\n"));
}

std::string_view header_fault(std::string_view header) {
    // Carriage returns at the end of the line are its end.
    const std::string_view line = header.substr(0, header.find_last_not_of('\r') + 1);
    if (line.find('\r') != line.npos) return kCarriageReturn;
    const std::string_view name = fasta_name(header);
    if (name.empty()) return "a record without a name";
    if (!std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~'; }))
        return "a name with bytes that are not printable ASCII, which SAM and VCF cannot hold; rename the record";
    return {};
}

}  // namespace regkit
