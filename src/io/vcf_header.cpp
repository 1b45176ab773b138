#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>

#include "base/error.hpp"
#include "io/vcf.hpp"
#include "io/vcf_state.hpp"

namespace regkit {
namespace {

void check(bool ok, const std::string& source, const std::string& what) {
    require(ok, ErrorKind::resource, source + ": cannot " + what);
}

// VCF 4.3, section 1.2: these cannot stand in the value of an INFO field.
std::string percent_encoded(const std::string& text) {
    std::string out;
    for (const char c : text) {
        if (static_cast<unsigned char>(c) <= ' ' || c == ',' || c == ';' || c == '=' || c == '%') {
            char hex[4];
            std::snprintf(hex, sizeof hex, "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
            out += hex;
        } else {
            out += c;
        }
    }
    return out;
}

}  // namespace

const std::vector<Contig>& VcfHeader::contigs() const { return state_->contigs; }

bool VcfHeader::has_line(const std::string& key) const {
    return bcf_hdr_get_hrec(state_->header.get(), BCF_HL_GEN, key.c_str(), nullptr, nullptr) != nullptr;
}

void VcfHeader::add_line(const std::string& text) {
    bcf_hdr_t* header = state_->header.get();
    check(bcf_hdr_append(header, text.c_str()) == 0 && bcf_hdr_sync(header) == 0, state_->source,
          "add the header line " + text);
}

void VcfHeader::add_contig(const Contig& contig) {
    add_line("##contig=<ID=" + contig.name + ",length=" + std::to_string(contig.length) + ">");
    state_->contigs.push_back(contig);
}

void VcfHeader::define_info(const std::string& id, const std::string& number, const std::string& type,
                            const std::string& description) {
    // htslib keeps the first definition of an ID: a declared one goes before its replacement comes.
    bcf_hdr_remove(state_->header.get(), BCF_HL_INFO, id.c_str());
    add_line("##INFO=<ID=" + id + ",Number=" + number + ",Type=" + type + ",Description=\"" + description + "\">");
    state_->defined.push_back(id);
}

std::vector<std::string> VcfHeader::drop_info(const std::string& prefix) {
    const bcf_hdr_t* header = state_->header.get();
    std::vector<std::string> names;
    for (int i = 0; i < header->nhrec; ++i) {
        if (header->hrec[i]->type != BCF_HL_INFO) continue;
        const int key = bcf_hrec_find_key(header->hrec[i], "ID");
        if (key < 0) continue;
        const std::string id = header->hrec[i]->vals[key];
        if (id.starts_with(prefix)) names.push_back(id);
    }
    state_->dropped.insert(state_->dropped.end(), names.begin(), names.end());
    return names;
}

int VcfHeader::strip_info(VcfRecord& record) const {
    bcf_hdr_t* header = state_->header.get();
    int stripped = 0;
    for (const std::string& id : state_->dropped) {
        if (bcf_get_info(header, record.record_.get(), id.c_str()) == nullptr) continue;
        check(bcf_update_info(header, record.record_.get(), id.c_str(), nullptr, 0, BCF_HT_STR) == 0, record.where(),
              "remove INFO/" + id);
        ++stripped;
    }
    return stripped;
}

void VcfHeader::set_info(VcfRecord& record, const std::string& id, std::span<const float> values) const {
    std::vector<float> copy(values.begin(), values.end());
    for (float& value : copy)
        if (std::isnan(value)) bcf_float_set_missing(value);
    check(bcf_update_info_float(state_->header.get(), record.record_.get(), id.c_str(), copy.data(),
                                static_cast<int>(copy.size())) == 0,
          record.where(), "set INFO/" + id);
}

void VcfHeader::set_info(VcfRecord& record, const std::string& id, std::span<const std::string> values) const {
    std::string joined;
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (i > 0) joined += ',';
        joined += percent_encoded(values[i]);
    }
    check(bcf_update_info_string(state_->header.get(), record.record_.get(), id.c_str(), joined.c_str()) == 0,
          record.where(), "set INFO/" + id);
}

}  // namespace regkit
