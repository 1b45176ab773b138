// A cursor walks the typed values and never past the end. Editing keeps the bytes before INFO, copies the
// fields that stay, appends the new ones, and sets their number; a record that is malformed on the way is
// refused. Writing out is the fixed part, then both blocks of bytes as they are.
#include "io/vcf/bcf_record.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>
#include <optional>
#include <vector>

#include "kernels/base/error.hpp"

namespace regkit {
namespace {

constexpr std::uint32_t kMissingFloat = 0x7F800001;
constexpr std::size_t kManyValues = 15;  // a count that the type's byte cannot hold
constexpr std::size_t kMostFields = std::numeric_limits<std::uint16_t>::max();
constexpr std::uint32_t kFixedBytes = 24;

template <typename T>
void append_little(std::string& out, T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i) out += static_cast<char>((value >> (8 * i)) & 0xFF);
}

std::size_t bytes_of(int type) {
    switch (type) {
        case BCF_BT_INT8:
        case BCF_BT_CHAR:
            return 1;
        case BCF_BT_INT16:
            return 2;
        case BCF_BT_INT32:
        case BCF_BT_FLOAT:
            return 4;
        default:
            return 0;
    }
}

std::int64_t integer_of(std::string_view bytes, int type) {
    std::uint32_t raw = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        raw |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
    if (type == BCF_BT_INT8) return static_cast<std::int8_t>(raw);
    if (type == BCF_BT_INT16) return static_cast<std::int16_t>(raw);
    return static_cast<std::int32_t>(raw);
}

// Typed values, one after the other.
class Cursor {
  public:
    Cursor(std::string_view bytes, std::size_t at, const BadBcf& bad) : bytes_(bytes), at_(at), bad_(bad) {}

    std::size_t at() const { return at_; }

    // The next value's bytes; its type.
    std::string_view value(int& type) {
        const std::size_t count = head(type);
        return take(count * bytes_of(type));
    }
    // The type of the values that follow, and how many there are.
    std::size_t head(int& type) {
        const auto head = static_cast<unsigned char>(take(1).front());
        type = head & 0xF;
        if (head >> 4 != kManyValues) return head >> 4;
        const std::int64_t many = integer();
        if (many < 0) bad_("a negative number of values");
        return static_cast<std::size_t>(many);
    }
    std::string_view text() {
        int type = 0;
        const std::string_view text = value(type);
        if (type != BCF_BT_CHAR && type != BCF_BT_NULL) bad_("a number where text belongs");
        return text.substr(0, text.find('\0'));
    }
    std::int64_t integer() {
        int type = 0;
        const auto head = static_cast<unsigned char>(take(1).front());
        type = head & 0xF;
        if (head >> 4 != 1 || type == BCF_BT_FLOAT || type == BCF_BT_CHAR || bytes_of(type) == 0)
            bad_("no single integer where one belongs");
        return integer_of(take(bytes_of(type)), type);
    }
    std::string_view take(std::size_t count) {
        if (count > bytes_.size() - at_) bad_("values that reach past its end");
        at_ += count;
        return bytes_.substr(at_ - count, count);
    }

  private:
    std::string_view bytes_;
    std::size_t at_;
    const BadBcf& bad_;
};

std::string_view shared_of(const bcf1_t& record) {
    return {record.shared.s, record.shared.l};
}

void append_integer(std::string& out, std::size_t value) {
    if (value <= static_cast<std::size_t>(std::numeric_limits<std::int8_t>::max())) {
        out += static_cast<char>(1 << 4 | BCF_BT_INT8);
        append_little(out, static_cast<std::uint8_t>(value));
    } else if (value <= static_cast<std::size_t>(std::numeric_limits<std::int16_t>::max())) {
        out += static_cast<char>(1 << 4 | BCF_BT_INT16);
        append_little(out, static_cast<std::uint16_t>(value));
    } else {
        out += static_cast<char>(1 << 4 | BCF_BT_INT32);
        append_little(out, static_cast<std::uint32_t>(value));
    }
}

void append_type(std::string& out, int type, std::size_t count) {
    out += static_cast<char>(std::min(count, kManyValues) << 4 | static_cast<std::size_t>(type));
    if (count >= kManyValues) append_integer(out, count);
}

void append_field(std::string& out, const InfoField& field, int key) {
    append_integer(out, static_cast<std::size_t>(key));
    if (!field.numbers.empty()) {
        append_type(out, BCF_BT_FLOAT, field.numbers.size());
        for (const float value : field.numbers)
            append_little(out, std::isnan(value) ? kMissingFloat : std::bit_cast<std::uint32_t>(value));
        return;
    }
    if (!field.integers.empty()) {
        static_assert(InfoField::kMissingInteger == bcf_int32_missing);
        append_type(out, BCF_BT_INT32, field.integers.size());
        for (const std::int32_t value : field.integers) append_little(out, static_cast<std::uint32_t>(value));
        return;
    }
    std::string text;
    append_value(text, field);
    append_type(out, BCF_BT_CHAR, text.size());
    out += text;
}

}  // namespace

void read_bcf_columns(const bcf1_t& record, const BadBcf& bad, BcfColumns& columns) {
    Cursor cursor(shared_of(record), 0, bad);
    columns.id = cursor.text();
    if (columns.id.empty()) columns.id = ".";
    columns.alleles.clear();
    for (unsigned i = 0; i < record.n_allele; ++i) columns.alleles.push_back(cursor.text());
    if (columns.alleles.empty()) bad("no REF");
    columns.filter = cursor.at();
    int type = 0;
    cursor.value(type);
    columns.info = cursor.at();
}

