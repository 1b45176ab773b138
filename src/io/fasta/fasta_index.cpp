// The builder goes through the file once in chunks and notes for each record its length, offset and line
// width; a record whose lines differ in length, or with blanks among its bases, has no index and is refused
// at its line. The reader checks each entry against the size of the data and the entry before it, dividing
// before it multiplies, so that no number made up to overflow can pass.
#include "io/fasta/fasta_index.hpp"

#include <unordered_set>

#include "io/fasta/fasta_header.hpp"
#include "io/files/atomic_file.hpp"
#include "io/files/byte_source.hpp"
#include "io/files/text_reader.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/number.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kMaxBytes =
    INT64_MAX / 4;                       // of any offset or length: sums and products below cannot overflow
constexpr std::int64_t kMaxBlanks = 64;  // at the end of a line, its end among them

// The state of a scan: what the lines of one record have looked like so far.
class IndexBuilder {
  public:
    explicit IndexBuilder(const std::string& path) : source_(path) {}

    std::string scan() {
        std::string head;  // of a header that may lie in several chunks
        std::uint64_t position = 0;
        std::int64_t bases = 0, blanks = 0;
        bool at_line_start = true, in_header = false;
        for (std::string_view chunk = source_.next(); !chunk.empty(); chunk = source_.next()) {
            while (!chunk.empty()) {
                if (at_line_start) in_header = chunk[0] == '>';
                at_line_start = false;
                const auto end = chunk.find('\n');
                std::string_view part = chunk.substr(0, end);
                position += part.size() + (end != chunk.npos);
                chunk.remove_prefix(end == chunk.npos ? chunk.size() : end + 1);
                if (in_header) {
                    head += part;
                    if (head.size() > LineReader::kMaxLine)
                        fail(header_fault(head) == kCarriageReturn ? kCarriageReturn
                                                                   : "header longer than 1 MiB");
                    if (end == std::string_view::npos) continue;
                    header(head, position);
                    head.clear();
                } else {
                    const std::size_t width = part.size();
                    part = part.substr(0, part.find_last_not_of(kFastaBlanks) + 1);
                    if (!part.empty()) check_line(blanks > 0, part);
                    bases += static_cast<std::int64_t>(part.size());
                    blanks += static_cast<std::int64_t>(width - part.size());
                    if (end == std::string_view::npos) continue;
                    sequence(bases, bases + blanks + 1);
                }
                ++line_;
                bases = blanks = 0;
                at_line_start = true;
            }
        }
        if (!at_line_start && in_header) header(head, position);
        // The last line of a file may lack its end: its width is what it would have.
        if (!at_line_start && !in_header) sequence(bases, bases + blanks + 1);
        finish();
        require(!text_.empty(), ErrorKind::input, source_.name() + ": no FASTA record with bases");
        return std::move(text_);
    }

  private:
    std::string where() const { return source_.name() + ":" + std::to_string(line_); }
    [[noreturn]] void fail(std::string_view what) const {
        throw Error(ErrorKind::input, where() + (entry_.name.empty() ? "" : " (" + entry_.name + ")") + ": " +
                                          std::string(what));
    }

    // Bases behind blanks, or blanks among them, would lie elsewhere than an index can say. Other bytes that
    // are no bases are found when they are read. One pass without branches: the common line is clean.
    void check_line(bool behind_blanks, std::string_view text) const {
        bool low = behind_blanks;
        for (const char c : text) low |= static_cast<unsigned char>(c) <= ' ';
        if (!low) return;
        const auto blank = text.find_first_of(kFastaBlanks);
        if (behind_blanks || blank != text.npos)
            fail(blank != text.npos && text[blank] == '\r' ? kCarriageReturn : "blank within a line");
    }

    void header(std::string_view line, std::uint64_t after) {
        finish();
        line.remove_prefix(1);
        entry_ = {};
        if (const std::string_view fault = header_fault(line); !fault.empty()) fail(fault);
        entry_ = {std::string(fasta_name(line)), 0, after, 0, 0};
        short_line_ = false;
        if (!names_.insert(entry_.name).second) fail("a second record of this name");
    }

    void sequence(std::int64_t bases, std::int64_t width) {
        if (entry_.name.empty())
            fail(bases == 0 ? "blank line before the first record" : "sequence before the first '>'");
        if (bases == 0) {
            short_line_ = true;
            return;
        }
        if (short_line_)
            fail(
                "a line after one of another length: the lines of a record must have one, blanks at their ends counted; "
                "wrap it anew");
        if (width - bases > kMaxBlanks)
            fail("more than " + std::to_string(kMaxBlanks) + " blanks at the end of a line");
        if (entry_.line_bases == 0) {
            entry_.line_bases = bases;
            entry_.line_width = width;
        } else if (bases > entry_.line_bases) {
            fail("a line longer than the first of its record; wrap it anew");
        } else if (bases < entry_.line_bases || width != entry_.line_width) {
            short_line_ = true;
        }
        entry_.length += bases;
    }

