// The header is kept as the lines that it came in; a question is answered by parsing the line that it
// concerns, and changes add or remove whole lines, so that all others leave as they came. A line ends where
// it ends for htslib, and a comma belongs to a value unless a key follows, since names of contigs hold
// commas. Plain contig lines have a fast way of their own, as there may be a million.
#include <algorithm>
#include <cctype>

#include "io/vcf/vcf.hpp"
#include "io/vcf/vcf_state.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/number.hpp"

namespace regkit {
namespace {

bool is_key_character(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.';
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// "key=" lies at the beginning of `text`; its length with the "=", 0 where there is none.
std::size_t key_length(std::string_view text) {
    std::size_t length = 0;
    while (length < text.size() && is_key_character(text[length])) ++length;
    return length > 0 && length < text.size() && text[length] == '=' ? length + 1 : 0;
}

std::string_view without_end(std::string_view line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

// The end of a value that begins at the beginning of `text`: the comma before the next key, or the closing
// bracket.
std::size_t value_length(std::string_view text) {
    if (text.starts_with('"')) {
        std::size_t at = 1;
        while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
        return std::min(at + 1, text.size());
    }
    for (std::size_t at = 0; at < text.size(); ++at)
        if (text[at] == ',' && key_length(text.substr(at + 1)) > 0) return at;
    return text.ends_with('>') ? text.size() - 1 : text.size();
}

std::string unquoted(std::string_view value) {
    if (!value.starts_with('"')) return std::string(value);
    value.remove_prefix(1);
    if (value.ends_with('"')) value.remove_suffix(1);
    std::string text;
    for (std::size_t i = 0; i < value.size(); ++i) {
        if (value[i] == '\\' && i + 1 < value.size()) ++i;
        text += value[i];
    }
    return text;
}

std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + "\"";
}

}  // namespace

std::string_view header_line_kind(std::string_view line) {
    if (!line.starts_with("##")) return {};
    line.remove_prefix(2);
    const auto equals = line.find('=');
    if (equals == std::string_view::npos || equals + 1 >= line.size() || line[equals + 1] != '<') return {};
    return line.substr(0, equals);
}

std::size_t structured_length(std::string_view line) {
    const auto first = line.find('<');
    if (first == std::string_view::npos) return first;
    int open = 1;
    for (std::size_t at = first + 1; at < line.size(); ++at) {
        if (line[at] == '"' && line[at - 1] == '=') {
            at += value_length(line.substr(at)) - 1;
        } else if (line[at] == '<') {
            ++open;
        } else if (line[at] == '>' && --open == 0) {
            return at + 1;
        }
    }
    return std::string_view::npos;
}

std::optional<std::string> header_line_value(std::string_view line, std::string_view key) {
    line = without_end(line);
    const auto open = line.find('<');
    if (open == std::string_view::npos) return std::nullopt;
    line.remove_prefix(open + 1);
    while (!line.empty()) {
        while (line.starts_with(',') || line.starts_with(' ')) line.remove_prefix(1);
        const std::size_t length = key_length(line);
        if (length == 0) return std::nullopt;
        const std::string_view name = line.substr(0, length - 1);
        line.remove_prefix(length);
        const std::size_t value = value_length(line);
        if (name == key) return unquoted(line.substr(0, value));
        line.remove_prefix(value);
    }
    return std::nullopt;
}

bool is_contig_name(std::string_view name) {
    const auto allowed = [](char c) {
        return c > ' ' && c <= '~' && std::string_view("\\,\"`'()[]{}<>").find(c) == std::string_view::npos;
    };
    return !name.empty() && name[0] != '*' && name[0] != '=' &&
           std::all_of(name.begin(), name.end(), allowed);
}

std::optional<PlainContig> plain_contig(std::string_view line) {
    constexpr std::string_view kStart = "##contig=<", kEndOfBare = ",<>\"= \\";
    line = without_end(line);
    if (!line.starts_with(kStart) || !line.ends_with('>')) return std::nullopt;
    line = line.substr(kStart.size(), line.size() - kStart.size() - 1);
    PlainContig contig;
    for (;;) {
        const std::size_t length = key_length(line);
        if (length == 0 || is_digit(line[0]) || line[0] == '.') return std::nullopt;
        const std::string_view key = line.substr(0, length - 1);
        line.remove_prefix(length);
        const bool quotes = line.starts_with('"');
        if (quotes) line.remove_prefix(1);
        const auto end =
            std::min(line.size(), quotes ? line.find_first_of("\"\\") : line.find_first_of(kEndOfBare));
        const std::string_view value = line.substr(0, end);
        if (value.empty() || key == "IDX") return std::nullopt;
        if (key == "ID" || key == "length") {
            std::string_view& part = key == "ID" ? contig.id : contig.length;
            const bool digits = std::all_of(value.begin(), value.end(), is_digit);
            if (!part.empty() || quotes || (key == "length" && !digits)) return std::nullopt;
            part = value;
        }
        line.remove_prefix(end);
        if (quotes && !line.starts_with('"')) return std::nullopt;
        if (quotes) line.remove_prefix(1);
        if (line.empty()) break;
        if (!line.starts_with(',')) return std::nullopt;
        line.remove_prefix(1);
    }
    if (!is_contig_name(contig.id)) return std::nullopt;
    return contig;
}

void VcfHeader::State::read_contigs() {
    contig_at.reserve(lines.size());
    for (const std::string& line : lines) {
        if (const auto plain = plain_contig(line)) {
            const auto length = parse_int(plain->length, 0, INT64_MAX);
            if (contig_at.emplace(plain->id, contigs.size()).second)
                contigs.push_back({std::string(plain->id), length.value_or(0)});
            else
                plain_contigs = false;
            continue;
        }
        if (header_line_kind(line) != "contig") continue;
        plain_contigs = false;
        const auto name = header_line_value(line, "ID");
        if (!name || name->empty()) continue;
        const auto length = parse_int(header_line_value(line, "length").value_or(""), 0, INT64_MAX);
        if (contig_at.emplace(*name, contigs.size()).second) contigs.push_back({*name, length.value_or(0)});
    }
}

std::size_t VcfHeader::State::bytes() const {
    std::size_t size = columns.size() + line_end.size();
    for (const auto* part : {&lines, &added})
        for (const std::string& line : *part) size += line.size() + line_end.size() + 1;
    return size;
}

std::string VcfHeader::State::text() const {
    std::string whole;
    whole.reserve(bytes());
    for (const std::string& line : lines) (whole += line) += '\n';
    for (const std::string& line : added) (whole += line) += line_end;
    (whole += columns) += line_end;
    return whole;
}

const std::string& VcfHeader::source() const {
    return *state_->source;
}

const std::vector<Contig>& VcfHeader::contigs() const {
    return state_->contigs;
}

const Contig* VcfHeader::contig(std::string_view name) const {
    const auto found = state_->contig_at.find(name);
    return found == state_->contig_at.end() ? nullptr : &state_->contigs[found->second];
}

bool VcfHeader::has_line(const std::string& key) const {
    const std::string start = "##" + key + "=";
    return std::any_of(state_->lines.begin(), state_->lines.end(),
                       [&](const std::string& line) { return line.starts_with(start); });
}

std::vector<std::string> VcfHeader::values_of(const std::string& key) const {
    const std::string start = "##" + key + "=";
    std::vector<std::string> values;
    for (const std::string& line : state_->lines)
        if (line.starts_with(start)) values.push_back(line.substr(start.size()));
    return values;
}

std::string VcfHeader::value_behind(const std::string& behind, const std::string& key) const {
    const std::string first = "##" + behind + "=", start = "##" + key + "=";
    for (std::size_t i = 1; i < state_->lines.size(); ++i)
        if (state_->lines[i - 1].starts_with(first) && state_->lines[i].starts_with(start))
            return state_->lines[i].substr(start.size());
    return {};
}

bool VcfHeader::is_bcf() const {
    return state_->bcf != nullptr;
}

std::vector<InfoDefinition> VcfHeader::info_definitions() const {
    std::vector<InfoDefinition> definitions;
    for (const std::string& line : state_->lines) {
        if (header_line_kind(line) != "INFO") continue;
        const auto value = [&](const char* key) { return header_line_value(line, key).value_or(""); };
        definitions.push_back(
            {value("ID"), value("Number"), value("Type"), value("Description"), value("Source")});
    }
    return definitions;
}

void VcfHeader::add_line(const std::string& text) {
    state_->added.push_back(text);
}

void VcfHeader::add_contigs(const std::vector<Contig>& contigs) {
    // No index of them is kept: a reference may have a million.
    state_->added.reserve(state_->added.size() + contigs.size());
    for (const Contig& contig : contigs)
        if (can_list(contig.name))
            add_line("##contig=<ID=" + contig.name + ",length=" + std::to_string(contig.length) + ">");
}

bool VcfHeader::can_list(std::string_view contig) {
    return contig.find(',') == std::string_view::npos;
}

void VcfHeader::define_info(const InfoDefinition& field) {
    add_line("##INFO=<ID=" + field.id + ",Number=" + field.number + ",Type=" + field.type +
             ",Description=" + quoted(field.description) +
             (field.source.empty() ? "" : ",Source=" + quoted(field.source)) + ">");
}

void VcfHeader::remove_lines(const std::string& key) {
    const std::string start = "##" + key + "=";
    if (key == "contig")
        state_->plain_contigs = false;  // the numbers of contig_at are those of lines that go
    std::erase_if(state_->lines, [&](const std::string& line) { return line.starts_with(start); });
}

void VcfHeader::remove_line_behind(const std::string& behind, const std::string& key) {
    const std::string first = "##" + behind + "=", start = "##" + key + "=";
    bool follows = false;
    std::erase_if(state_->lines, [&](const std::string& line) {
        const bool goes = follows && line.starts_with(start);
        follows = line.starts_with(first);
        return goes;
    });
}

void VcfHeader::remove_info(const std::string& id) {
    std::erase_if(state_->lines, [&](const std::string& line) {
        return header_line_kind(line) == "INFO" && header_line_value(line, "ID") == id;
    });
    state_->removed.insert(id);
}

}  // namespace regkit
