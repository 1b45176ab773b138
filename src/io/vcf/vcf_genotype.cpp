// GT and PS of one sample. Of text they are looked for between tabs and colons, of BCF among its typed
// values; samples beside it are passed over.
#include <algorithm>
#include <optional>

#include "base/text.hpp"
#include "io/vcf/bcf_record.hpp"
#include "io/vcf/vcf.hpp"
#include "io/vcf/vcf_state.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/number.hpp"

namespace regkit {
namespace {

constexpr std::size_t kFormatColumn = 8;

std::string_view piece(std::string_view text, char separator, std::size_t number) {
    for (; number > 0; --number) {
        const std::size_t at = text.find(separator);
        if (at == std::string_view::npos) return {};
        text.remove_prefix(at + 1);
    }
    return text.substr(0, text.find(separator));
}

// Which of the keys of FORMAT it is.
std::optional<std::size_t> number_of(std::string_view keys, std::string_view key) {
    for (std::size_t number = 0;; ++number) {
        const std::size_t end = keys.find(':');
        if (keys.substr(0, end) == key) return number;
        if (end == std::string_view::npos) return std::nullopt;
        keys.remove_prefix(end + 1);
    }
}

// "0|1"; VCF 4.4 may have a separator before the first allele too. False for what is no genotype.
bool parse_genotype(std::string_view text, Genotype& genotype) {
    genotype.phased = true;
    if (!text.empty() && (text.front() == '|' || text.front() == '/')) text.remove_prefix(1);
    for (;;) {
        const std::size_t end = text.find_first_of("|/");
        const std::string_view allele = text.substr(0, end);
        const auto number = parse_int(allele, 0, INT32_MAX);
        if (!number && allele != ".") return false;
        genotype.alleles.push_back(number ? static_cast<int>(*number) : Genotype::kMissing);
        if (end == std::string_view::npos) return true;
        if (text[end] == '/') genotype.phased = false;
        text.remove_prefix(end + 1);
    }
}

bool read_text_genotype(const VcfRecord& record, std::string_view line, std::size_t sample,
                        Genotype& genotype) {
    genotype = {};
    const std::string_view keys = piece(line, '\t', kFormatColumn);
    const auto gt = number_of(keys, "GT");
    if (!gt) return false;
    const std::string_view values = piece(line, '\t', kFormatColumn + 1 + sample);
    const std::string_view text = piece(values, ':', *gt);
    if (text.empty()) return false;
    require(parse_genotype(text, genotype), ErrorKind::input,
            record.where() + ": GT " + quoted(std::string(text)) + " is not a genotype");
    if (const auto ps = number_of(keys, "PS")) genotype.phase_set = piece(values, ':', *ps);
    if (genotype.phase_set == ".") genotype.phase_set.clear();
    return true;
}

}  // namespace

std::vector<std::string> VcfHeader::samples() const {
    std::vector<std::string> names;
    std::string_view rest = state_->columns;
    for (std::size_t column = 0;; ++column) {
        const std::size_t tab = rest.find('\t');
        if (column > kFormatColumn) names.emplace_back(rest.substr(0, tab));
        if (tab == std::string_view::npos) return names;
        rest.remove_prefix(tab + 1);
    }
}

bool VcfHeader::genotype(const VcfRecord& record, std::size_t sample, Genotype& genotype) const {
    genotype = {};
    const auto bad = [&](const char* why) {
        throw Error(ErrorKind::input, record.where() + ": corrupt BCF: " + why);
    };
    bool found = false;
    if (record.record_) {
        const auto key = [&](const char* name) {
            const int id = bcf_hdr_id2int(state_->bcf.get(), BCF_DT_ID, name);
            return id >= 0 && bcf_hdr_idinfo_exists(state_->bcf.get(), BCF_HL_FMT, id) ? id : -1;
        };
        found = read_bcf_genotype(*record.record_, key("GT"), key("PS"), sample, bad, genotype);
    } else {
        found = read_text_genotype(record, record.text(), sample, genotype);
    }
    for (const int allele : genotype.alleles)
        require(allele <= record.alts(), ErrorKind::input,
                record.where() + ": a genotype has allele " + std::to_string(allele) + ", and the record " +
                    counted(record.alts(), "ALT") + " only");
    return found;
}

}  // namespace regkit
