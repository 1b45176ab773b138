// The one exception type of the library, and the checks that throw it.
//
// The library never prints, aborts or exits: it throws Error, and src/cli turns the kind into the exit code
// that every tool shares (regkit(1), EXIT STATUS).
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace regkit {

// The values are the tools' exit codes.
enum class ErrorKind : int {
    resource = 1,      // I/O failed, out of memory or disk, no such device
    usage = 2,         // options that make no sense
    input = 3,         // bad input data
    mismatch = 4,      // stale index, another reference than the data set's, unequal shards
    diverged = 5,      // training met NaN or infinity
    interrupted = 75,  // stopped by a signal, can be resumed
};

class Error : public std::runtime_error {
  public:
    // `what` follows the form "file:line (contig:pos): what is wrong; what to do"; the tool's name is added
    // by cli.
    Error(ErrorKind kind, const std::string& what) : std::runtime_error(what), kind_(kind) {}
    ErrorKind kind() const { return kind_; }

  private:
    ErrorKind kind_;
};

// The reader of standard output is gone: not worth a word, cli ends quietly with 141.
struct BrokenPipe {};

// Throws Error(kind, what) unless `ok`. `what` is evaluated by the caller in any case: keep it cheap in inner
// loops.
inline void require(bool ok, ErrorKind kind, std::string_view what) {
    if (!ok) throw Error(kind, std::string(what));
}

// "cannot open x: No such file or directory", from errno as it stands at the call.
[[noreturn]] void throw_errno(const std::string& what);

}  // namespace regkit
