// Opening finds out text or BCF and reads the header as text from either. A record of text is its line, and
// its columns are views into it; of BCF, htslib reads the bytes and the few columns needed are taken from
// them. After the last record the end of the file is checked too: a compressed file without its end block is
// truncated.
#include <htslib/bgzf.h>
#include <htslib/hfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>
#include <optional>

#include "io/vcf/bcf_header.hpp"
#include "io/vcf/bcf_record.hpp"
#include "io/vcf/vcf.hpp"
#include "io/vcf/vcf_fetch.hpp"
#include "io/vcf/vcf_lines.hpp"
#include "io/vcf/vcf_state.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/number.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kMaxPosition =
    INT64_MAX / 4;  // of text: what an output can hold is its writer's matter
constexpr std::int64_t kMaxBcfPosition = INT32_MAX - 1;
constexpr std::size_t kColumns = 8;  // CHROM to INFO
constexpr std::size_t kHeaderPiece = 1 << 20;
constexpr std::size_t kShown = 40;
constexpr std::int64_t kMostIdx = INT32_MAX - 2;  // htslib passes over a line with a larger one

[[noreturn]] void bad(const std::string& where, const std::string& what) {
    throw Error(ErrorKind::input, where + ": " + what);
}

// The first eight columns, and how many there are in all.
std::size_t split_columns(std::string_view line, std::array<std::string_view, kColumns>& columns) {
    std::size_t found = 0;
    for (; found < kColumns; ++found) {
        const auto tab = line.find('\t');
        columns[found] = line.substr(0, tab);
        if (tab == std::string_view::npos) return found + 1;
        line.remove_prefix(tab + 1);
    }
    return found + static_cast<std::size_t>(std::count(line.begin(), line.end(), '\t')) + 1;
}

void split_alts(std::string_view alt, std::vector<std::string_view>& alts) {
    alts.clear();
    if (alt == ".") return;
    for (;;) {
        const auto comma = alt.find(',');
        alts.push_back(alt.substr(0, comma));
        if (comma == std::string_view::npos) return;
        alt.remove_prefix(comma + 1);
    }
}

// ",IDX=7>" at the end of a line of a BCF's header: a number for that file alone.
std::string without_idx(std::string_view line) {
    const auto at = line.rfind(",IDX=");
    if (header_line_kind(line).empty() || at == std::string_view::npos || !line.ends_with('>'))
        return std::string(line);
    const std::string_view digits = line.substr(at + 5, line.size() - at - 6);
    if (!parse_int(digits, 0, kMostIdx)) return std::string(line);
    return std::string(line.substr(0, at)) + ">";
}

}  // namespace

VcfRecord::VcfRecord() = default;
VcfRecord::~VcfRecord() = default;
VcfRecord::VcfRecord(VcfRecord&&) noexcept = default;
VcfRecord& VcfRecord::operator=(VcfRecord&&) noexcept = default;
void VcfRecord::Free::operator()(bcf1_t* record) const {
    bcf_destroy(record);
}

std::string VcfRecord::where() const {
    std::string text = *source_;
    if (number_ > 0) text += (record_ ? ": record " : ":") + std::to_string(number_);
    return text + " (" + std::string(contig_) + ":" + std::to_string(position_ + 1) + ")";
}

bool VcfRecord::odd_quality() const {
    if (record_) return !bcf_float_is_missing(record_->qual) && !std::isfinite(record_->qual);
    if (quality_ == ".") return false;
    const auto value = parse_real(quality_);
    return !value || std::fabs(*value) > static_cast<double>(std::numeric_limits<float>::max());
}

std::size_t VcfRecord::bytes() const {
    return line_.capacity() + (record_ ? record_->shared.m + record_->indiv.m : 0) + sizeof *this;
}

void VcfRecord::release() {
    LineBuffer().swap(line_);
    record_.reset();
    contig_ = id_ = ref_ = quality_ = info_ = {};
    alts_ = {};
    text_size_ = 0;
}

