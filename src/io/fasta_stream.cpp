#include <algorithm>

#include "base/error.hpp"
#include "io/byte_source.hpp"
#include "io/fasta.hpp"
#include "io/text_reader.hpp"

namespace regkit {

struct FastaStream::Impl {
    ByteSource source;
    std::string_view chunk;  // not yet used
    std::string name;
    std::int64_t line = 1, position = 0;  // of the next byte; position within the record
    bool in_record = false, ended = false;
    bool line_start = true;
    bool carriage = false;  // the last byte was CR: only LF may follow

    explicit Impl(const std::string& path) : source(path) {}

    [[noreturn]] void fail(const std::string& what) const {
        std::string where = source.name() + ":" + std::to_string(line);
        if (in_record) where += " (" + name + ":" + std::to_string(position + 1) + ")";
        throw Error(ErrorKind::input, where + ": " + what);
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
            if (text.size() > LineReader::kMaxLine) fail("header longer than 1 MiB");
            whole = end != chunk.npos;
            chunk.remove_prefix(whole ? end + 1 : chunk.size());
        }
        in_record = false;
        const auto first = text.find_first_of(" \t\r");
        name = text.substr(1, first == text.npos ? first : first - 1);
        if (name.empty()) fail("a record without a name");
        if (name.find('\0') != std::string::npos) fail("NUL byte in a name");
        ++line;
        in_record = line_start = true;
        carriage = false;
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
                carriage = false;
                chunk.remove_prefix(1);
                continue;
            }
            line_start = false;
            if (carriage) fail("carriage return within a line");
            if (chunk[0] == '\r') {
                carriage = true;
                chunk.remove_prefix(1);
                continue;
            }
            const auto run = std::min(chunk.find('\n'), chunk.size());
            auto take = std::min(run, codes.size() - done);
            if (const auto cr = chunk.substr(0, take).find('\r'); cr != chunk.npos) take = cr;
            encode(chunk.substr(0, take), codes.data() + done);
            done += take;
            position += static_cast<std::int64_t>(take);
            chunk.remove_prefix(take);
        }
        return static_cast<std::int64_t>(done);
    }

    void encode(std::string_view text, std::uint8_t* codes) {
        if (encode_bases(text, codes)) return;
        const auto bad = std::find(codes, codes + text.size(), 255) - codes;
        position += bad;
        fail(describe_byte(text[static_cast<std::size_t>(bad)]) + " is no nucleotide code");
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
        return false;
    }
    if (s.chunk[0] != '>')
        s.fail(s.chunk[0] == '@' ? "this looks like FASTQ; convert it to FASTA first"
                                 : "a FASTA record begins with '>', this with " + describe_byte(s.chunk[0]));
    s.header();
    return true;
}

const std::string& FastaStream::name() const { return impl_->name; }

std::int64_t FastaStream::read(std::span<std::uint8_t> codes) {
    return impl_->in_record ? impl_->bases(codes) : 0;
}

}  // namespace regkit
