// Private to src/io: what the writers that go through htslib share.
#pragma once

#include <cstdint>
#include <string>

namespace regkit {

class AtomicFile;

// Positions that a .tbi index can hold; a .csi of this shift goes further.
inline constexpr std::int64_t kTbiLimit = std::int64_t{1} << 29;
inline constexpr int kCsiShift = 14;

// A descriptor for htslib on an output, so that its close is checked apart from ours. htslib closes it.
class HtsDescriptor {
  public:
    explicit HtsDescriptor(const AtomicFile& output);
    int number() const { return number_; }
    // What htslib writes from now on goes nowhere. Closing a file of blocks always writes the block that says
    // "complete": of an output that failed, standard output must not hold it.
    void abandon() const noexcept;

  private:
    int number_ = -1;
};

// Throws Error(resource) "path: cannot verb: why", BrokenPipe where the reader is gone. `cause` is what the
// hFILE remembers of a failure on another thread (herrno), 0 where errno has it.
[[noreturn]] void throw_hts(const std::string& path, const char* verb, int cause = 0);

}  // namespace regkit
