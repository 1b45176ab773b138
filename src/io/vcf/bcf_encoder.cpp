// From a line of text to a BCF record and back again: htslib parses the line, the record is printed, and the
// print is held against the line, because htslib changes what it cannot hold without a word. Each difference
// is an error, or with --lossy a warning. Contigs are numbered here and not by htslib, which would take
// seconds for a million of them.
#include "io/vcf/bcf_encoder.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "io/vcf/bcf_header.hpp"
#include "io/vcf/bcf_record.hpp"
#include "io/vcf/vcf_line_fields.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/number.hpp"

namespace regkit {
namespace {

constexpr std::size_t kShown = 40;
constexpr std::string_view kEnd = "END=";
constexpr std::string_view kPass = "##FILTER=<ID=PASS,Description=\"All filters passed\">";
constexpr std::string_view kMagic{"BCF\2\2", 5};
constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kNumberBytes = 14;  // ",IDX=" and some digits
// Every record is on this contig while htslib parses it: see number_lines.
constexpr std::string_view kStandIn = "1", kStandInLine = "##contig=<ID=1>\n";
constexpr const char* kRefusal = "its header cannot be that of a BCF (a sample twice?); write VCF";

std::string_view without_contig(std::string_view line) {
    return line.substr(std::min(line.size(), line.find('\t')));
}

// A definition's number goes before the bracket that closes its line. What lies behind that goes: tell_header
// tells of it.
std::string closed_line(std::string_view line) {
    const std::size_t length = structured_length(line);
    return std::string(line.substr(0, length)) + (length == std::string_view::npos ? ">" : "");
}

// htslib counts the bases of such a record by REF, and END goes for nothing.
bool ends_before_it_begins(std::string_view line) {
    const VcfLineFields fields(line, 0);
    const auto position = parse_int(fields.fixed[1], 0, INT64_MAX);
    return std::any_of(fields.info.begin(), fields.info.end(), [&](std::string_view field) {
        if (!field.starts_with(kEnd)) return false;
        const auto end = parse_int(field.substr(kEnd.size()), INT64_MIN, INT64_MAX);
        return end && position && *end < *position;
    });
}

}  // namespace

BcfEncoder::BcfEncoder(std::shared_ptr<const VcfHeader::State> header, Log* log, bool lossy)
    : state_(std::move(header)), log_(log), lossy_(lossy) {
    if (state_->bcf) {
        number_lines(state_->bcf.get());
        for (const std::string& id : state_->removed)
            if (const int key = bcf_hdr_id2int(state_->bcf.get(), BCF_DT_ID, id.c_str()); key >= 0)
                removed_.insert(key);
        return;
    }
    const bool odd_contigs = number_lines(nullptr);
    drop_untaken();
    HtsHeader whole;
    if (odd_contigs) {
        whole = parse_bcf_header(bytes_.data() + kMagic.size() + kLengthBytes, *state_->source, kRefusal);
        number_as(*whole);
    }
    if (log_ != nullptr) tell_header(whole ? *whole : *header_, state_->lines, *state_->source, *log_);
}

// Writes the number of each name behind it, as htslib does: those of `base`, if any, stay, new ones follow.
// htslib would take seconds for the lines of a million contigs. It gets the others, and one contig that
// stands for all: what it makes of a plain line is known. Returns whether there are lines of contigs that are
// not plain.
bool BcfEncoder::number_lines(const bcf_hdr_t* base) {
    const std::size_t count = state_->lines.size() + state_->added.size();
    std::unordered_map<std::string, int> fresh{{"PASS", 0}};
    int next = base != nullptr ? base->n[BCF_DT_ID] : 1,
        next_contig = base != nullptr ? base->n[BCF_DT_CTG] : 0;
    const bool numbered = base == nullptr && state_->plain_contigs;  // as the header has them in contig_at
    contigs_.reserve(base != nullptr ? 0 : numbered ? state_->added.size() : count);
    const auto number_of = [&](std::string_view kind, std::string&& id) {
        const bool contig = kind == "contig";
        if (!contig) (kind == "INFO" ? info_ : kind == "FILTER" ? filters_ : formats_).insert(id);
        const int number =
            base != nullptr ? bcf_hdr_id2int(base, contig ? BCF_DT_CTG : BCF_DT_ID, id.c_str()) : -1;
        if (number >= 0) return number;
        if (const auto known = contig && numbered ? contig_number(id) : std::nullopt) return *known;
        int& first_free = contig ? next_contig : next;
        const auto [found, added] =
            contig ? contigs_.emplace(std::move(id), first_free) : fresh.emplace(std::move(id), first_free);
        first_free += added;
        return found->second;
    };
    bytes_.reserve(kMagic.size() + kLengthBytes + state_->bytes() + kNumberBytes * count);
    bytes_ = kMagic;
    bytes_.append(kLengthBytes, '\0');
    std::string known;  // to htslib
    bool odd_contigs = false;
    const auto add = [&](std::string_view line, bool of_input) {
        if (line.ends_with('\r')) line.remove_suffix(1);
        const std::size_t begin = bytes_.size();
        const auto plain = plain_contig(line);
        const std::string_view kind = plain ? "contig" : header_line_kind(line);
        std::string closed;
        std::optional<std::string> id;
        if (plain) {
            id = plain->id;
        } else if (is_definition(kind)) {
            line = closed = closed_line(line);
            id = header_line_value(line, "ID");
        }
        if (id) {
            const int number =
                numbered && plain && of_input ? next_contig++ : number_of(kind, std::move(*id));
            line.remove_suffix(1);
            (((bytes_ += line) += ",IDX=") += std::to_string(number)) += ">\n";
        } else {
            (bytes_ += line) += '\n';
        }
        if (kind == "contig")
            odd_contigs = odd_contigs || !plain;
        else
            known += std::string_view(bytes_).substr(begin);
    };
    bool pass = false;
    for (const std::string& line : state_->lines)
        pass = pass || (header_line_kind(line) == "FILTER" && header_line_value(line, "ID") == "PASS");
    for (std::size_t i = 0; i < state_->lines.size(); ++i) {
        add(state_->lines[i], true);
        if (i == 0 && !pass) add(kPass, false);
    }
    for (const std::string& line : state_->added) add(line, false);
    for (std::string* text : {&bytes_, &known}) {
        if (text == &known) known += kStandInLine;
        (*text += state_->columns) += '\n';
    }
    bytes_ += '\0';
    const std::size_t size = bytes_.size() - kMagic.size() - kLengthBytes;
    require(size <= std::numeric_limits<std::uint32_t>::max(), ErrorKind::input,
            *state_->source + ": its header is too long for BCF; write VCF");
    for (std::size_t i = 0; i < kLengthBytes; ++i)
        bytes_[kMagic.size() + i] = static_cast<char>((size >> (8 * i)) & 0xFF);
    header_ = parse_bcf_header(known.data(), *state_->source, kRefusal);
    return odd_contigs;
}

std::optional<int> BcfEncoder::contig_number(std::string_view name) const {
    if (const auto found = contigs_.find(name); found != contigs_.end()) return found->second;
    if (!state_->plain_contigs) return std::nullopt;
    const auto found = state_->contig_at.find(name);
    return found != state_->contig_at.end() ? std::optional(static_cast<int>(found->second)) : std::nullopt;
}

// htslib would make up a definition of what it drops here, and the file's readers, which drop it too, would
// have none.
void BcfEncoder::drop_untaken() {
    const auto drop = [&](TextSet& names, const char* kind) {
        std::erase_if(names, [&](const std::string& name) { return !defines(*header_, kind, name); });
    };
    drop(info_, "INFO");
    drop(filters_, "FILTER");
    drop(formats_, "FORMAT");
}

// As the file's readers will: without the contigs whose lines they drop, by the numbers that a line brought
// along.
void BcfEncoder::number_as(const bcf_hdr_t& whole) {
    for (auto& [name, number] : contigs_) number = bcf_hdr_name2id(&whole, name.c_str());
    std::erase_if(contigs_, [](const auto& contig) { return contig.second < 0; });
}

void BcfEncoder::lose(const std::string& where, const std::string& what) const {
    require(lossy_, ErrorKind::input, where + ": BCF cannot hold " + what + "; write VCF, or give --lossy");
    if (log_ != nullptr) log_->warn("lossy", where + ": BCF cannot hold " + what);
}

std::string BcfEncoder::only_defined(std::string_view line, const std::string& where) const {
    VcfLineFields fields(line, 0);
    const auto undefined = [](const TextSet& names, std::string_view name) {
        return name != "." && name != "PASS" && !names.contains(name.substr(0, name.find('=')));
    };
    const auto any = [&](const TextSet& names, const std::vector<std::string_view>& used) {
        return std::any_of(used.begin(), used.end(),
                           [&](std::string_view name) { return undefined(names, name); });
    };
    if (!any(filters_, fields.filters) && !any(info_, fields.info) && !any(formats_, fields.format))
        return {};
    fields = VcfLineFields(line);
    const auto drop = [&](const char* column, const TextSet& names, std::string_view name) {
        if (!undefined(names, name)) return false;
        lose(where, column + std::string(name.substr(0, name.find('='))) +
                        ", which the header does not define (bcftools reheader can)");
        return true;
    };
    std::erase_if(fields.filters, [&](std::string_view name) { return drop("FILTER ", filters_, name); });
    std::erase_if(fields.info, [&](std::string_view name) { return drop("INFO/", info_, name); });
    for (std::size_t k = fields.format.size(); k-- > 0;)
        if (drop("FORMAT/", formats_, fields.format[k])) fields.remove_format(k);
    return fields.text();
}

bool BcfEncoder::try_parse(std::string_view line, bcf1_t& record) {
    line = without_contig(line);
    line_.text.l = 0;
    if (kputsn(kStandIn.data(), kStandIn.size(), &line_.text) < 0 ||
        kputsn(line.data(), line.size(), &line_.text) < 0)
        throw std::bad_alloc();
    bcf_clear(&record);
    errno = 0;
    const int parsed = vcf_parse(&line_.text, header_.get(), &record);
    if (errno == ENOMEM) throw std::bad_alloc();
    return parsed == 0;
}

// htslib cannot parse the line: without the first key of FORMAT that is to blame.
std::string BcfEncoder::without_bad_format(std::string_view line, const std::string& where, bcf1_t& scratch) {
    VcfLineFields fields(line);
    for (std::size_t k = 0; k < fields.format.size(); ++k) {
        if (try_parse(fields.text_with_only(k), scratch)) continue;
        const bool some = !fields.samples.empty() && k < fields.samples[0].size();
        lose(where, "FORMAT/" + std::string(fields.format[k]) +
                        (some ? " '" + std::string(fields.samples[0][k].substr(0, kShown)) + "'" : "") +
                        ", which htslib cannot parse");
        fields.remove_format(k);
        return fields.text();
    }
    throw Error(ErrorKind::input,
                where + ": htslib cannot parse the record, so it cannot become BCF; write VCF");
}

void BcfEncoder::parse(std::string_view line, const std::string& where, bcf1_t& record) {
    const std::string_view contig = line.substr(0, line.find('\t'));
    const std::optional<int> number = contig_number(contig);
    require(number.has_value(), ErrorKind::input,
            where +
                ": a contig that the header does not define, which BCF cannot hold; write VCF or complete "
                "the header (bcftools reheader -f REF.fai)");
    std::string kept = only_defined(line, where);
    if (!kept.empty()) line = kept;
    while (!try_parse(line, record)) {
        std::string less = without_bad_format(line, where, record);
        kept.swap(less);
        line = kept;
    }
    const int fatal = BCF_ERR_CTG_UNDEF | BCF_ERR_TAG_UNDEF | BCF_ERR_NCOLS | BCF_ERR_LIMITS | BCF_ERR_CHAR |
                      BCF_ERR_CTG_INVALID | BCF_ERR_TAG_INVALID;
    require((record.errcode & fatal) == 0 && record.pos < INT32_MAX, ErrorKind::input,
            where + ": a position, value or name that BCF cannot hold; write VCF");
    print_bcf_record(*header_, record, printed_, where);
    record.rid = *number;
    if (log_ != nullptr && line.find(kEnd) != std::string_view::npos && ends_before_it_begins(line))
        log_->warn(
            "end",
            where + ": INFO/END is smaller than POS; BCF, which stores the length too, takes that of REF");
    std::string_view printed = without_contig(printed_.view());
    if (printed.ends_with('\n')) printed.remove_suffix(1);
    if (printed == without_contig(line)) return;
    for (const std::string& difference : differences(line, std::string(contig) + std::string(printed)))
        lose(where, difference);
}

int BcfEncoder::key_of(const std::string& id) const {
    const int key = bcf_hdr_id2int(header_.get(), BCF_DT_ID, id.c_str());
    if (key < 0) throw std::logic_error("INFO/" + id + " is not defined");
    return key;
}

int BcfEncoder::edit(bcf1_t& record, std::span<const InfoField> fields, const std::string& where) {
    keys_.clear();
    for (const InfoField& field : fields) keys_.push_back(key_of(field.id));
    return edit_bcf_info(record, removed_, fields, keys_,
                         [&](const char* why) { throw Error(ErrorKind::input, where + ": " + why); });
}

}  // namespace regkit
