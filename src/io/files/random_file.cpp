// Of a BGZF file the list of blocks is read from .gzi, or made by going from header to header, which needs no
// inflating; its end is walked in any case, so that a truncated file is noticed. A read finds the block by
// binary search and inflates it; the last one is kept. An index that does not fit the data is refused, since
// a wrong one would give bytes from elsewhere.
#include "io/files/random_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/descriptor.hpp"
#include "io/files/atomic_file.hpp"
#include "io/files/bgzf_block.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

// Where a block begins: in the file, and in the uncompressed data.
struct Block {
    std::uint64_t packed = 0, plain = 0;
};

constexpr std::size_t kFooter = 8;

std::uint64_t little64(const char* bytes) {
    std::uint64_t value = 0;
    for (int i = 7; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
    return value;
}

void append64(std::string& out, std::uint64_t value) {
    for (int i = 0; i < 8; ++i) out += static_cast<char>((value >> (8 * i)) & 0xff);
}

}  // namespace

struct RandomFile::Impl {
    std::string path;
    int fd = -1;
    std::uint64_t file_size = 0, plain_size = 0;
    bool packed = false;
    std::vector<Block> blocks;  // ascending; the first is {0, 0}
    BgzfInflater inflater;
    std::string raw = std::string(kBgzfMaxBlock, '\0'), content;
    std::uint64_t cached = UINT64_MAX;  // offset in the file of the block in `content`

    ~Impl() {
        if (fd >= 0) close_file(fd);
    }

    std::size_t pread_all(std::uint64_t offset, std::span<char> out) const {
        const ssize_t got = read_at(fd, offset, out);
        if (got < 0) throw_errno(path + ": cannot read");
        return static_cast<std::size_t>(got);
    }

    // Size of the block at `offset`, 0 when there is none.
    std::size_t block_at(std::uint64_t offset) const {
        std::array<char, kBgzfHeader> head{};
        const std::size_t size = bgzf_block_size({head.data(), pread_all(offset, head)});
        return size > 0 && offset + size <= file_size ? size : 0;
    }

