// The first bytes tell the coding, and no more are waited for than that takes, as a pipe may pause. BGZF is
// inflated block by block, each with its checksum, and must end with its empty block; gzip goes through zlib,
// member by member; plain bytes are passed on. What is truncated or has something behind it is an error with
// the byte where it happened.
#include "io/files/byte_source.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/descriptor.hpp"
#include "io/files/bgzf_block.hpp"
#include "kernels/base/error.hpp"

namespace regkit {
namespace {

constexpr std::size_t kChunk = 1 << 17;

enum class Coding { unknown, plain, gzip, bgzf };

}  // namespace

struct ByteSource::Impl {
    std::string name;
    std::function<void(std::string_view)> raw;
    int fd = -1;
    bool owned = false;
    Coding coding = Coding::unknown;

    std::vector<char> input = std::vector<char>(kChunk);
    std::size_t begin = 0, end = 0;  // of input not yet used
    std::uint64_t offset = 0;        // in the file, of input[begin]
    bool at_end = false;             // read() has said so

    std::string output;
    BgzfInflater inflater;
    bool ended_by_empty = false;  // the last BGZF block was empty, as the end-of-file block is
    z_stream zlib{};
    bool zlib_open = false;
    bool in_member = false;

    ~Impl() {
        if (zlib_open) inflateEnd(&zlib);
        if (owned) close_file(fd);
    }

    [[noreturn]] void bad(const std::string& what) const {
        throw Error(ErrorKind::input, name + ": " + what);
    }

    std::string_view pending() const { return {input.data() + begin, end - begin}; }

    void consume(std::size_t bytes) {
        begin += bytes;
        offset += bytes;
    }

    // Reads once, behind what is pending.
    void fill() {
        if (at_end) return;
        if (begin > 0) std::memmove(input.data(), input.data() + begin, end - begin);
        end -= begin;
        begin = 0;
        ssize_t got;
        do got = read(fd, input.data() + end, input.size() - end);
        while (got < 0 && errno == EINTR);
        if (got < 0) throw_errno(name + ": cannot read");
        at_end = got == 0;
        if (raw && got > 0) raw({input.data() + end, static_cast<std::size_t>(got)});
        end += static_cast<std::size_t>(got);
    }

    // Until `bytes` are pending or the input ends.
    std::string_view fill_to(std::size_t bytes) {
        while (pending().size() < bytes && !at_end) fill();
        return pending();
    }

    void detect() {
        if (coding != Coding::unknown) return;
        // A pipe may give a few bytes and then pause: no more is asked for than tells the codings apart.
        std::string_view head = fill_to(1);
        if (head.starts_with('\x1f')) head = fill_to(2);
        if (!head.starts_with("\x1f\x8b")) {
            coding = Coding::plain;
            return;
        }
        coding = bgzf_block_size(fill_to(kBgzfHeader)) > 0 ? Coding::bgzf : Coding::gzip;
    }

    std::string_view next_plain() {
        if (pending().empty()) fill();
        const std::string_view bytes = pending();
        consume(bytes.size());
        return bytes;
    }

    std::string_view next_bgzf() {
        for (;;) {
            const std::string_view head = fill_to(kBgzfHeader);
            if (head.empty()) {
                if (!ended_by_empty) bad("no BGZF end-of-file block; the file is truncated, copy it again");
                return {};
            }
            const std::size_t size = bgzf_block_size(head);
            if (size == 0) {
                if (head.size() < kBgzfHeader)
                    bad("truncated within a BGZF block at byte " + std::to_string(offset));
                bad("garbage instead of a BGZF block at byte " + std::to_string(offset));
            }
            if (fill_to(size).size() < size)
                bad("truncated within the BGZF block at byte " + std::to_string(offset));
            if (!inflater.inflate(pending().substr(0, size), output))
                bad("corrupt BGZF block at byte " + std::to_string(offset));
            consume(size);
            ended_by_empty = output.empty();
            if (!output.empty()) return output;
        }
    }

    void open_member() {
        if (!zlib_open) {
            require(inflateInit2(&zlib, 15 + 16) == Z_OK, ErrorKind::resource,
                    name + ": no memory to decompress");
            zlib_open = true;
        } else {
            inflateReset(&zlib);
        }
        in_member = true;
    }

    std::string_view next_gzip() {
        output.resize(kChunk);
        for (;;) {
            if (!in_member) {
                if (fill_to(2).empty() && zlib_open) return {};
                if (!pending().starts_with("\x1f\x8b"))
                    bad("garbage after the gzip data at byte " + std::to_string(offset));
                open_member();
            }
            if (pending().empty()) fill();
            if (pending().empty()) bad("truncated gzip data; copy the file again");
            zlib.next_in = reinterpret_cast<Bytef*>(input.data() + begin);
            zlib.avail_in = static_cast<uInt>(end - begin);
            zlib.next_out = reinterpret_cast<Bytef*>(output.data());
            zlib.avail_out = static_cast<uInt>(output.size());
            const int status = ::inflate(&zlib, Z_NO_FLUSH);
            consume(pending().size() - zlib.avail_in);
            if (status == Z_STREAM_END)
                in_member = false;
            else if (status != Z_OK && status != Z_BUF_ERROR)
                bad(std::string("corrupt gzip data near byte ") + std::to_string(offset) +
                    (zlib.msg != nullptr ? std::string(" (") + zlib.msg + ")" : ""));
            const std::size_t made = output.size() - zlib.avail_out;
            if (made > 0) return {output.data(), made};
        }
    }
};

ByteSource::ByteSource(const std::string& path, std::function<void(std::string_view)> raw)
    : impl_(std::make_unique<Impl>()) {
    Impl& s = *impl_;
    s.raw = std::move(raw);
    if (path.empty() || path == "-") {
        s.name = "standard input";
        s.fd = STDIN_FILENO;
        return;
    }
    s.name = path;
    s.fd = open_file(path.c_str(), O_RDONLY);
    if (s.fd < 0) throw_errno(path + ": cannot open");
    s.owned = true;
    struct stat info {};
    if (fstat(s.fd, &info) == 0 && S_ISDIR(info.st_mode)) {
        errno = EISDIR;
        throw_errno(path + ": cannot read");
    }
}

std::string read_whole_file(const std::string& path) {
    const int fd = open_file(path.c_str(), O_RDONLY);
    if (fd < 0) throw_errno(path + ": cannot open");
    std::string bytes;
    for (;;) {
        const std::size_t have = bytes.size();
        bytes.resize(have + kChunk);
        const ssize_t got = read(fd, bytes.data() + have, kChunk);
        const int saved = errno;
        bytes.resize(have + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
        if (got < 0 && saved == EINTR) continue;
        if (got > 0) continue;
        close_file(fd);
        if (got == 0) return bytes;
        errno = saved;
        throw_errno(path + ": cannot read");
    }
}

ByteSource::~ByteSource() = default;
ByteSource::ByteSource(ByteSource&&) noexcept = default;

const std::string& ByteSource::name() const {
    return impl_->name;
}

bool ByteSource::is_bgzf() {
    impl_->detect();
    return impl_->coding == Coding::bgzf;
}

std::string_view ByteSource::next() {
    impl_->detect();
    switch (impl_->coding) {
        case Coding::bgzf:
            return impl_->next_bgzf();
        case Coding::gzip:
            return impl_->next_gzip();
        default:
            return impl_->next_plain();
    }
}

}  // namespace regkit
