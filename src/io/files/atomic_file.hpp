// Outputs are all or nothing: a temporary file beside the target, checked writes, fsync, rename, fsync of the
// directory. Temporaries are remembered in base/temporaries.hpp, whose remove_temporaries() a signal handler
// calls. They are locked while their owner lives; what a killed run left in a directory goes when the next
// one writes there.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/error.hpp"

namespace regkit {

// A file being written. Until commit() nothing exists under the final name (an old file there stays intact);
// the destructor of an uncommitted one removes the temporary. "-", "" or "/dev/stdout" is standard output,
// where commit() flushes and checks. A device or FIFO ("/dev/null") is written directly, as standard output
// is. All errors throw Error(resource) naming the final path. EPIPE throws BrokenPipe (SIGPIPE must be
// ignored: cli does).
class AtomicFile {
  public:
    explicit AtomicFile(const std::string& path);
    ~AtomicFile();
    AtomicFile(AtomicFile&&) noexcept;

    const std::string& path() const;        // the final name, symbolic links resolved
    const std::string& asked_path() const;  // as it was given
    const std::string& temp_path() const;   // for libraries that must open by name; empty on standard output
    bool is_stdout() const;                 // or a device or FIFO: cannot seek
    int descriptor() const;

    void write(std::string_view bytes);  // buffered
    void write_at(std::uint64_t offset,
                  std::string_view bytes);  // not on standard output; leaves position() alone
    std::uint64_t position() const;         // bytes written so far by write()
    void flush();
    // All is written, on the disk, and closing it gave no error; it still has its temporary name.
    void finish();
    void commit();

  private:
    friend class OutputSet;
    void appear();  // under its name; once it is finished

    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// The errors of AtomicDirectory where `path` exists and must not be replaced; nothing is made.
void require_replaceable(const std::string& path, const std::string& mark,
                         const std::vector<std::string>& files);

// A directory being written: a temporary one beside the target, renamed by commit(); the destructor of an
// uncommitted one removes it with all it holds.
class AtomicDirectory {
  public:
    // An existing target is refused with Error(resource) unless `force`, and then only replaced when it is a
    // directory that holds a file named `mark` (or nothing at all) and nothing but `files`: --force must not
    // delete somebody's home, nor notes beside a data set. It stays complete under its name until the new one
    // takes its place.
    AtomicDirectory(const std::string& path, const std::string& mark, const std::vector<std::string>& files,
                    bool force);
    ~AtomicDirectory();
    AtomicDirectory(AtomicDirectory&&) noexcept;

    // Where to write the file `name` of the directory, remembered for removal by a signal handler.
    std::string file(const std::string& name);
    // A message about files inside, with the final name in place of the temporary one.
    std::string with_final_names(std::string message) const;
    void commit();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace regkit
