// Blocks of bytes are read through htslib's layer below its lines, and searched for newlines here, so that a
// missing last newline is noticed and a line can be taken in parts when it does not fit the room. The buffer
// grows by realloc, which moves pages of a large line and not its bytes.
#include "io/vcf/vcf_lines.hpp"

#include <htslib/bgzf.h>
#include <htslib/hfile.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "io/vcf/vcf_state.hpp"
#include "kernels/base/error.hpp"

namespace regkit {
namespace {

constexpr std::size_t kBlock = 1 << 16;

}  // namespace

LineBuffer::~LineBuffer() {
    std::free(data_);
}

void LineBuffer::swap(LineBuffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
}

void LineBuffer::append(const char* bytes, std::size_t count) {
    if (capacity_ - size_ < count) {
        // realloc moves pages, not bytes, where the buffer is large.
        const std::size_t wanted = std::max(size_ + count, capacity_ + capacity_ / 2);
        void* grown = std::realloc(data_, wanted);
        if (grown == nullptr) throw std::bad_alloc();
        data_ = static_cast<char*>(grown);
        capacity_ = wanted;
    }
    if (count > 0) std::memcpy(data_ + size_, bytes, count);
    size_ += count;
}

VcfLines::VcfLines(htsFile* file, const std::string& name) : file_(file), name_(name), block_(kBlock) {}

std::string VcfLines::here(int ahead) const {
    return name_ + ":" + std::to_string(number_ + ahead);
}

VcfReader::Got VcfLines::next(LineBuffer& line, std::size_t room) {
    for (;;) {
        const char* from = block_.data() + at_;
        const void* newline = at_ == filled_ ? nullptr : std::memchr(from, '\n', filled_ - at_);
        const std::size_t take = newline == nullptr
                                     ? filled_ - at_
                                     : static_cast<std::size_t>(static_cast<const char*>(newline) - from);
        const std::size_t size = line.view().size() + take;
        if (size > VcfReader::kMaxLine)
            throw Error(ErrorKind::input, here(1) + ": a line longer than 256 MiB");
        if (size > room) return VcfReader::Got::no_room;
        line.append(from, take);
        at_ += take;
        if (newline != nullptr) {
            ++at_;
            break;
        }
        if (!fill()) {
            if (line.view().empty()) return VcfReader::Got::end;
            unterminated_ = true;
            break;
        }
    }
    ++number_;
    return VcfReader::Got::record;
}

bool VcfLines::fill() {
    const bool plain = file_->format.compression == no_compression;
    const ssize_t got = plain ? hread(file_->fp.hfile, block_.data(), block_.size())
                              : bgzf_read(file_->fp.bgzf, block_.data(), block_.size());
    if (got < 0 && plain) throw_errno(name_ + ": cannot read");
    if (got < 0) check_read(file_->fp.bgzf, name_);
    if (got < 0)
        throw Error(ErrorKind::input, (number_ > 0 ? here() : name_) +
                                          ": corrupt or truncated compressed data" +
                                          (number_ > 0 ? " after this line" : "") + "; copy the file again");
    at_ = 0;
    filled_ = static_cast<std::size_t>(got);
    return got > 0;
}

}  // namespace regkit
