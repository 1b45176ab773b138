// Records of a stream, in whatever chunks its bytes come: a header is gathered until its line ends, bases go
// straight from the chunk to codes. Only the place is kept (line, position, last blank), so memory is bounded
// however long a record is, and an error still names line and position.
#include <algorithm>

#include "io/fasta/fasta.hpp"
#include "io/fasta/fasta_header.hpp"
#include "io/files/byte_source.hpp"
#include "io/files/text_reader.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {

struct FastaStream::Impl {
    ByteSource source;
    std::string_view chunk;  // not yet used
    std::string name;
    std::int64_t line = 1, position = 0;  // of the next byte; position within the record
    bool in_record = false, ended = false;
    bool line_start = true;
    char blank = 0;  // the last byte, where it was a blank: only others and LF may follow
    std::int64_t total = 0, placeholders = 0;

    explicit Impl(const std::string& path) : source(path) {}

    [[noreturn]] void fail(std::string_view what) const {
        std::string where = source.name() + ":" + std::to_string(line);
        if (in_record) where += " (" + name + ":" + std::to_string(position + 1) + ")";
        throw Error(ErrorKind::input, where + ": " + std::string(what));
    }

    bool more() {
        if (chunk.empty() && !ended) {
            chunk = source.next();
            ended = chunk.empty();
        }
        return !chunk.empty();
    }

    // Reads the header line that begins at '>'.
    void header() {
        std::string text;
        for (bool whole = false; !whole && more();) {
            const auto end = chunk.find('\n');
            text += chunk.substr(0, end);
            if (text.size() > LineReader::kMaxLine)
                fail(header_fault(text) == kCarriageReturn ? kCarriageReturn : "header longer than 1 MiB");
            whole = end != chunk.npos;
            chunk.remove_prefix(whole ? end + 1 : chunk.size());
        }
        in_record = false;
        const std::string_view header = std::string_view(text).substr(1);
        if (const std::string_view fault = header_fault(header); !fault.empty()) fail(fault);
        name = fasta_name(header);
        ++line;
        in_record = line_start = true;
        blank = 0;
        position = 0;
    }

    // Bases of the record into codes (or nowhere); 0 at its end.
    std::int64_t bases(std::span<std::uint8_t> codes) {
        std::size_t done = 0;
        while (done < codes.size() && more()) {
            if (line_start && chunk[0] == '>') break;
            if (chunk[0] == '\n') {
                ++line;
                line_start = true;
                blank = 0;
                chunk.remove_prefix(1);
                continue;
            }
            line_start = false;
            const auto run = std::min(chunk.find('\n'), chunk.size());
            const std::string_view part = chunk.substr(0, std::min(run, codes.size() - done));
            const std::string_view text = part.substr(0, part.find_last_not_of(kFastaBlanks) + 1);
            if (blank != 0 && !text.empty()) fail_blank(blank);
            if (text.size() < part.size()) blank = part.back();
            encode(text, codes.data() + done);
            done += text.size();
            position += static_cast<std::int64_t>(text.size());
            chunk.remove_prefix(part.size());
        }
        total += static_cast<std::int64_t>(done);
        return static_cast<std::int64_t>(done);
    }

    [[noreturn]] void fail_blank(char byte) const {
        fail(byte == '\r' ? kCarriageReturn : "blank within a line");
    }

    void encode(std::string_view text, std::uint8_t* codes) {
        const Encoded encoded = encode_bases(text, codes);
        if (encoded == Encoded::placeholders) placeholders += count_placeholders(text);
        if (encoded != Encoded::bad) return;
        const auto bad = std::find(codes, codes + text.size(), 255) - codes;
        position += bad;
        const char byte = nth(text, bad);
        if (kFastaBlanks.find(byte) != kFastaBlanks.npos) fail_blank(byte);
        fail(describe_byte(byte) + " is no nucleotide code");
    }
};

FastaStream::FastaStream(const std::string& path) : impl_(std::make_unique<Impl>(path)) {}
FastaStream::~FastaStream() = default;

bool FastaStream::next() {
    Impl& s = *impl_;
    if (s.in_record) {
        std::vector<std::uint8_t> rest(1 << 16);
        while (s.bases(rest) > 0) {
        }
    }
    // Blank lines may come before the first record.
    while (!s.in_record && s.more() && (s.chunk[0] == '\n' || s.chunk[0] == '\r')) {
        s.line += s.chunk[0] == '\n';
        s.chunk.remove_prefix(1);
    }
    if (!s.more()) {
        s.in_record = false;
        require(s.total > 0, ErrorKind::input, s.source.name() + ": no FASTA record with bases");
        return false;
    }
    if (s.chunk[0] != '>')
        s.fail(s.chunk[0] == '@' ? "this looks like FASTQ; convert it to FASTA first"
                                 : "a FASTA record begins with '>', this with " + describe_byte(s.chunk[0]));
    s.header();
    return true;
}

const std::string& FastaStream::name() const {
    return impl_->name;
}

std::int64_t FastaStream::placeholders() const {
    return impl_->placeholders;
}

std::int64_t FastaStream::read(std::span<std::uint8_t> codes) {
    return impl_->in_record ? impl_->bases(codes) : 0;
}

}  // namespace regkit
