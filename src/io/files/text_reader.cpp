// Lines are views into the decompressed chunk, and are copied only where one crosses from chunk to chunk.
// Each is looked at once for NUL and for bytes outside ASCII, in a loop without branches. The first bytes of
// a file tell common binary formats, so that the message can name what it is and how to convert it.
#include "io/files/text_reader.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "kernels/base/error.hpp"

namespace regkit {

namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

}  // namespace

LineReader::LineReader(const std::string& path, std::function<void(std::string_view)> raw, Bytes bytes)
    : source_(path, std::move(raw)), bytes_(bytes) {}

const std::string& LineReader::name() const {
    return source_.name();
}
std::int64_t LineReader::line_number() const {
    return line_;
}
std::string LineReader::where() const {
    return name() + ":" + std::to_string(line_);
}

void LineReader::fail(const std::string& what) const {
    throw Error(ErrorKind::input, where() + ": " + what);
}

void LineReader::check(std::string_view line) const {
    // One pass without branches: the common line is clean.
    unsigned char high = 0;
    bool nul = false, carriage_return = false;
    for (const char c : line) {
        high |= static_cast<unsigned char>(c);
        nul |= c == '\0';
        carriage_return |= c == '\r';
    }
    if (nul) fail("NUL byte: this is no text file");
    if (carriage_return) fail(std::string(kCarriageReturn));
    if (high >= 0x80 && bytes_ == Bytes::ascii && !line.starts_with('#')) fail("byte outside ASCII");
}

void LineReader::check_first(std::string_view chunk) const {
    struct Known {
        std::string_view magic;
        const char* what;
    };
    constexpr std::array kKnown{
        Known{"\xeb\xf2\x89\x87", "bigBed, not text; convert it: bigBedToBed FILE OUT.bed"},
        Known{"\x87\x89\xf2\xeb", "bigBed, not text; convert it: bigBedToBed FILE OUT.bed"},
        Known{
            "\x26\xfc\x8f\x88",
            "bigWig, which holds values along the genome, not text; use regds-build --target coverage, or make intervals of it first: bigWigToBedGraph FILE /dev/stdout | awk '$4 >= THRESHOLD' | cut -f1-3 > OUT.bed"},
        Known{
            "\x88\x8f\xfc\x26",
            "bigWig, which holds values along the genome, not text; use regds-build --target coverage, or make intervals of it first: bigWigToBedGraph FILE /dev/stdout | awk '$4 >= THRESHOLD' | cut -f1-3 > OUT.bed"},
        Known{"BAM\1", "BAM, which holds alignments, not text; call peaks from it first"},
        Known{"CRAM", "CRAM, which holds alignments, not text; call peaks from it first"},
        Known{"BCF\2", "BCF, not text; convert it: bcftools view FILE"},
    };
    for (const Known& known : kKnown)
        if (chunk.starts_with(known.magic)) throw Error(ErrorKind::input, name() + ": this is " + known.what);
}

bool LineReader::next(std::string_view& line) {
    joined_.clear();
    for (bool some = false;;) {
        if (chunk_.empty()) {
            chunk_ = source_.next();
            if (line_ == 0 && !some) {
                check_first(chunk_);
                if (chunk_.starts_with(kByteOrderMark)) {
                    chunk_.remove_prefix(kByteOrderMark.size());
                    if (chunk_.empty()) chunk_ = source_.next();  // a pipe may bring it alone
                }
            }
            if (chunk_.empty()) {
                if (!some) return false;
                line = joined_;
                break;
            }
        }
        if (!some) ++line_;
        some = true;
        const auto end = chunk_.find('\n');
        const std::string_view part = chunk_.substr(0, end);
        if (joined_.size() + part.size() > kMaxLine)
            fail(joined_.find('\r') == joined_.npos ? "line longer than 1 MiB"
                                                    : std::string(kCarriageReturn));
        if (end == chunk_.npos || !joined_.empty()) joined_ += part;
        chunk_.remove_prefix(end == chunk_.npos ? chunk_.size() : end + 1);
        if (end == std::string_view::npos) continue;
        line = joined_.empty() ? part : std::string_view(joined_);
        break;
    }
    if (line.ends_with('\r')) line.remove_suffix(1);
    check(line);
    return true;
}

void split_fields(std::string_view line, char separator, std::vector<std::string_view>& fields) {
    fields.clear();
    for (;;) {
        const auto end = line.find(separator);
        fields.push_back(line.substr(0, end));
        if (end == line.npos) return;
        line.remove_prefix(end + 1);
    }
}

void split_blanks(std::string_view line, std::vector<std::string_view>& fields) {
    fields.clear();
    for (;;) {
        const auto begin = line.find_first_not_of(" \t");
        if (begin == line.npos) return;
        line.remove_prefix(begin);
        const auto end = line.find_first_of(" \t");
        fields.push_back(line.substr(0, end));
        if (end == line.npos) return;
        line.remove_prefix(end);
    }
}

}  // namespace regkit
