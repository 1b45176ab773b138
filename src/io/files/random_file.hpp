// Uncompressed bytes of a plain or BGZF file by position. A .gzi index is read by our own strict reader.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace regkit {

// Not thread-safe. Throws Error(resource) when reading fails, Error(input) at a corrupt block,
// Error(mismatch) when the .gzi does not belong to the file.
class RandomFile {
  public:
    // A missing .gzi is built beside the file. Error(input) for gzip that is not BGZF: it cannot be sought.
    explicit RandomFile(const std::string& path);
    ~RandomFile();
    RandomFile(RandomFile&&) noexcept;

    const std::string& path() const;
    std::uint64_t size() const;  // uncompressed bytes
    // Fills `out` from `offset` on; returns the bytes there were (fewer only at the end of the file).
    std::size_t read(std::uint64_t offset, std::span<char> out);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace regkit