struct VcfReader::Impl {
    std::shared_ptr<const std::string> name;
    HtsHandle file;
    std::int64_t bytes = 0;  // of a regular file
    VcfHeader header;
    std::optional<VcfLines> lines;  // text only
    std::optional<VcfFetcher> fetcher;
    LineBuffer partial;  // of the next line, what was read so far
    std::size_t columns = 0;
    std::int64_t records = 0;
    BcfColumns bcf_columns;

    VcfHeader::State& state() const { return *header.state_; }

    void open(const std::string& path, Log* log) {
        // htslib's own words would go to standard error past cli; each of its failures is reported here
        // instead.
        hts_set_log_level(HTS_LOG_OFF);
        const bool standard_input = path.empty() || path == "-";
        name = std::make_shared<const std::string>(standard_input ? "standard input" : path);
        do {
            errno = 0;
            file.reset(hts_open(standard_input ? "-" : path.c_str(), "r"));
        } while (!file && errno == EINTR);
        if (!file) {
            if (errno == ENOMEM) throw std::bad_alloc();
            // An empty or unrecognisable file leaves ENOEXEC or EPIPE here.
            if (errno == 0 || errno == ENOEXEC || errno == EPIPE) bad(*name, "not a VCF or BCF file");
            throw_errno(*name + ": cannot open");
        }
        struct stat about {};
        const int known = standard_input ? fstat(STDIN_FILENO, &about) : stat(path.c_str(), &about);
        if (known == 0 && S_ISREG(about.st_mode)) bytes = about.st_size;
        header.state_ = std::make_shared<VcfHeader::State>();
        state().source = name;
        if (file->format.format == vcf)
            read_text_header();
        else if (file->format.format == bcf)
            read_bcf_header(log);
        else
            bad(*name, "not a VCF or BCF file: a VCF starts with ##fileformat=VCF");
        state().read_contigs();
    }

    void read_text_header() {
        lines.emplace(file.get(), *name);
        LineBuffer line;
        while (lines->next(line, kMaxLine) == Got::record) {
            if (header_line(line.view(), [this] { return lines->here(); })) return;
            line.clear();
        }
        bad(*name, "no #CHROM line: the header is truncated");
    }

    // False for a "##" line, true for the #CHROM line.
    template <typename Here>
    bool header_line(std::string_view line, const Here& here) {
        if (line.find('\0') != std::string_view::npos) bad(here(), "a NUL byte");
        if (!line.starts_with('#')) bad(here(), "a record before the #CHROM line");
        if (line.starts_with("##")) {
            state().lines.emplace_back(line);
            return false;
        }
        if (line.ends_with('\r')) {
            line.remove_suffix(1);
            state().line_end = "\r\n";
        }
        constexpr std::string_view kFirst = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO";
        if (!line.starts_with(kFirst) || (line.size() > kFirst.size() && line[kFirst.size()] != '\t'))
            bad(here(), "the column header is not #CHROM POS ID REF ALT QUAL FILTER INFO, tab-separated");
        columns = static_cast<std::size_t>(std::count(line.begin(), line.end(), '\t')) + 1;
        state().columns = line;
        return true;
    }

    void read_bcf(char* bytes, std::size_t count) const {
        const ssize_t got = bgzf_read(file->fp.bgzf, bytes, count);
        if (got < 0 || static_cast<std::size_t>(got) != count)
            bad(*name, "the header is malformed or truncated");
    }

