// Outputs are all or nothing: a temporary file beside the target, checked writes, fsync, rename, fsync of the directory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace regkit {

// A file being written. Until commit() nothing exists under the final name (an old file there stays intact); the
// destructor of an uncommitted one removes the temporary. "-" or "" is standard output, where commit() flushes and checks.
// All errors throw Error(resource) naming the final path. EPIPE on standard output throws BrokenPipe.
class AtomicFile {
  public:
    explicit AtomicFile(const std::string& path);
    ~AtomicFile();
    AtomicFile(AtomicFile&&) noexcept;

    const std::string& path() const;       // the final name, symbolic links resolved
    const std::string& temp_path() const;  // for libraries that must open by name; empty on standard output
    bool is_stdout() const;
    int descriptor() const;

    void write(std::string_view bytes);                           // buffered
    void write_at(std::uint64_t offset, std::string_view bytes);  // not on standard output
    std::uint64_t position() const;                               // bytes written so far
    void flush();
    void commit();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// The reader of standard output is gone: cli ends quietly with 141.
struct BrokenPipe {};

// Error(usage) when `output` (a path that exists) is the same file as `input`, by device and inode.
void refuse_same_file(const std::string& output, const std::string& input);

}  // namespace regkit
