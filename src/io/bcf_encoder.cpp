#include "io/bcf_encoder.hpp"

#include <cerrno>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "base/error.hpp"
#include "io/bcf_record.hpp"

namespace regkit {
namespace {

constexpr std::string_view kPass = "##FILTER=<ID=PASS,Description=\"All filters passed\">";

HtsHeader parse_header(std::string& text, const std::string& source) {
    const HtsWarnings warnings;
    HtsHeader header(bcf_hdr_init("r"));
    if (!header) throw std::bad_alloc();
    errno = 0;
    const int parsed = bcf_hdr_parse(header.get(), text.data());
    if (parsed != 0 && errno == ENOMEM) throw std::bad_alloc();
    require(parsed == 0, ErrorKind::input,
            source + ": its header cannot be that of a BCF (a sample twice?); write VCF");
    return header;
}

// Which dictionary the ID of a line of this kind belongs to; -1 for lines without a number.
int dictionary_of(std::string_view kind) {
    if (kind == "contig") return BCF_DT_CTG;
    return kind == "INFO" || kind == "FILTER" || kind == "FORMAT" ? BCF_DT_ID : -1;
}

}  // namespace

BcfEncoder::BcfEncoder(std::shared_ptr<const VcfHeader::State> header) : state_(std::move(header)) {
    if (state_->bcf) {
        number_lines(*state_->bcf);
        for (const std::string& id : state_->removed)
            if (const int key = bcf_hdr_id2int(state_->bcf.get(), BCF_DT_ID, id.c_str()); key >= 0)
                removed_.insert(key);
    } else {
        std::string text = state_->text();
        number_lines(*parse_header(text, *state_->source));
    }
}

// Writes the number of each name behind it, as htslib does: those of `base` stay, new ones follow.
void BcfEncoder::number_lines(const bcf_hdr_t& base) {
    int next[] = {base.n[BCF_DT_ID], base.n[BCF_DT_CTG]};
    std::unordered_map<std::string, int> fresh[2];
    std::string text;
    const auto add = [&](std::string_view line) {
        if (line.ends_with('\r')) line.remove_suffix(1);
        const int dictionary = dictionary_of(header_line_kind(line));
        const auto id = dictionary >= 0 && line.ends_with('>') ? header_line_value(line, "ID") : std::nullopt;
        if (!id) {
            (text += line) += '\n';
            return;
        }
        int number = bcf_hdr_id2int(&base, dictionary, id->c_str());
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
    header_ = parse_header(text, *state_->source);
    defined_ = header_->n[BCF_DT_ID];
    contigs_ = header_->n[BCF_DT_CTG];
}

void BcfEncoder::parse(std::string_view line, const std::string& where, bcf1_t& record) {
    line_.text.l = 0;
    if (kputsn(line.data(), line.size(), &line_.text) < 0) throw std::bad_alloc();
    bcf_clear(&record);
    const HtsWarnings warnings;
    errno = 0;
    const int parsed = vcf_parse(&line_.text, header_.get(), &record);
    if (errno == ENOMEM) throw std::bad_alloc();
    require(parsed == 0, ErrorKind::input,
            where + ": not a record that htslib can parse, so it cannot become BCF; write VCF");
    require(record.rid < contigs_, ErrorKind::input,
            where +
                ": a contig that the header does not define, which BCF cannot hold; "
                "write VCF or complete the header (bcftools reheader -f REF.fai)");
    const int fatal =
        BCF_ERR_NCOLS | BCF_ERR_LIMITS | BCF_ERR_CHAR | BCF_ERR_CTG_INVALID | BCF_ERR_TAG_INVALID;
    require((record.errcode & fatal) == 0, ErrorKind::input,
            where + ": a value or a name that BCF cannot hold; write VCF");
    require((record.errcode & BCF_ERR_TAG_UNDEF) == 0 && header_->n[BCF_DT_ID] == defined_, ErrorKind::input,
            where +
                ": an INFO, FILTER or FORMAT tag that the header does not define, which BCF cannot hold; "
                "write VCF or complete the header (bcftools reheader)");
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