namespace {

// The values of one sample, without those that only fill its room; a missing one is nothing.
std::vector<std::optional<std::int64_t>> integers_of(std::string_view bytes, int type, const BadBcf& bad) {
    const std::size_t each = bytes_of(type);
    if (each == 0 || type == BCF_BT_FLOAT || type == BCF_BT_CHAR) bad("no integers where they belong");
    // The two smallest values of each type.
    const std::int64_t missing = -(std::int64_t{1} << (8 * each - 1)), end = missing + 1;
    std::vector<std::optional<std::int64_t>> values;
    for (std::size_t at = 0; at < bytes.size(); at += each) {
        const std::int64_t value = integer_of(bytes.substr(at, each), type);
        if (value == end) break;
        values.push_back(value == missing ? std::nullopt : std::optional(value));
    }
    return values;
}

}  // namespace

bool read_bcf_genotype(const bcf1_t& record, int gt, int ps, std::size_t sample, const BadBcf& bad,
                       Genotype& genotype) {
    genotype = {};
    bool found = false;
    const std::string_view all{record.indiv.s, record.indiv.l};
    if (sample >= record.n_sample) bad("fewer samples than its header has");
    Cursor cursor(all, 0, bad);
    for (unsigned i = 0; i < record.n_fmt; ++i) {
        const std::int64_t key = cursor.integer();
        int type = 0;
        const std::size_t each = cursor.head(type) * bytes_of(type);
        const std::string_view values = cursor.take(each * record.n_sample).substr(sample * each, each);
        if (key == gt && gt >= 0) {
            // Of an allele: its number from 1 on, 0 where it is missing, and whether it is phased with those
            // before it.
            genotype.phased = true;
            for (const std::optional<std::int64_t>& value : integers_of(values, type, bad)) {
                if (value && *value < 0) bad("a negative number of an allele");
                if (!genotype.alleles.empty() && (!value || (*value & 1) == 0)) genotype.phased = false;
                genotype.alleles.push_back(value ? static_cast<int>(*value >> 1) - 1 : Genotype::kMissing);
            }
            found = true;
        } else if (key == ps && ps >= 0 && type == BCF_BT_CHAR) {
            genotype.phase_set = values.substr(0, values.find('\0'));
            if (genotype.phase_set == ".") genotype.phase_set.clear();
        } else if (key == ps && ps >= 0 && each > 0) {
            const auto numbers = integers_of(values, type, bad);
            if (!numbers.empty() && numbers.front()) genotype.phase_set = std::to_string(*numbers.front());
        }
    }
    return found && !genotype.alleles.empty();
}

int edit_bcf_info(bcf1_t& record, const std::unordered_set<int>& removed, std::span<const InfoField> fields,
                  std::span<const int> keys, const BadBcf& bad) {
    BcfColumns columns;
    read_bcf_columns(record, bad, columns);
    const std::string_view shared = shared_of(record);
    std::string kept;
    int count = 0;
    Cursor cursor(shared, columns.info, bad);
    for (unsigned i = 0; i < record.n_info; ++i) {
        const std::size_t begin = cursor.at();
        const auto key = static_cast<int>(cursor.integer());
        int type = 0;
        cursor.value(type);
        if (removed.contains(key)) {
            ++count;
            continue;
        }
        if (std::find(keys.begin(), keys.end(), key) != keys.end())
            bad("INFO has a field already that is to be added");
        kept += shared.substr(begin, cursor.at() - begin);
    }
    if (cursor.at() != shared.size()) bad("bytes behind its INFO");
    for (std::size_t i = 0; i < fields.size(); ++i) append_field(kept, fields[i], keys[i]);
    const std::size_t number = record.n_info - static_cast<std::size_t>(count) + fields.size();
    if (number > kMostFields) bad("more INFO fields than BCF can hold");
    const std::size_t size = columns.info + kept.size();
    if (ks_resize(&record.shared, size + 1) < 0) throw std::bad_alloc();
    std::memcpy(record.shared.s + columns.info, kept.data(), kept.size());
    record.shared.l = size;
    record.n_info = number & kMostFields;
    record.unpacked = 0;
    return count;
}

void print_bcf_record(const bcf_hdr_t& header, bcf1_t& record, KString& line, const std::string& where) {
    line.text.l = 0;
    errno = 0;
    const int status = vcf_format(&header, &record, &line.text);
    if (errno == ENOMEM) throw std::bad_alloc();
    require(status == 0, ErrorKind::input, where + ": htslib cannot write the record as text");
}

void append_bcf_record(std::string& out, const bcf1_t& record) {
    append_little(out, static_cast<std::uint32_t>(record.shared.l + kFixedBytes));
    append_little(out, static_cast<std::uint32_t>(record.indiv.l));
    append_little(out, static_cast<std::uint32_t>(record.rid));
    append_little(out, static_cast<std::uint32_t>(record.pos));
    append_little(out, static_cast<std::uint32_t>(record.rlen));
    append_little(out, std::bit_cast<std::uint32_t>(record.qual));
    append_little(
        out, static_cast<std::uint32_t>(record.n_allele) << 16 | static_cast<std::uint32_t>(record.n_info));
    append_little(
        out, static_cast<std::uint32_t>(record.n_fmt) << 24 | static_cast<std::uint32_t>(record.n_sample));
    out.append(record.shared.s, record.shared.l);
    out.append(record.indiv.s, record.indiv.l);
}

}  // namespace regkit
