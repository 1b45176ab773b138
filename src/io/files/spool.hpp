// A temporary file without a name: what cannot be written yet but must not stay in memory.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace regkit {

// Append, then read anywhere. The first kMemory bytes stay in memory, so that small outputs touch no disk;
// the file lies in $TMPDIR (default /tmp), is unlinked at once and goes with the object. Not thread-safe.
// Errors are Error(resource).
class Spool {
  public:
    static constexpr std::size_t kMemory = std::size_t{1} << 20;

    Spool() = default;
    ~Spool();
    Spool(const Spool&) = delete;
    Spool& operator=(const Spool&) = delete;

    std::uint64_t size() const { return flushed_ + buffer_.size(); }
    // Returns the offset at which the bytes lie.
    std::uint64_t append(std::span<const char> bytes);
    void read(std::uint64_t offset, std::span<char> bytes) const;

  private:
    void flush();

    int descriptor_ = -1;
    std::uint64_t flushed_ = 0;  // bytes in the file; the rest is in buffer_
    std::string buffer_;
};

}  // namespace regkit