    // The header's text is read here and not by htslib, which drops lines that it cannot parse.
    void read_bcf_header(Log* log) {
        char head[9];
        read_bcf(head, sizeof head);
        if (std::memcmp(head, "BCF\2\2", 5) != 0) bad(*name, "not a BCF file of version 2.2");
        std::size_t left = 0;
        for (int i = 0; i < 4; ++i)
            left |= static_cast<std::size_t>(static_cast<unsigned char>(head[5 + i])) << (8 * i);
        std::string text;
        while (left > 0) {
            const std::size_t piece = std::min(left, kHeaderPiece), old = text.size();
            text.resize(old + piece);
            read_bcf(text.data() + old, piece);
            left -= piece;
        }
        text.resize(std::min(text.size(), text.find('\0')));
        bool done = false;
        for (std::size_t at = 0; at < text.size() && !done;) {
            const auto end = std::min(text.find('\n', at), text.size());
            done = header_line(without_idx(std::string_view(text).substr(at, end - at)),
                               [this] { return *name; });
            at = end + 1;
        }
        if (!done) bad(*name, "no #CHROM line: the header is truncated");
        state().bcf = parse_bcf_header(text.data(), *name, "the header does not parse (a sample twice?)");
        if (log != nullptr) tell_header(*state().bcf, state().lines, *name, *log);
    }

    Got next_text(VcfRecord& record, std::size_t room) {
        if (fetcher) {
            if (!fetcher->next(record.line_)) return Got::end;
            if (record.line_.view().size() > kMaxLine) bad(*name, "a line longer than 256 MiB");
        } else {
            const Got got = lines->next(partial, room);
            if (got != Got::record) return got;
            record.line_.swap(partial);
            partial.clear();
        }
        record.record_.reset();
        record.number_ = fetcher ? 0 : lines->number();
        std::string_view line = record.line_.view();
        // htslib takes the CR off the lines that an index leads to.
        record.line_end_ = fetcher || lines->unterminated() ? state().line_end : "\n";
        if (!fetcher && line.ends_with('\r')) {
            line.remove_suffix(1);
            record.line_end_ = "\r\n";
        }
        record.text_size_ = line.size();
        take_columns(record, line);
        return Got::record;
    }

    void take_columns(VcfRecord& record, std::string_view line) const {
        std::array<std::string_view, kColumns> column;
        const auto here = [&] {
            return record.number_ > 0 ? *name + ":" + std::to_string(record.number_) : *name;
        };
        if (line.find('\0') != std::string_view::npos) bad(here(), "a NUL byte");
        const std::size_t found = split_columns(line, column);
        if (found != columns)
            bad(here(), std::to_string(found) + (found == 1 ? " column" : " columns") + ", the header has " +
                            std::to_string(columns));
        if (column[0].empty()) bad(here(), "empty CHROM");
        const auto position = parse_int(column[1], 0, kMaxPosition);
        if (!position)
            bad(here(), "POS '" + std::string(column[1].substr(0, kShown)) + "' is not a number in 0-" +
                            std::to_string(kMaxPosition));
        record.contig_ = column[0];
        record.position_ = *position - 1;
        record.id_ = column[2];
        record.ref_ = column[3];
        split_alts(column[4], record.alts_);
        record.quality_ = column[5];
        record.info_ = column[7];
    }

    Got next_bcf(VcfRecord& record) {
        if (!record.record_) record.record_.reset(bcf_init());
        if (!record.record_) throw std::bad_alloc();
        bcf1_t& r = *record.record_;
        const std::string where = *name + ": record " + std::to_string(records + 1);
        if (fetcher && !fetcher->next(r)) return Got::end;
        errno = 0;
        const int status = fetcher ? 0 : bcf_read(file.get(), state().bcf.get(), &r);
        if (status < -1 && errno == ENOMEM) throw std::bad_alloc();
        if (status == -1) return Got::end;
        if (status < 0) check_read(file->fp.bgzf, *name);
        if (status < 0 || r.errcode != 0) bad(where, "corrupt or truncated BCF; copy the file again");
        const char* contig = bcf_hdr_id2name(state().bcf.get(), r.rid);
        if (contig == nullptr) bad(where, "its contig is not in the header");
        record.number_ = fetcher ? 0 : ++records;
        record.contig_ = contig;
        record.position_ = r.pos;
        if (r.pos < -1 || r.pos >= kMaxBcfPosition) bad(record.where(), "its position is out of range");
        read_bcf_columns(
            r, [&](const char* why) { bad(record.where(), std::string("corrupt BCF: ") + why); },
            bcf_columns);
        record.id_ = bcf_columns.id;
        record.ref_ = bcf_columns.alleles.front();
        record.alts_.assign(bcf_columns.alleles.begin() + 1, bcf_columns.alleles.end());
        return Got::record;
    }

