// The beginning of a file is decompressed and tried against magic numbers first, then line by line against
// what text formats begin with, and last against the shape of columns. A file that is none of these is
// unknown and left to its reader, who also has to say whether a file is damaged.
#include "app/model/input_kind.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "io/files/byte_source.hpp"
#include "io/files/text_reader.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/number.hpp"

namespace regkit {
namespace {

constexpr std::size_t kLooked = 1 << 16;  // bytes; more than the headers that files of intervals have

bool is_number(std::string_view text) {
    return !text.empty() && text[0] != '-' && parse_int(text, 0, INT64_MAX).has_value();
}

// A safetensors file begins with the length of its header, which is an object.
bool is_model(std::string_view head, std::uint64_t bytes) {
    std::uint64_t length = 0;
    if (head.size() <= sizeof length || head[sizeof length] != '{') return false;
    std::memcpy(&length, head.data(), sizeof length);
    return length >= 2 && length <= bytes - sizeof length;
}

FileKind kind_of_binary(std::string_view head, std::uint64_t bytes) {
    for (const std::string_view magic : {"\x26\xfc\x8f\x88", "\x88\x8f\xfc\x26"})
        if (head.starts_with(magic)) return FileKind::bigwig;
    for (const std::string_view magic : {"\xeb\xf2\x89\x87", "\x87\x89\xf2\xeb"})
        if (head.starts_with(magic)) return FileKind::bigbed;
    if (head.starts_with("BCF\2")) return FileKind::variants;
    if (head.starts_with("BAM\1") || head.starts_with("CRAM")) return FileKind::alignments;
    return is_model(head, bytes) ? FileKind::model : FileKind::unknown;
}

FileKind kind_of_columns(std::string_view line) {
    std::vector<std::string_view> fields;
    if (line.find('\t') != line.npos)
        split_fields(line, '\t', fields);
    else
        split_blanks(line, fields);
    const auto has = [&](std::string_view name) {
        return std::find(fields.begin(), fields.end(), name) != fields.end();
    };
    if (has("name") && has("peaks")) return FileKind::sheet;
    if (fields.size() < 3 || !is_number(fields[1]) || !is_number(fields[2])) return FileKind::unknown;
    return fields.size() == 4 && parse_real(fields[3]) ? FileKind::bed_graph : FileKind::intervals;
}

FileKind kind_of_text(std::string_view text) {
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find_first_of("\r\n"));
        if (line.starts_with('>')) return FileKind::fasta;
        if (line.starts_with("##fileformat=VCF")) return FileKind::variants;
        if (line.starts_with("@HD\t") || line.starts_with("@SQ\t")) return FileKind::alignments;
        if (line.starts_with("fixedStep") || line.starts_with("variableStep")) return FileKind::wiggle;
        if (line.starts_with('{')) return FileKind::json;
        if (line.starts_with("#name\t")) return kind_of_columns(line.substr(1));
        const bool header =
            line.empty() || line.starts_with('#') || line.starts_with("track") || line.starts_with("browser");
        if (!header) return kind_of_columns(line);
        text.remove_prefix(std::min(text.size(), line.size() + 1));
    }
    return FileKind::unknown;
}

}  // namespace

FileKind file_kind(const std::string& path) {
    struct stat info {};
    if (stat(path.c_str(), &info) != 0) return FileKind::unknown;
    if (S_ISDIR(info.st_mode))
        return stat((path + "/dataset.json").c_str(), &info) == 0 ? FileKind::dataset : FileKind::folder;
    if (!S_ISREG(info.st_mode)) return FileKind::unknown;
    std::string head;
    try {
        ByteSource source(path);
        while (head.size() < kLooked) {
            const std::string_view more = source.next();
            if (more.empty()) break;
            head.append(more);
        }
    } catch (const Error&) {
        // What could be read tells the kind; that it is damaged is for its reader to say.
    }
    const FileKind binary = kind_of_binary(head, static_cast<std::uint64_t>(info.st_size));
    return binary == FileKind::unknown ? kind_of_text(head) : binary;
}

const char* describe(FileKind kind) {
    switch (kind) {
        case FileKind::unknown:
            return "";
        case FileKind::folder:
            return "a folder";
        case FileKind::dataset:
            return "a data set";
        case FileKind::fasta:
            return "a FASTA file";
        case FileKind::intervals:
            return "a BED file (or one of its kind)";
        case FileKind::bed_graph:
            return "a bedGraph file";
        case FileKind::wiggle:
            return "a WIG file";
        case FileKind::bigwig:
            return "a bigWig file";
        case FileKind::bigbed:
            return "a bigBed file";
        case FileKind::variants:
            return "a VCF or BCF file";
        case FileKind::alignments:
            return "a file of alignments";
        case FileKind::model:
            return "a model (safetensors)";
        case FileKind::json:
            return "a JSON file";
        case FileKind::sheet:
            return "a sheet of markers";
    }
    return "";
}

void require_kind(const std::string& path, const std::vector<FileKind>& taken, const std::string& what) {
    if (path.empty() || path == "-") return;
    const FileKind kind = file_kind(path);
    if (kind == FileKind::unknown || std::find(taken.begin(), taken.end(), kind) != taken.end()) return;
    throw Error(ErrorKind::input, path + ": this is " + describe(kind) + "; " + what);
}

}  // namespace regkit