    void finish() {
        if (entry_.length == 0) return;  // samtools leaves records without bases out as well
        text_ += entry_.name + "\t" + std::to_string(entry_.length) + "\t" + std::to_string(entry_.offset) +
                 "\t" + std::to_string(entry_.line_bases) + "\t" + std::to_string(entry_.line_width) + "\n";
    }

    ByteSource source_;
    std::int64_t line_ = 1;
    FastaIndexEntry entry_;
    bool short_line_ = false;
    std::unordered_set<std::string> names_;
    std::string text_;
};

FastaIndexEntry parse_entry(const LineReader& reader, std::string_view line, std::uint64_t previous_end,
                            std::uint64_t size) {
    const auto bad = [&](const std::string& what) {
        throw Error(ErrorKind::mismatch,
                    reader.where() + ": " + what + "; remove the index to have it built anew");
    };
    std::vector<std::string_view> fields;
    split_fields(line, '\t', fields);
    if (fields.size() != 5 || fields[0].empty()) bad("not the five columns of a FASTA index");
    const auto length = parse_int(fields[1], 0, kMaxBytes), offset = parse_int(fields[2], 1, kMaxBytes),
               bases = parse_int(fields[3], 0, kMaxBytes), width = parse_int(fields[4], 0, kMaxBytes);
    if (!length || !offset || !bases || !width) bad("a column is no number in range");
    const FastaIndexEntry entry{std::string(fields[0]), *length, static_cast<std::uint64_t>(*offset), *bases,
                                *width};
    if (header_fault(entry.name) != "")
        throw Error(ErrorKind::input, reader.where() + ": " + std::string(header_fault(entry.name)));
    if (*length > 0 && (*bases < 1 || *width <= *bases || *width > *bases + kMaxBlanks))
        bad("impossible line length");
    if (entry.offset <= previous_end && previous_end > 0) bad("contigs overlap");
    // Dividing first: a length made up to overflow must not pass. What is behind the last base may be
    // missing.
    const std::uint64_t lines = *length > 0 ? static_cast<std::uint64_t>(*length / *bases) : 0;
    if (entry.offset > size || static_cast<std::uint64_t>(*length) > size - entry.offset ||
        (lines > 0 && static_cast<std::uint64_t>(*width) > (size + kMaxBlanks) / lines) ||
        entry.offset_of(*length) > size + kMaxBlanks)
        bad("contig " + entry.name + " would end after the file does: the index is not of this file");
    return entry;
}

}  // namespace

std::uint64_t FastaIndexEntry::offset_of(std::int64_t position) const {
    if (line_bases == 0) return offset;
    return offset + static_cast<std::uint64_t>(position / line_bases * line_width + position % line_bases);
}

std::vector<FastaIndexEntry> read_fasta_index(const std::string& path, std::uint64_t size) {
    LineReader reader(path, nullptr, LineReader::Bytes::any);
    std::vector<FastaIndexEntry> entries;
    std::unordered_set<std::string> names;
    std::uint64_t previous_end = 0;
    for (std::string_view line; reader.next(line);) {
        entries.push_back(parse_entry(reader, line, previous_end, size));
        const FastaIndexEntry& entry = entries.back();
        previous_end = entry.length > 0 ? entry.offset_of(entry.length - 1) + 1 : entry.offset;
        require(previous_end <= size, ErrorKind::mismatch,
                reader.where() + ": contig " + entry.name +
                    " would end after the file does; remove the index to have it "
                    "built anew");
        require(names.insert(entry.name).second, ErrorKind::mismatch,
                reader.where() + ": contig named twice");
    }
    require(!entries.empty(), ErrorKind::mismatch, path + ": empty index; remove it to have it built anew");
    return entries;
}

void build_fasta_index(const std::string& fasta) {
    const std::string text = IndexBuilder(fasta).scan();
    try {
        AtomicFile file(fasta + ".fai");
        file.write(text);
        file.commit();
    } catch (const Error& error) {
        throw Error(error.kind(), std::string(error.what()) +
                                      "; the index is needed: run 'samtools faidx' on a copy in "
                                      "a directory that can be written");
    }
}

}  // namespace regkit
