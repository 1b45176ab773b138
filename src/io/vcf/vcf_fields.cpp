// INFO as text: numbers with six digits, as VCF programs write them, texts with what VCF reserves
// percent-encoded, and fields found and taken out by their key between semicolons. What remains of a column
// is copied, never parsed and printed again.
#include <charconv>
#include <cmath>
#include <cstdio>

#include "io/vcf/vcf.hpp"
#include "io/vcf/vcf_state.hpp"

namespace regkit {
namespace {

constexpr int kDigits = 6;

// VCF 4.3, section 1.2: these cannot stand in the value of an INFO field.
void append_percent_encoded(std::string& out, const std::string& text, char other = '%') {
    for (const char c : text) {
        if (static_cast<unsigned char>(c) <= ' ' || c == ',' || c == ';' || c == '=' || c == '%' ||
            c == other) {
            char hex[4];
            std::snprintf(hex, sizeof hex, "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
            out += hex;
        } else {
            out += c;
        }
    }
}

std::string_view key_of(std::string_view field) {
    return field.substr(0, field.find('='));
}

}  // namespace

void append_vcf_number(std::string& text, float value) {
    if (std::isnan(value)) {
        text += '.';
        return;
    }
    char digits[32];
    text.append(
        digits,
        std::to_chars(digits, digits + sizeof digits, value, std::chars_format::general, kDigits).ptr);
}

void append_value(std::string& text, const InfoField& field) {
    for (std::size_t i = 0; i < field.numbers.size(); ++i) {
        if (i > 0) text += ',';
        append_vcf_number(text, field.numbers[i]);
    }
    if (!field.numbers.empty()) return;
    for (std::size_t i = 0; i < field.texts.size(); ++i) {
        if (i > 0) text += ',';
        append_percent_encoded(text, field.texts[i]);
    }
    if (!field.texts.empty()) return;
    for (std::size_t i = 0; i < field.integers.size(); ++i) {
        if (i > 0) text += ',';
        text += field.integers[i] == InfoField::kMissingInteger ? "." : std::to_string(field.integers[i]);
    }
    for (std::size_t i = 0; i < field.lists.size(); ++i) {
        if (i > 0) text += ',';
        if (field.lists[i].empty()) text += '.';
        for (std::size_t part = 0; part < field.lists[i].size(); ++part) {
            if (part > 0) text += '|';
            append_percent_encoded(text, field.lists[i][part], '|');
        }
    }
}

void append_fields(std::string& text, std::span<const InfoField> fields) {
    for (std::size_t i = 0; i < fields.size(); ++i) {
        if (i > 0) text += ';';
        (text += fields[i].id) += '=';
        append_value(text, fields[i]);
    }
}

bool has_field(std::string_view info, std::string_view id) {
    for (std::size_t at = info.find(id); at != std::string_view::npos; at = info.find(id, at + 1)) {
        const bool begins = at == 0 || info[at - 1] == ';';
        const std::size_t end = at + id.size();
        if (begins && (end == info.size() || info[end] == '=' || info[end] == ';')) return true;
    }
    return false;
}

std::string without_fields(std::string_view info, const TextSet& removed, int& count) {
    std::string kept;
    kept.reserve(info.size());
    bool first = true;
    for (;;) {
        const auto end = info.find(';');
        const std::string_view field = info.substr(0, end);
        if (removed.contains(key_of(field))) {
            ++count;
        } else {
            if (!first) kept += ';';
            kept += field;
            first = false;
        }
        if (end == std::string_view::npos) return kept;
        info.remove_prefix(end + 1);
    }
}

}  // namespace regkit
