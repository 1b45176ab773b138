// Entries are stored, not compressed: what is written are floats of full precision. All sizes are written as
// Zip64 has them, in 64 bits, so that a large file takes no other way than a small one.
#include "io/files/npz_writer.hpp"

#include <zlib.h>

#include <algorithm>
#include <bit>
#include <initializer_list>
#include <utility>

#include "io/files/output_set.hpp"

namespace regkit {
namespace {

static_assert(std::endian::native == std::endian::little, "arrays are written as they lie in memory");

constexpr std::size_t kNpyUnit = 64;                     // of the length of an array's header
constexpr unsigned kZip64 = 45;                          // the version that is needed to read the file
constexpr unsigned kFirstDay = (0 << 9) | (1 << 5) | 1;  // 1980-01-01
constexpr std::uint64_t kSeeExtra = 0xffffffff;

void append(std::string& text, std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 255);
}

std::string npy_header(std::string_view type, const std::vector<std::int64_t>& shape) {
    std::string text = "{'descr': '" + std::string(type) + "', 'fortran_order': False, 'shape': (";
    for (const std::int64_t size : shape) text += std::to_string(size) + ", ";
    text += "), }";
    const std::size_t before = 10;  // magic, version, length
    text.append(kNpyUnit - (before + text.size() + 1) % kNpyUnit, ' ');
    text += '\n';
    std::string header = "\x93NUMPY";
    header += '\1';
    header += '\0';
    append(header, text.size(), 2);
    return header + text;
}

std::uint32_t crc_of(std::uint32_t crc, std::string_view bytes) {
    constexpr std::size_t kPiece = std::size_t{1} << 30;  // zlib counts in 32 bits
    for (; !bytes.empty(); bytes.remove_prefix(std::min(kPiece, bytes.size())))
        crc = static_cast<std::uint32_t>(crc32(crc, reinterpret_cast<const Bytef*>(bytes.data()),
                                               static_cast<uInt>(std::min(kPiece, bytes.size()))));
    return crc;
}

// What the header before an entry's bytes and its row in the directory share.
void append_about(std::string& text, const std::string& name, std::uint32_t crc, std::size_t extra) {
    append(text, kZip64, 2);
    append(text, 0, 2);  // flags
    append(text, 0, 2);  // stored
    append(text, 0, 2);  // time
    append(text, kFirstDay, 2);
    append(text, crc, 4);
    append(text, kSeeExtra, 4);
    append(text, kSeeExtra, 4);
    append(text, name.size(), 2);
    append(text, extra, 2);
}

// The extra field: sizes, and in the directory the offset.
void append_extra(std::string& text, std::initializer_list<std::uint64_t> numbers) {
    append(text, 1, 2);
    append(text, 8 * numbers.size(), 2);
    for (const std::uint64_t number : numbers) append(text, number, 8);
}

}  // namespace

NpzWriter::NpzWriter(const std::string& path) : file_(path) {}

void NpzWriter::add(const std::string& name, const std::vector<std::int64_t>& shape,
                    std::span<const float> data) {
    add_entry(name, "<f4", shape, {reinterpret_cast<const char*>(data.data()), data.size_bytes()});
}

void NpzWriter::add(const std::string& name, const std::vector<std::int64_t>& shape,
                    std::span<const std::int8_t> data) {
    add_entry(name, "|i1", shape, {reinterpret_cast<const char*>(data.data()), data.size_bytes()});
}

void NpzWriter::add_entry(const std::string& name, std::string_view type,
                          const std::vector<std::int64_t>& shape, std::string_view bytes) {
    const std::string header = npy_header(type, shape);
    const Entry entry{name + ".npy", crc_of(crc_of(0, header), bytes), header.size() + bytes.size(),
                      file_.position()};
    std::string local = "PK\3\4";
    append_about(local, entry.name, entry.crc, 20);
    local += entry.name;
    append_extra(local, {entry.size, entry.size});
    file_.write(local);
    file_.write(header);
    file_.write(bytes);
    entries_.push_back(entry);
}

void NpzWriter::add_to(OutputSet& outputs) {
    std::string directory;
    for (const Entry& entry : entries_) {
        directory += "PK\1\2";
        append(directory, kZip64, 2);  // of the writer
        append_about(directory, entry.name, entry.crc, 28);
        append(directory, 0, 2);  // comment
        append(directory, 0, 2);  // disk
        append(directory, 0, 2);  // attributes
        append(directory, 0, 4);
        append(directory, kSeeExtra, 4);
        directory += entry.name;
        append_extra(directory, {entry.size, entry.size, entry.offset});
    }
    const std::uint64_t begin = file_.position(), end = begin + directory.size();
    std::string last = "PK\6\6";
    append(last, 44, 8);  // of what follows of this record
    append(last, kZip64, 2);
    append(last, kZip64, 2);
    append(last, 0, 8);  // disks
    append(last, entries_.size(), 8);
    append(last, entries_.size(), 8);
    append(last, directory.size(), 8);
    append(last, begin, 8);
    last += "PK\6\7";
    append(last, 0, 4);
    append(last, end, 8);
    append(last, 1, 4);
    last += "PK\5\6";
    append(last, 0, 4);
    append(last, 0xffff, 2);
    append(last, 0xffff, 2);
    append(last, kSeeExtra, 4);
    append(last, kSeeExtra, 4);
    append(last, 0, 2);  // comment
    file_.write(directory);
    file_.write(last);
    outputs.add(std::move(file_));
}

}  // namespace regkit
