#include <cerrno>
#include <algorithm>
#include <cstring>
#include <optional>

#include "base/error.hpp"
#include "base/number.hpp"
#include "io/vcf.hpp"
#include "io/vcf_state.hpp"

namespace regkit {
namespace {

constexpr std::size_t kBlock = 1 << 16;
constexpr std::size_t kMaxLine = std::size_t{1} << 28;  // 500,000 samples with likelihoods fit; a bomb does not
constexpr std::int64_t kMaxPosition = INT32_MAX - 1;    // of BCF and every index

[[noreturn]] void bad(const std::string& where, const std::string& what) {
    throw Error(ErrorKind::input, where + ": " + what);
}

// Lines of plain, gzip or bgzip text; not hts_getline, which hides a missing newline and bounds nothing.
class Lines {
  public:
    Lines(htsFile* file, const std::string& name) : file_(file), name_(name), block_(kBlock) {}

    bool next(std::string& line) {
        line.clear();
        for (;;) {
            const char* from = block_.data() + at_;
            const void* newline = std::memchr(from, '\n', filled_ - at_);
            const std::size_t take = newline == nullptr ? filled_ - at_
                                                        : static_cast<std::size_t>(static_cast<const char*>(newline) - from);
            if (line.size() + take > kMaxLine) bad(here(1), "a line longer than 256 MiB");
            line.append(from, take);
            at_ += take;
            if (newline != nullptr) {
                ++at_;
                break;
            }
            if (!fill()) {
                if (line.empty()) return false;
                unterminated_ = file_->format.compression == no_compression;  // asked for when the file is closed
                break;
            }
        }
        ++number_;
        if (line.ends_with('\r')) line.pop_back();
        return true;
    }
    bool unterminated() const { return unterminated_; }  // of text alone: a compressed file tells in other ways
    // "in.vcf:12"
    std::string here(int ahead = 0) const { return name_ + ":" + std::to_string(number_ + ahead); }

