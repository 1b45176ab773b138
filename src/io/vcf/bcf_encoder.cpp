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

namespace regkit {
namespace {

constexpr std::size_t kShown = 40;
constexpr std::string_view kPass = "##FILTER=<ID=PASS,Description=\"All filters passed\">";

// Which dictionary the ID of a line of this kind belongs to; -1 for lines without a number.
int dictionary_of(std::string_view kind) {
    if (kind == "contig") return BCF_DT_CTG;
    return kind == "INFO" || kind == "FILTER" || kind == "FORMAT" ? BCF_DT_ID : -1;
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
    number_lines(nullptr);
    drop_untaken();
    if (log_ != nullptr) tell_untaken(*header_, state_->lines, *state_->source, *log_);
}

// Writes the number of each name behind it, as htslib does: those of `base`, if any, stay, new ones follow.
void BcfEncoder::number_lines(const bcf_hdr_t* base) {
    int next[] = {base != nullptr ? base->n[BCF_DT_ID] : 1, base != nullptr ? base->n[BCF_DT_CTG] : 0};
    std::unordered_map<std::string, int> fresh[2];
    fresh[BCF_DT_ID].emplace("PASS", 0);
    fresh[BCF_DT_CTG].reserve(state_->lines.size() + state_->added.size());
    std::string text;
    const auto add = [&](std::string_view line) {
        if (line.ends_with('\r')) line.remove_suffix(1);
        const int dictionary = dictionary_of(header_line_kind(line));
        const auto id = dictionary >= 0 && line.ends_with('>') ? header_line_value(line, "ID") : std::nullopt;
        if (!id) {
            (text += line) += '\n';
            return;
        }
        const std::string_view kind = header_line_kind(line);
        (kind == "INFO"     ? info_
         : kind == "FILTER" ? filters_
         : kind == "FORMAT" ? formats_
                            : contigs_)
            .insert(*id);
        int number = base != nullptr ? bcf_hdr_id2int(base, dictionary, id->c_str()) : -1;
        if (number < 0) {
            const auto [found, added] = fresh[dictionary].emplace(*id, next[dictionary]);
            if (added) ++next[dictionary];
            number = found->second;
        }
        line.remove_suffix(1);
        (((text += line) += ",IDX=") += std::to_string(number)) += ">\n";
    };
    bool pass = false;
    for (const std::string& line : state_->lines)
        pass = pass || (header_line_kind(line) == "FILTER" && header_line_value(line, "ID") == "PASS");
    for (std::size_t i = 0; i < state_->lines.size(); ++i) {
        add(state_->lines[i]);
        if (i == 0 && !pass) add(kPass);
    }
    for (const std::string& line : state_->added) add(line);
    (text += state_->columns) += '\n';
    require(text.size() < std::numeric_limits<std::uint32_t>::max(), ErrorKind::input,
            *state_->source + ": its header is too long for BCF; write VCF");
    const std::size_t size = text.size() + 1;
    bytes_.assign("BCF\2\2", 5);
    for (int i = 0; i < 4; ++i) bytes_ += static_cast<char>((size >> (8 * i)) & 0xFF);
    (bytes_ += text) += '\0';
    header_ = parse_bcf_header(text, *state_->source,
                               "its header cannot be that of a BCF (a sample twice?); write VCF");
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
    drop(contigs_, "contig");
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
    line_.text.l = 0;
    if (kputsn(line.data(), line.size(), &line_.text) < 0) throw std::bad_alloc();
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
    require(contigs_.contains(line.substr(0, line.find('\t'))), ErrorKind::input,
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
    std::string_view printed = printed_.view();
    if (printed.ends_with('\n')) printed.remove_suffix(1);
    if (printed == line) return;
    for (const std::string& difference : differences(line, printed)) lose(where, difference);
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
