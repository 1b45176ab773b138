// Private to src/io/vcf* and bcf*: htslib's handles with owners, and the header as both halves know it.
#pragma once

#include <htslib/bgzf.h>
#include <htslib/hfile.h>
#include <htslib/hts.h>
#include <htslib/kstring.h>
#include <htslib/vcf.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "io/vcf/vcf.hpp"
#include "kernels/base/error.hpp"

namespace regkit {

struct FreeHeader {
    void operator()(bcf_hdr_t* header) const { bcf_hdr_destroy(header); }
};
using HtsHeader = std::unique_ptr<bcf_hdr_t, FreeHeader>;
struct CloseHts {
    void operator()(htsFile* file) const { hts_close(file); }
};
using HtsHandle = std::unique_ptr<htsFile, CloseHts>;

// htslib has one code for damaged data and for a system that did not give them: Error(resource) for the
// latter.
inline void check_read(const BGZF* file, const std::string& name) {
    const int cause = herrno(file->fp);
    if (cause == 0) return;
    errno = cause;
    throw_errno(name + ": cannot read");
}

// A kstring_t that frees itself.
struct KString {
    kstring_t text = KS_INITIALIZE;
    KString() = default;
    KString(const KString&) = delete;
    KString& operator=(const KString&) = delete;
    ~KString() { std::free(text.s); }
    std::string_view view() const { return {text.s, text.l}; }
};

struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
using TextSet = std::unordered_set<std::string, TextHash, std::equal_to<>>;

struct VcfHeader::State {
    std::shared_ptr<const std::string> source;  // the file's name, for messages
    std::vector<std::string> lines;             // of the input, "##..." with a CR where it had one, no LF
    std::vector<std::string> added;             // without line ends
    std::string columns;                        // the #CHROM line
    std::string_view line_end = "\n";           // of the #CHROM line
    std::vector<Contig> contigs;
    std::unordered_map<std::string, std::size_t, TextHash, std::equal_to<>> contig_at;
    bool plain_contigs = true;  // each line of a contig is plain, and their IDs differ
    TextSet removed;            // INFO fields
    HtsHeader bcf;              // of BCF input: numbers of its records mean what this says

    void read_contigs();
    std::size_t bytes() const;  // of the whole header as text, or a few more
    // The whole header as text, each line with its end.
    std::string text() const;
};

// A ##contig line that every parser reads alike and none has anything to say about: keys and values without
// anything odd, one ID as VCF 4.3 allows it, a number for a length, and no IDX, which is htslib's. Views into
// the line; nothing for any other line.
struct PlainContig {
    std::string_view id, length;  // length may be empty
};
std::optional<PlainContig> plain_contig(std::string_view line);
bool is_contig_name(std::string_view name);  // that VCF 4.3 allows

// The kind of a structured header line, "INFO" of "##INFO=<...>"; empty for any other line.
std::string_view header_line_kind(std::string_view line);
// The length of a structured line up to its ">", which ends it for htslib; npos where there is none.
std::size_t structured_length(std::string_view line);
// The value of a key of a structured header line, quotes and escapes taken off. A comma belongs to the value
// unless a key follows: names of contigs hold commas.
std::optional<std::string> header_line_value(std::string_view line, std::string_view key);

// INFO as text without the fields in `removed`; their number is added to `count`.
std::string without_fields(std::string_view info, const TextSet& removed, int& count);
bool has_field(std::string_view info, std::string_view id);
// "ID=value" of each field, separated by semicolons.
void append_fields(std::string& text, std::span<const InfoField> fields);
// The value alone, as text.
void append_value(std::string& text, const InfoField& field);

}  // namespace regkit
