#include "io/vcf/bcf_header.hpp"

#include <cerrno>
#include <new>

#include "base/log.hpp"
#include "kernels/base/error.hpp"

namespace regkit {
namespace {

constexpr std::size_t kShown = 60;

bool parses_alone(const bcf_hdr_t& header, const std::string& line) {
    int length = 0;
    errno = 0;
    bcf_hrec_t* parsed = bcf_hdr_parse_line(&header, line.c_str(), &length);
    if (parsed == nullptr && errno == ENOMEM) throw std::bad_alloc();
    if (parsed != nullptr) bcf_hrec_destroy(parsed);
    return parsed != nullptr;
}

}  // namespace

HtsHeader parse_bcf_header(std::string& text, const std::string& name, const char* refusal) {
    HtsHeader header(bcf_hdr_init("r"));
    if (!header) throw std::bad_alloc();
    errno = 0;
    const int parsed = bcf_hdr_parse(header.get(), text.data());
    if (parsed != 0 && errno == ENOMEM) throw std::bad_alloc();
    require(parsed == 0, ErrorKind::input, name + ": " + refusal);
    return header;
}

bool defines(const bcf_hdr_t& header, std::string_view kind, const std::string& id) {
    if (kind == "contig") return bcf_hdr_name2id(&header, id.c_str()) >= 0;
    const int column = kind == "INFO" ? BCF_HL_INFO : kind == "FILTER" ? BCF_HL_FLT : BCF_HL_FMT;
    const int number = bcf_hdr_id2int(&header, BCF_DT_ID, id.c_str());
    return bcf_hdr_idinfo_exists(&header, column, number);
}

void tell_untaken(const bcf_hdr_t& header, const std::vector<std::string>& lines, const std::string& name,
                  Log& log) {
    for (std::string line : lines) {
        if (line.ends_with('\r')) line.pop_back();
        const std::string_view kind = header_line_kind(line);
        const bool defining = kind == "INFO" || kind == "FILTER" || kind == "FORMAT" || kind == "contig";
        const auto id = defining ? header_line_value(line, "ID") : std::nullopt;
        if (id ? defines(header, kind, *id) : parses_alone(header, line)) continue;
        log.warn("header-line",
                 name + ": htslib does not take the line " + line.substr(0, kShown) +
                     (line.size() > kShown ? "..." : "") + " of the header" +
                     (id ? ", so " + std::string(kind) + " " + *id + " counts as undefined in BCF" : ""));
    }
}

}  // namespace regkit