    void check_end() {
        const BGZF* bgzf = file->is_bgzf ? file->fp.bgzf : nullptr;
        if (bgzf != nullptr && bgzf->errcode != 0) check_read(bgzf, *name);
        if (bgzf != nullptr && bgzf->errcode != 0)
            bad(*name, "corrupt or truncated compressed data; copy the file again");
        if (bgzf != nullptr && bgzf->no_eof_block != 0 && !fetcher) bad(*name, kNoEndBlock);
        errno = 0;
        // htslib closes again what an interrupted close() has closed.
        if (hts_close(file.release()) != 0 && errno != EBADF)
            bad(*name, "corrupt or truncated: closing it failed; copy the file again");
    }
};

VcfReader::VcfReader(const std::string& path, Log* log) : impl_(std::make_unique<Impl>()) {
    impl_->open(path, log);
}
VcfReader::~VcfReader() = default;
VcfReader::VcfReader(VcfReader&&) noexcept = default;

VcfHeader& VcfReader::header() {
    return impl_->header;
}

void VcfReader::fetch(const std::vector<Region>& regions) {
    Impl& s = *impl_;
    if (!s.fetcher) {
        require(*s.name != "standard input" && s.file->format.compression == bgzf, ErrorKind::usage,
                *s.name + ": regions need an index, so a file in bgzip VCF or BCF; -t reads any input");
        s.fetcher.emplace(s.file.get(), *s.name, s.state().bcf.get());
    }
    s.fetcher->set_regions(regions);
}

bool VcfReader::has_contig(const std::string& name) const {
    return impl_->header.contig(name) != nullptr || (impl_->fetcher && impl_->fetcher->has_contig(name));
}

bool VcfReader::unterminated() const {
    return impl_->fetcher ? impl_->fetcher->unterminated() : impl_->lines && impl_->lines->unterminated();
}

double VcfReader::share_read() const {
    const Impl& s = *impl_;
    if (s.bytes == 0 || s.fetcher) return std::numeric_limits<double>::quiet_NaN();
    if (!s.file) return 1;
    const bool plain = s.lines && s.file->format.compression == no_compression;
    const auto raw = static_cast<double>(htell(plain ? s.file->fp.hfile : s.file->fp.bgzf->fp));
    const auto all = static_cast<double>(s.bytes);
    const auto ahead = static_cast<double>(s.lines ? s.lines->ahead() : 0);
    if (plain) return std::clamp((raw - ahead) / all, 0.0, 1.0);
    const auto unpacked = static_cast<double>(bgzf_utell(s.file->fp.bgzf));
    return unpacked > 0 ? std::clamp(raw / all * (unpacked - ahead) / unpacked, 0.0, 1.0) : 0;
}

VcfReader::Got VcfReader::next(VcfRecord& record, std::size_t room) {
    Impl& s = *impl_;
    if (!s.file) return Got::end;
    record.source_ = s.name;
    for (;;) {
        const Got got = s.lines ? s.next_text(record, room) : s.next_bcf(record);
        // Of a record that overlaps two regions: it came with the first.
        if (got == Got::record && s.fetcher && record.position_ < s.fetcher->given_to()) continue;
        if (got == Got::end) s.check_end();
        record.index_begin_ = s.fetcher ? s.fetcher->begin() : -1;
        record.index_end_ = s.fetcher ? s.fetcher->end() : -1;
        return got;
    }
}

}  // namespace regkit