  private:
    bool fill() {
        const bool plain = file_->format.compression == no_compression;
        const ssize_t got = plain ? hread(file_->fp.hfile, block_.data(), block_.size())
                                  : bgzf_read(file_->fp.bgzf, block_.data(), block_.size());
        if (got < 0 && plain) throw_errno(name_ + ": cannot read");
        if (got < 0) bad(here(), "corrupt or truncated compressed data after this line");
        at_ = 0;
        filled_ = static_cast<std::size_t>(got);
        return got > 0;
    }
    htsFile* file_;
    std::string name_;
    std::vector<char> block_;
    std::size_t at_ = 0, filled_ = 0;
    std::int64_t number_ = 0;
    bool unterminated_ = false;
};

std::vector<std::string_view> split(std::string_view line, std::size_t most) {
    std::vector<std::string_view> columns;
    while (columns.size() < most) {
        const auto tab = line.find('\t');
        columns.push_back(line.substr(0, tab));
        if (tab == std::string_view::npos) break;
        line.remove_prefix(tab + 1);
    }
    return columns;
}

bool is_base(char c) { return std::strchr("ACGTNUMRWSYKVHDBacgtnumrwsykvhdb", c) != nullptr && c != 0; }

// What htslib would pass over in silence. `where` gets the locus added for later messages.
void check_line(const std::string& line, std::size_t columns, std::string& where) {
    if (line.find('\0') != std::string::npos) bad(where, "a NUL byte");
    const auto found = static_cast<std::size_t>(std::count(line.begin(), line.end(), '\t')) + 1;
    if (found != columns)
        bad(where, std::to_string(found) + " columns, the header has " + std::to_string(columns));
    const auto column = split(line, 8);
    static constexpr const char* kNames[] = {"CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"};
    for (std::size_t i = 0; i < column.size(); ++i)
        if (column[i].empty()) bad(where, std::string("empty ") + kNames[i] + "; write '.' for a missing value");
    if (column[0].find(' ') != std::string_view::npos) bad(where, "a blank in CHROM");
    if (!parse_int(column[1], 0, kMaxPosition))
        bad(where, "POS '" + std::string(column[1].substr(0, 40)) + "' is not a number in 0-" + std::to_string(kMaxPosition));
    where += " (" + std::string(column[0]) + ":" + std::string(column[1]) + ")";
    if (!std::all_of(column[3].begin(), column[3].end(), is_base))
        bad(where, "REF '" + std::string(column[3].substr(0, 40)) + "' is not made of bases");
    if (column[5] != "." && !parse_real(column[5]))
        bad(where, "QUAL '" + std::string(column[5].substr(0, 40)) + "' is not a number");
}

std::string describe(int errcode) {
    if (errcode & BCF_ERR_NCOLS) return "the number of sample columns is not the header's";
    if (errcode & BCF_ERR_CTG_INVALID) return "CHROM is not a valid contig name";
    if (errcode & BCF_ERR_TAG_INVALID) return "an INFO or FORMAT tag with an invalid name";
    if (errcode & BCF_ERR_LIMITS) return "more values than VCF can hold";
    return "an invalid character";
}

}  // namespace

VcfRecord::VcfRecord() : record_(bcf_init()) {
    require(record_ != nullptr, ErrorKind::resource, "out of memory for a variant record");
}
VcfRecord::~VcfRecord() = default;
VcfRecord::VcfRecord(VcfRecord&&) noexcept = default;
VcfRecord& VcfRecord::operator=(VcfRecord&&) noexcept = default;
void VcfRecord::Free::operator()(bcf1_t* record) const { bcf_destroy(record); }

std::int64_t VcfRecord::position() const { return record_->pos; }
std::string_view VcfRecord::id() const { return record_->d.id; }
std::string_view VcfRecord::ref() const { return record_->d.allele[0]; }
int VcfRecord::alts() const { return static_cast<int>(record_->n_allele) - 1; }
std::string_view VcfRecord::alt(int i) const { return record_->d.allele[i + 1]; }
std::int64_t VcfRecord::bytes() const {
    return static_cast<std::int64_t>(record_->shared.m + record_->indiv.m + sizeof(bcf1_t));
}

struct VcfReader::Impl {
    std::string name;
    HtsHandle file;
    VcfHeader header;
    std::optional<Lines> lines;  // text only
    std::size_t columns = 0;
    std::int64_t records = 0;
    std::string line;
    KString text;

    bcf_hdr_t* hdr() const { return header.state_->header.get(); }

    void open(const std::string& path) {
        // htslib's own words would go to standard error past cli; each of its failures is reported here instead.
        hts_set_log_level(HTS_LOG_OFF);
        const bool standard_input = path.empty() || path == "-";
        name = standard_input ? "standard input" : path;
        errno = 0;
        file.reset(hts_open(standard_input ? "-" : path.c_str(), "r"));
        if (!file) {
            // An empty or unrecognisable file leaves ENOEXEC or EPIPE here.
            if (errno == 0 || errno == ENOEXEC || errno == EPIPE) bad(name, "not a VCF or BCF file");
            throw_errno(name + ": cannot open");
        }
        header.state_ = std::make_shared<VcfHeader::State>();
        header.state_->source = name;
        if (file->format.format == vcf)
            read_text_header();
        else if (file->format.format == bcf)
            header.state_->header.reset(bcf_hdr_read(file.get()));
        else
            bad(name, "not a VCF or BCF file: a VCF starts with ##fileformat=VCF");
        if (hdr() == nullptr) bad(name, "the header is malformed or truncated");
        read_contigs();
    }

    // The header's text is read here and not by htslib so that lines can be numbered, and so that the output does not
    // depend on an index beside the file (from which htslib takes contigs that the header lacks).
    void read_text_header() {
        lines.emplace(file.get(), name);
        std::string whole;
        while (lines->next(line)) {
            if (line.find('\0') != std::string::npos) bad(lines->here(), "a NUL byte");
            if (!line.starts_with('#')) bad(lines->here(), "a record before the #CHROM line");
            whole += line + "\n";
            if (line.starts_with("##")) continue;
            if (!line.starts_with("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"))
                bad(lines->here(), "the column header is not #CHROM POS ID REF ALT QUAL FILTER INFO, tab-separated");
            columns = static_cast<std::size_t>(std::count(line.begin(), line.end(), '\t')) + 1;
            header.state_->header.reset(bcf_hdr_init("r"));
            if (hdr() == nullptr || bcf_hdr_parse(hdr(), whole.data()) != 0)
                bad(lines->here(), "the header does not parse (a sample twice?)");
            return;
        }
        bad(name, "no #CHROM line: the header is truncated");
    }

