// Random access: the index gives the bytes that hold the bases, line ends are taken out, and the rest becomes
// codes. The index is not believed: headers of many contigs when a file is opened and of each before it is
// first read, the file's end, and every line end on the way must be where it says, since bases from a wrong
// place would look like any others.
#include "io/fasta/fasta.hpp"

#include <htslib/hts.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <new>
#include <unordered_map>

#include "base/text.hpp"
#include "io/fasta/contig_alias.hpp"
#include "io/fasta/fasta_header.hpp"
#include "io/fasta/fasta_index.hpp"
#include "io/files/random_file.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kPiece = 1 << 20;    // bases read at a time
constexpr std::uint64_t kMaxGap = 2 << 20;  // header and blank lines between two contigs
constexpr std::size_t kProbes = 256;        // contigs whose header is looked at when a file is opened

// Whether each line is blank or begins with '>'.
bool only_headers(std::string_view text) {
    while (!text.empty()) {
        const auto end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        if (!line.starts_with('>') && line.find_first_not_of(kFastaBlanks) != line.npos) return false;
        if (end == text.npos) return true;
        text.remove_prefix(end + 1);
    }
    return true;
}

// MD5 in pieces, through htslib.
class Md5 {
  public:
    Md5() : state_(hts_md5_init()) {
        if (state_ == nullptr) throw std::bad_alloc();
    }
    ~Md5() { hts_md5_destroy(state_); }
    Md5(const Md5&) = delete;
    Md5& operator=(const Md5&) = delete;
    void update(std::string_view bytes) { hts_md5_update(state_, bytes.data(), bytes.size()); }
    std::string hex() {
        std::array<unsigned char, 16> digest{};
        std::array<char, 33> text{};
        hts_md5_final(digest.data(), state_);
        hts_md5_hex(text.data(), digest.data());
        return text.data();
    }

  private:
    hts_md5_context* state_;
};

}  // namespace

struct FastaFile::Impl {
    RandomFile file;
    std::vector<FastaIndexEntry> index;
    std::vector<Contig> contigs;
    std::unordered_map<std::string, int> by_name;
    std::vector<bool> checked;          // header looked at
    std::vector<std::int64_t> counted;  // by contig: placeholders before this base
    std::int64_t placeholders = 0;
    std::vector<std::string> empty;  // records without bases
    std::string bytes, bases;        // scratch: as in the file, and without line ends

    explicit Impl(const std::string& path) : file(path) {
        const std::string name = path + ".fai";
        if (access(name.c_str(), F_OK) != 0) build_fasta_index(path);
        index = read_fasta_index(name, file.size());
        checked.resize(index.size());
        counted.resize(index.size());
        for (std::size_t i = 0; i < index.size(); ++i) {
            contigs.push_back({index[i].name, index[i].length});
            by_name.emplace(index[i].name, static_cast<int>(i));
        }
        const std::size_t step = std::max<std::size_t>(1, index.size() / kProbes);
        for (std::size_t i = 0; i < index.size(); i += step) check_header(i);
        check_header(index.size() - 1);
        check_tail();
    }

    [[noreturn]] void stale(std::size_t contig, const std::string& what) const {
        throw Error(ErrorKind::mismatch,
                    file.path() + ".fai: contig " + index[contig].name + ": " + what +
                        ": the index is not of this file; remove it to have it built anew");
    }

    std::uint64_t data_end(std::size_t contig) const {
        const FastaIndexEntry& entry = index[contig];
        return entry.length > 0 ? entry.offset_of(entry.length - 1) + 1 : entry.offset;
    }

    std::string text(std::uint64_t begin, std::uint64_t end) {
        std::string result(end - begin, '\0');
        result.resize(file.read(begin, result));
        return result;
    }

    // Between the contig before and this one lie blank lines, headers of records without bases (which no
    // index lists), and last the header that names this one.
    void check_header(std::size_t contig) {
        if (checked[contig]) return;
        const std::uint64_t begin = contig == 0 ? 0 : data_end(contig - 1), end = index[contig].offset;
        if (end < begin || end - begin > kMaxGap) stale(contig, "far from the contig before it");
        const std::string gap = text(begin, end);
        const auto last = gap.rfind("\n>");
        if (last == std::string::npos ? !gap.starts_with('>') || contig > 0
                                      : !only_headers(gap.substr(0, last + 1)))
            stale(contig, "no header before it");
        const std::string_view header =
            std::string_view(gap).substr(last == std::string::npos ? 0 : last + 1);
        if (fasta_name(header.substr(1)) != index[contig].name || header.find('\n') + 1 != header.size())
            stale(contig, "its header is not where the index says");
        if (last != std::string::npos) remember_empty(std::string_view(gap).substr(0, last + 1));
        checked[contig] = true;
    }

    void check_tail() {
        const std::size_t last = index.size() - 1;
        const std::uint64_t begin = data_end(last);
        if (file.size() - begin > kMaxGap) stale(last, "the file goes on after it");
        const std::string tail = text(begin, file.size());
        if (!only_headers(tail)) stale(last, "the file goes on after it");
        remember_empty(tail);
    }

    // `headers` and blank lines.
    void remember_empty(std::string_view headers) {
        for (std::size_t at = 0, end; at < headers.size(); at = end + 1) {
            end = std::min(headers.find('\n', at), headers.size());
            if (headers[at] == '>') empty.emplace_back(fasta_name(headers.substr(at + 1, end - at - 1)));
        }
    }