    std::uint64_t content_size(std::uint64_t offset, std::size_t size) const {
        std::array<char, 4> tail{};
        pread_all(offset + size - 4, tail);
        std::uint32_t value = 0;
        for (int i = 3; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(nth(tail, i));
        if (value > kBgzfMaxBlock) corrupt(offset);
        return value;
    }

    [[noreturn]] void corrupt(std::uint64_t offset) const {
        throw Error(ErrorKind::input, path + ": corrupt BGZF block at byte " + std::to_string(offset));
    }

    [[noreturn]] void stale(const std::string& what) const {
        throw Error(ErrorKind::mismatch, path + ".gzi: " + what + "; remove it to have it built anew");
    }

    // Walks the blocks from the last one known to the end of the file, which must be complete. Adds those
    // met.
    void walk_to_end() {
        std::uint64_t offset = blocks.back().packed, plain = blocks.back().plain;
        bool empty = false;
        while (offset < file_size) {
            const std::size_t size = block_at(offset);
            if (size == 0)
                throw Error(ErrorKind::input, path + ": truncated or garbage at byte " +
                                                  std::to_string(offset) + "; copy the file again");
            const std::uint64_t content_bytes = content_size(offset, size);
            empty = content_bytes == 0;
            if (!empty && offset != blocks.back().packed) blocks.push_back({offset, plain});
            offset += size;
            plain += content_bytes;
        }
        require(empty, ErrorKind::input,
                path + ": no BGZF end-of-file block; the file is truncated, copy it again");
        plain_size = plain;
    }

    // Everything about an index that can be known without inflating: a wrong one must not send us astray.
    void read_gzi() {
        const std::string name = path + ".gzi";
        const int index = open_file(name.c_str(), O_RDONLY);
        if (index < 0) throw_errno(name + ": cannot open");
        struct stat info {};
        std::string bytes;
        ssize_t filled = -1;
        if (fstat(index, &info) == 0) {
            bytes.resize(std::min<std::size_t>(static_cast<std::size_t>(info.st_size), file_size + 8));
            filled = read_at(index, 0, bytes);
        }
        const int saved = errno;
        close_file(index);
        errno = saved;
        if (filled < 0) throw_errno(name + ": cannot read");
        const auto got = static_cast<std::size_t>(filled);
        if (got != bytes.size() || static_cast<std::uint64_t>(info.st_size) != got || got < 8 ||
            got % 16 != 8 || little64(bytes.data()) != got / 16)
            stale("its size does not agree with its count, or it is longer than the data");
        for (std::size_t at = 8; at < got; at += 16) {
            const Block block{little64(bytes.data() + at), little64(bytes.data() + at + 8)};
            const Block& last = blocks.back();
            // bgzip may list the first block, and the empty one at the end.
            if (block.packed == 0 && block.plain == 0 && blocks.size() == 1) continue;
            if (block.packed < last.packed + kBgzfHeader + kFooter ||
                block.packed > last.packed + kBgzfMaxBlock || block.plain < last.plain ||
                block.plain > last.plain + kBgzfMaxBlock || block.packed >= file_size)
                stale("entry " + std::to_string(at / 16 + 1) + " is no block of the data");
            blocks.push_back(block);
        }
        // The last block listed must be where the index says, else the walk below would start within a block.
        const Block probe[] = {blocks[blocks.size() / 2], blocks.back()};
        for (const Block& block : probe)
            if (block_at(block.packed) == 0) stale("no block begins at byte " + std::to_string(block.packed));
    }

    void write_gzi() const {
        std::string bytes;
        append64(bytes, blocks.size() - 1);
        for (std::size_t i = 1; i < blocks.size(); ++i) {
            append64(bytes, blocks[i].packed);
            append64(bytes, blocks[i].plain);
        }
        try {
            AtomicFile file(path + ".gzi");
            file.write(bytes);
            file.commit();
        } catch (const Error& error) {
            throw Error(error.kind(), std::string(error.what()) + "; the index is needed: run 'bgzip -r " +
                                          path + "' where it can be written");
        }
    }

    void open_packed() {
        packed = true;
        blocks.push_back({0, 0});
        if (access((path + ".gzi").c_str(), F_OK) == 0) {
            read_gzi();
            walk_to_end();
        } else {
            walk_to_end();
            write_gzi();
        }
    }

    void load(std::size_t index) {
        const Block& block = blocks[index];
        if (block.packed == cached) return;
        cached = UINT64_MAX;
        const std::size_t got =
            pread_all(block.packed,
                      std::span(raw).first(std::min<std::uint64_t>(kBgzfMaxBlock, file_size - block.packed)));
        const std::size_t size = bgzf_block_size({raw.data(), got});
        if (size == 0 || size > got) stale("no block begins at byte " + std::to_string(block.packed));
        if (!inflater.inflate({raw.data(), size}, content)) corrupt(block.packed);
        const std::uint64_t next = index + 1 < blocks.size() ? blocks[index + 1].plain : plain_size;
        if (next - block.plain != content.size())
            stale("the block at byte " + std::to_string(block.packed) + " has another size");
        cached = block.packed;
    }
};

RandomFile::RandomFile(const std::string& path) : impl_(std::make_unique<Impl>()) {
    Impl& s = *impl_;
    s.path = path;
    s.fd = open_file(path.c_str(), O_RDONLY | O_NONBLOCK);  // a FIFO is refused, not waited for
    if (s.fd < 0) throw_errno(path + ": cannot open");
    struct stat info {};
    if (fstat(s.fd, &info) != 0) throw_errno(path + ": cannot read");
    require(S_ISREG(info.st_mode), ErrorKind::input,
            path + ": not a regular file, which random access needs; write it to one first");
    s.file_size = static_cast<std::uint64_t>(info.st_size);
    std::array<char, 2> magic{};
    if (s.pread_all(0, magic) < 2 || magic[0] != '\x1f' || magic[1] != '\x8b') {
        s.plain_size = s.file_size;
        return;
    }
    require(s.block_at(0) > 0, ErrorKind::input,
            path + ": gzip, which has no random access, or a truncated file; recompress it with bgzip");
    s.open_packed();
}

RandomFile::~RandomFile() = default;
RandomFile::RandomFile(RandomFile&&) noexcept = default;

const std::string& RandomFile::path() const {
    return impl_->path;
}
std::uint64_t RandomFile::size() const {
    return impl_->plain_size;
}

std::size_t RandomFile::read(std::uint64_t offset, std::span<char> out) {
    Impl& s = *impl_;
    if (offset >= s.plain_size) return 0;
    out = out.first(std::min<std::uint64_t>(out.size(), s.plain_size - offset));
    if (!s.packed) {
        const std::size_t got = s.pread_all(offset, out);
        require(got == out.size(), ErrorKind::resource, s.path + ": became shorter while being read");
        return got;
    }
    const auto after =
        std::upper_bound(s.blocks.begin(), s.blocks.end(), offset,
                         [](std::uint64_t at, const Block& block) { return at < block.plain; });
    auto index = static_cast<std::size_t>(after - s.blocks.begin()) - 1;
    for (std::size_t done = 0; done < out.size(); ++index) {
        s.load(index);
        const std::size_t within = offset + done - s.blocks[index].plain;
        const std::size_t bytes = std::min(out.size() - done, s.content.size() - within);
        std::memcpy(out.data() + done, s.content.data() + within, bytes);
        done += bytes;
    }
    return out.size();
}

}  // namespace regkit
