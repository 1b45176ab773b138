// Private to src/io: what the writers that go through htslib share.
#pragma once

#include <cstdint>
#include <string>

namespace regkit {

// Positions that a .tbi index can hold; a .csi of this shift goes further.
inline constexpr std::int64_t kTbiLimit = std::int64_t{1} << 29;
inline constexpr int kCsiShift = 14;

// Throws Error(resource) "path: cannot verb: why", BrokenPipe where the reader is gone. `cause` is what the hFILE
// remembers of a failure on another thread (herrno), 0 where errno has it.
[[noreturn]] void throw_hts(const std::string& path, const char* verb, int cause = 0);

}  // namespace regkit
