// libdeflate's fastest level: what lies here is read once or twice. A plain size is believed only as far as
// deflate can have shrunk it, so that a few damaged bytes do not ask for a gigabyte.
#include "io/files/block_file.hpp"

#include <fcntl.h>
#include <libdeflate.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

#include "base/descriptor.hpp"
#include "kernels/base/error.hpp"

namespace regkit {
namespace {

constexpr std::uint32_t kMostBytes = 1U << 30;
constexpr std::uint64_t kMostShrunk = 1032;  // of deflate
constexpr std::size_t kHead = 3 * sizeof(std::uint32_t);

struct Head {
    std::uint32_t packed = 0, plain = 0, checksum = 0;
};

void put(std::string& text, std::uint32_t value) {
    for (int i = 0; i < 4; ++i) text.push_back(static_cast<char>(value >> (8 * i) & 0xff));
}

std::uint32_t get(const char* bytes) {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i)
        value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
    return value;
}

struct FreeCompressor {
    void operator()(libdeflate_compressor* p) const { libdeflate_free_compressor(p); }
};
struct FreeDecompressor {
    void operator()(libdeflate_decompressor* p) const { libdeflate_free_decompressor(p); }
};

}  // namespace

std::string packed_block(std::string_view content) {
    require(content.size() <= kMostBytes, ErrorKind::resource,
            "a block of more than a gigabyte; predict fewer bases at a time, with --tile");
    const std::unique_ptr<libdeflate_compressor, FreeCompressor> state(libdeflate_alloc_compressor(1));
    if (!state) throw std::bad_alloc();
    std::string bytes(libdeflate_deflate_compress_bound(state.get(), content.size()), '\0');
    bytes.resize(
        libdeflate_deflate_compress(state.get(), content.data(), content.size(), bytes.data(), bytes.size()));
    std::string block;
    block.reserve(kHead + bytes.size());
    put(block, static_cast<std::uint32_t>(bytes.size()));
    put(block, static_cast<std::uint32_t>(content.size()));
    put(block, libdeflate_crc32(0, bytes.data(), bytes.size()));
    return block + bytes;
}

BlockReader::BlockReader(std::string path, std::string_view magic) : path_(std::move(path)) {
    descriptor_ = open_file(path_.c_str(), O_RDONLY);
    if (descriptor_ < 0) throw_errno("cannot open " + path_);
    struct stat info {};
    std::string first(magic.size(), '\0');
    const bool read = fstat(descriptor_, &info) == 0 && read_at(descriptor_, 0, first) >= 0;
    const int error = errno;
    if (!read || first != magic) {
        close_file(descriptor_);
        errno = error;
        if (!read) throw_errno("cannot read " + path_);
        throw Error(ErrorKind::input, path_ + ": not a file of this kind, or damaged at its beginning");
    }
    position_ = magic.size();
    size_ = static_cast<std::uint64_t>(info.st_size);
}

BlockReader::~BlockReader() {
    close_file(descriptor_);
}

bool BlockReader::next(std::string& content) {
    std::array<char, kHead> bytes{};
    const ssize_t got = read_at(descriptor_, position_, bytes);
    if (got < 0) throw_errno("cannot read " + path_);
    if (static_cast<std::size_t>(got) < kHead) return false;
    const Head head{get(bytes.data()), get(bytes.data() + 4), get(bytes.data() + 8)};
    if (head.plain > kMostBytes || head.plain > kMostShrunk * (head.packed + std::uint64_t{1}) ||
        head.packed > size_ - position_ - kHead)
        return false;
    packed_.resize(head.packed);
    const ssize_t filled = read_at(descriptor_, position_ + kHead, packed_);
    if (filled < 0) throw_errno("cannot read " + path_);
    if (static_cast<std::size_t>(filled) < packed_.size() ||
        libdeflate_crc32(0, packed_.data(), packed_.size()) != head.checksum)
        return false;
    const std::unique_ptr<libdeflate_decompressor, FreeDecompressor> state(libdeflate_alloc_decompressor());
    if (!state) throw std::bad_alloc();
    content.resize(head.plain);
    if (libdeflate_deflate_decompress(state.get(), packed_.data(), packed_.size(), content.data(),
                                      content.size(), nullptr) != LIBDEFLATE_SUCCESS)
        return false;
    position_ += kHead + head.packed;
    return true;
}

JournalFile::JournalFile(std::string path) : path_(std::move(path)) {
    constexpr unsigned kMode = 0666;
    descriptor_ = open_file(path_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW, kMode);
    if (descriptor_ < 0) throw_errno("cannot write " + path_);
    struct stat info {};
    if (flock(descriptor_, LOCK_EX | LOCK_NB) != 0 || fstat(descriptor_, &info) != 0) {
        const int error = errno;
        close_file(descriptor_);
        require(error != EWOULDBLOCK, ErrorKind::resource, path_ + ": another run is writing it");
        errno = error;
        throw_errno("cannot write " + path_);
    }
    // Between opening and locking, the run that had it may have finished, and so renamed or removed it.
    struct stat named {};
    if (stat(path_.c_str(), &named) != 0 || named.st_dev != info.st_dev || named.st_ino != info.st_ino) {
        close_file(descriptor_);
        throw Error(ErrorKind::resource, path_ + ": another run is writing it");
    }
    size_ = static_cast<std::uint64_t>(info.st_size);
}

JournalFile::~JournalFile() {
    close_file(descriptor_);
}

bool JournalFile::begins(std::string_view magic) const {
    std::string first(std::min<std::size_t>(magic.size(), size_), '\0');
    if (read_at(descriptor_, 0, first) < 0) throw_errno("cannot read " + path_);
    return magic.starts_with(first);
}

void JournalFile::cut(std::uint64_t size) {
    if (ftruncate(descriptor_, static_cast<off_t>(size)) != 0) throw_errno("cannot write " + path_);
    size_ = size;
}

void JournalFile::append(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t put = pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(size_));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) throw_errno("cannot write " + path_);
        size_ += static_cast<std::uint64_t>(put);
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
}

void JournalFile::appear(const std::string& name) {
    if (fsync(descriptor_) != 0 || rename(path_.c_str(), name.c_str()) != 0)
        throw_errno("cannot write " + name);
}

void JournalFile::remove() {
    if (unlink(path_.c_str()) != 0 && errno != ENOENT) throw_errno("cannot remove " + path_);
}

}  // namespace regkit
