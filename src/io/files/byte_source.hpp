// The bytes of a file or pipe, decompressed: plain, gzip or BGZF, told apart by content.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace regkit {

// Reads once, front to back, in bounded memory; a pipe may be endless, and what it has is passed on as it
// comes. Throws Error(resource) when reading fails, Error(input) at a truncated or corrupt stream: a gzip
// member cut short, a wrong checksum, a BGZF file without its end-of-file block, anything after the
// compressed data.
class ByteSource {
  public:
    // "-" or "" is standard input. `raw`, if given, sees every byte as it lies in the file (checksums of
    // inputs).
    explicit ByteSource(const std::string& path, std::function<void(std::string_view)> raw = nullptr);
    ~ByteSource();
    ByteSource(ByteSource&&) noexcept;

    // The next bytes, valid until the next call; empty only at the end. Of a BGZF file: one block's content.
    std::string_view next();
    const std::string& name() const;  // the path, or "standard input"
    bool is_bgzf();                   // may read the first bytes

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// All bytes of a small file as they lie there. Error(resource) when it cannot be read.
std::string read_whole_file(const std::string& path);

}  // namespace regkit
