// htslib parses a header's text; then each line is asked after: did it take it, and as what. That is told
// line by line, since a line that htslib drops or reads otherwise changes the meaning of records without any
// error. Plain contig lines are passed over, as there may be a million.
#include "io/vcf/bcf_header.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <new>

#include "base/log.hpp"
#include "kernels/base/error.hpp"

namespace regkit {
namespace {

constexpr std::size_t kShown = 60;

std::string cut(const std::string& line) {
    return line.substr(0, kShown) + (line.size() > kShown ? "..." : "");
}

// The first that ends htslib's parsing, not only its own.
std::string refused_line(const bcf_hdr_t& header, std::string_view text) {
    while (text.starts_with("##")) {
        const auto end = text.find('\n');
        const std::string line(text.substr(0, end));
        int length = 0;
        bcf_hrec_t* parsed = bcf_hdr_parse_line(&header, line.c_str(), &length);
        if (parsed != nullptr) bcf_hrec_destroy(parsed);
        if (parsed == nullptr && length < 0) return line;
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return {};
}

bool parses_alone(const bcf_hdr_t& header, const std::string& line) {
    int length = 0;
    errno = 0;
    bcf_hrec_t* parsed = bcf_hdr_parse_line(&header, line.c_str(), &length);
    if (parsed == nullptr && errno == ENOMEM) throw std::bad_alloc();
    if (parsed != nullptr) bcf_hrec_destroy(parsed);
    return parsed != nullptr;
}

bool is_tag(std::string_view id) {
    const auto letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; };
    return id == "1000G" || (!id.empty() && letter(id[0]) && std::all_of(id.begin(), id.end(), [&](char c) {
               return letter(c) || std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '.';
           }));
}

// Of a structured line.
std::string loose_end(std::string_view line) {
    const std::size_t length = structured_length(line);
    if (length == std::string_view::npos) return "has no closing bracket, and counts as if it had one in BCF";
    if (line.find_first_not_of(' ', length) == std::string_view::npos) return {};
    return "has something behind its closing bracket, which BCF leaves out";
}

// What htslib changes of a definition that it takes, or finds fault with.
std::string oddity(std::string_view kind, const std::string& id, std::string_view line) {
    if (kind == "FILTER") return {};
    if (kind == "contig" ? !is_contig_name(id) : !is_tag(id))
        return "has an ID that VCF does not allow; other programs may refuse it";
    if (kind == "contig") return {};
    const auto type = header_line_value(line, "Type"), number = header_line_value(line, "Number");
    static constexpr std::array<std::string_view, 5> kTypes = {"Integer", "Float", "String", "Character",
                                                               "Flag"};
    if (!type) return "has no Type, and counts as a String in BCF";
    if (std::find(kTypes.begin(), kTypes.end(), *type) == kTypes.end())
        return "has an unknown Type, and counts as a String in BCF";
    if (!number) return "has no Number, and counts as Number=. in BCF";
    if (*type == "Flag" && *number != "0") return "is a Flag with a Number, and counts as Number=0 in BCF";
    if (kind == "FORMAT" && (id == "PL" || id == "GL") && *number != "G") return "should say Number=G";
    return {};
}

}  // namespace

bool is_definition(std::string_view kind) {
    return kind == "INFO" || kind == "FILTER" || kind == "FORMAT" || kind == "contig";
}

HtsHeader parse_bcf_header(char* text, const std::string& name, const char* refusal) {
    HtsHeader header(bcf_hdr_init("r"));
    if (!header) throw std::bad_alloc();
    errno = 0;
    const int parsed = bcf_hdr_parse(header.get(), text);
    if (parsed != 0 && errno == ENOMEM) throw std::bad_alloc();
    if (parsed == 0) return header;
    if (const std::string line = refused_line(*header, text); !line.empty())
        throw Error(ErrorKind::input, name + ": htslib refuses the line " + cut(line) +
                                          " of the header, and with it the whole; mend it");
    throw Error(ErrorKind::input, name + ": " + refusal);
}

bool defines(const bcf_hdr_t& header, std::string_view kind, const std::string& id) {
    if (kind == "contig") return bcf_hdr_name2id(&header, id.c_str()) >= 0;
    const int column = kind == "INFO" ? BCF_HL_INFO : kind == "FILTER" ? BCF_HL_FLT : BCF_HL_FMT;
    const int number = bcf_hdr_id2int(&header, BCF_DT_ID, id.c_str());
    return bcf_hdr_idinfo_exists(&header, column, number);
}

void tell_header(const bcf_hdr_t& header, const std::vector<std::string>& lines, const std::string& name,
                 Log& log) {
    if (lines.empty() || !lines.front().starts_with("##fileformat="))
        log.warn("header-line", name + ": the header does not begin with ##fileformat; it may be broken");
    for (const std::string& whole : lines) {
        if (plain_contig(whole)) continue;  // there may be a million
        std::string line = whole;
        if (line.ends_with('\r')) line.pop_back();
        const std::string_view kind = header_line_kind(line);
        const auto id = is_definition(kind) ? header_line_value(line, "ID") : std::nullopt;
        const std::string shown = cut(line);
        if (id ? !defines(header, kind, *id) : is_definition(kind) || !parses_alone(header, line)) {
            log.warn("header-line",
                     name + ": htslib does not take the line " + shown + " of the header" +
                         (id ? ", so " + std::string(kind) + " " + *id + " counts as undefined in BCF" : ""));
            continue;
        }
        const auto tell = [&](const std::string& what) {
            if (!what.empty())
                log.warn("header-line", name + ": the line " + shown + " of the header " + what);
        };
        if (!kind.empty()) tell(loose_end(line));
        if (id) tell(oddity(kind, *id, line));
    }
}

}  // namespace regkit