    void read_contigs() {
        for (int i = 0; i < hdr()->n[BCF_DT_CTG]; ++i) {
            const char* contig = bcf_hdr_id2name(hdr(), i);
            if (contig == nullptr) continue;
            const auto length = static_cast<std::int64_t>(hdr()->id[BCF_DT_CTG][i].val->info[0]);
            header.state_->contigs.push_back({contig, length});
        }
    }

    bool next_text(VcfRecord& record) {
        if (!lines->next(line)) return false;
        record.where_ = lines->here();
        check_line(line, columns, record.where_);
        text.text.l = 0;
        if (kputsn(line.data(), line.size(), &text.text) < 0) throw std::bad_alloc();
        bcf_clear(record.record_.get());
        if (vcf_parse(&text.text, hdr(), record.record_.get()) != 0) bad(record.where_, "not a VCF record that htslib can parse");
        return true;
    }

    bool next_bcf(VcfRecord& record) {
        const int status = bcf_read(file.get(), hdr(), record.record_.get());
        record.where_ = name + ": record " + std::to_string(records + 1);
        if (status == -1) return false;
        if (status < 0) bad(record.where_, "corrupt or truncated BCF");
        const bcf1_t& r = *record.record_;
        const char* contig = bcf_hdr_id2name(hdr(), r.rid);
        if (contig == nullptr) bad(record.where_, "its contig is not in the header");
        record.where_ += " (" + std::string(contig) + ":" + std::to_string(r.pos + 1) + ")";
        if (r.pos < -1 || r.pos >= kMaxPosition) bad(record.where_, "its position is out of range");
        return true;
    }

    void check_end() {
        const BGZF* bgzf = file->is_bgzf ? file->fp.bgzf : nullptr;
        if (bgzf != nullptr && bgzf->errcode != 0) bad(name, "corrupt or truncated compressed data");
        if (bgzf != nullptr && bgzf->no_eof_block != 0)
            bad(name, "no end-of-file block: truncated; if it is whole, recompress it with bgzip");
        if (hts_close(file.release()) != 0) bad(name, "corrupt or truncated: closing it failed");
    }
};

VcfReader::VcfReader(const std::string& path) : impl_(std::make_unique<Impl>()) { impl_->open(path); }
VcfReader::~VcfReader() = default;
VcfReader::VcfReader(VcfReader&&) noexcept = default;

VcfHeader& VcfReader::header() { return impl_->header; }

bool VcfReader::unterminated() const { return impl_->lines && impl_->lines->unterminated(); }

bool VcfReader::next(VcfRecord& record) {
    Impl& s = *impl_;
    if (!s.file) return false;
    if (!(s.lines ? s.next_text(record) : s.next_bcf(record))) {
        s.check_end();
        return false;
    }
    ++s.records;
    bcf1_t* r = record.record_.get();
    const int fatal = BCF_ERR_NCOLS | BCF_ERR_LIMITS | BCF_ERR_CHAR | BCF_ERR_CTG_INVALID | BCF_ERR_TAG_INVALID;
    if ((r->errcode & fatal) != 0) bad(record.where_, describe(r->errcode));
    record.undefined_tags_ = (r->errcode & BCF_ERR_TAG_UNDEF) != 0;
    // VCF text may use what its header does not define (bcftools warns); only BCF cannot hold it.
    r->errcode = 0;
    if (bcf_unpack(r, BCF_UN_STR) != 0 || r->n_allele == 0) bad(record.where_, "its alleles cannot be unpacked");
    const char* contig = bcf_hdr_id2name(s.hdr(), r->rid);
    if (contig == nullptr) bad(record.where_, "its contig has no name");
    record.contig_ = contig;
    return true;
}

}  // namespace regkit