    // The bases of [begin, end), inside the contig and at most kPiece, as they stand in the file.
    std::string_view fetch(std::size_t contig, std::int64_t begin, std::int64_t end) {
        check_header(contig);
        const FastaIndexEntry& entry = index[contig];
        const std::uint64_t from = entry.offset_of(begin), to = entry.offset_of(end - 1) + 1;
        bytes.resize(to - from);
        if (file.read(from, bytes) != bytes.size()) stale(contig, "it ends early");
        bases.resize(static_cast<std::size_t>(end - begin));
        std::size_t done = 0, at = 0;
        while (done < bases.size()) {
            const std::int64_t column = (begin + static_cast<std::int64_t>(done)) % entry.line_bases;
            const auto take =
                std::min(bases.size() - done, static_cast<std::size_t>(entry.line_bases - column));
            bases.replace(done, take, bytes, at, take);
            done += take;
            at += take;
            for (std::int64_t i = entry.line_bases; i < entry.line_width && done < bases.size(); ++i, ++at)
                if (i + 1 == entry.line_width ? bytes[at] != '\n'
                                              : kFastaBlanks.find(bytes[at]) == kFastaBlanks.npos)
                    stale(contig, "a line ends elsewhere");
        }
        return bases;
    }

    void encode(std::size_t contig, std::int64_t begin, std::string_view text_bases, std::uint8_t* codes) {
        const Encoded encoded = encode_bases(text_bases, codes);
        if (encoded == Encoded::placeholders) count(contig, begin, text_bases);
        if (encoded != Encoded::bad) return;
        const auto bad = std::find(codes, codes + text_bases.size(), 255) - codes;
        const char byte = nth(text_bases, bad);
        if (byte == '\n' || byte == '>' || kFastaBlanks.find(byte) != kFastaBlanks.npos)
            stale(contig, "a line ends elsewhere");
        throw Error(ErrorKind::input, file.path() + " (" + index[contig].name + ":" +
                                          std::to_string(begin + bad + 1) + "): " + describe_byte(byte) +
                                          " is no nucleotide code");
    }

    void count(std::size_t contig, std::int64_t begin, std::string_view text_bases) {
        const std::int64_t known =
            std::clamp<std::int64_t>(counted[contig] - begin, 0, std::ssize(text_bases));
        text_bases.remove_prefix(static_cast<std::size_t>(known));
        placeholders += count_placeholders(text_bases);
        counted[contig] = std::max(counted[contig], begin + known + std::ssize(text_bases));
    }

    std::size_t checked_index(int contig) const {
        require(contig >= 0 && static_cast<std::size_t>(contig) < index.size(), ErrorKind::usage,
                file.path() + ": no contig of that number");
        return static_cast<std::size_t>(contig);
    }
};

FastaFile::FastaFile(const std::string& path) : impl_(std::make_unique<Impl>(path)) {}
FastaFile::~FastaFile() = default;
FastaFile::FastaFile(FastaFile&&) noexcept = default;

const std::string& FastaFile::path() const {
    return impl_->file.path();
}
const std::vector<Contig>& FastaFile::contigs() const {
    return impl_->contigs;
}

int FastaFile::find(const std::string& contig) const {
    const auto found = impl_->by_name.find(contig);
    return found == impl_->by_name.end() ? -1 : found->second;
}

int FastaFile::require_contig(const std::string& contig, const std::string& remedy) const {
    const int found = find(contig);
    if (found >= 0) return found;
    std::string what = "contig " + contig + " is not in " + path();
    bool renamed = false;
    for (const std::string& other : other_conventions(contig)) {
        if (find(other) < 0) continue;
        what += ", which calls it " + other + "; " + remedy;
        renamed = true;
    }
    if (!renamed) {
        std::vector<std::string> names;
        for (const Contig& known : contigs()) names.push_back(known.name);
        what += ", which holds " + some_of(names, 5);
    }
    throw Error(ErrorKind::mismatch, what);
}

void FastaFile::read(int contig, std::int64_t begin, std::int64_t end, std::span<std::uint8_t> codes) {
    const std::size_t which = impl_->checked_index(contig);
    require(end >= begin && static_cast<std::int64_t>(codes.size()) >= end - begin, ErrorKind::usage,
            path() + ": a buffer too small for the bases asked for");
    std::fill(codes.begin(), codes.begin() + (end - begin), kCodeN);
    const std::int64_t from = std::max<std::int64_t>(begin, 0),
                       to = std::min(end, impl_->contigs[which].length);
    for (std::int64_t at = from; at < to; at += kPiece) {
        const std::int64_t stop = std::min(to, at + kPiece);
        impl_->encode(which, at, impl_->fetch(which, at, stop), codes.data() + (at - begin));
    }
}

std::string FastaFile::scan(
    int contig, const std::function<void(std::int64_t begin, std::span<const std::uint8_t> codes)>& sink) {
    const std::size_t which = impl_->checked_index(contig);
    const std::int64_t length = impl_->contigs[which].length;
    std::vector<std::uint8_t> codes(static_cast<std::size_t>(std::min(length, kPiece)));
    Md5 md5;
    for (std::int64_t at = 0; at < length; at += kPiece) {
        const std::int64_t stop = std::min(length, at + kPiece);
        const std::string_view bases = impl_->fetch(which, at, stop);
        impl_->encode(which, at, bases, codes.data());
        sink(at, std::span(codes).first(bases.size()));
        for (char& base : impl_->bases) base = upper_case(base);
        md5.update(bases);
    }
    return md5.hex();
}

std::int64_t FastaFile::placeholders() const {
    return impl_->placeholders;
}

std::vector<std::string> FastaFile::empty_records() const {
    std::vector<std::string> names = impl_->empty;
    for (const Contig& contig : contigs())
        if (contig.length == 0) names.push_back(contig.name);
    return names;
}

std::string FastaFile::md5(int contig) {
    return scan(contig, [](std::int64_t, std::span<const std::uint8_t>) {});
}

}  // namespace regkit
