// Lines of a text file or pipe, plain or compressed, held to what genomic text formats promise.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/files/byte_source.hpp"

namespace regkit {

inline constexpr std::string_view kCarriageReturn =
    "carriage return within a line; lines that end in CR alone are not read, convert them: tr '\\r' '\\n'";

// Lines end in LF or CRLF; the last may lack its end. Throws Error(input) naming file and line at a NUL, a
// byte outside ASCII (lines that begin with '#' may hold them, and all where `any` is asked for), or a line
// over 1 MiB, and as ByteSource does. A byte order mark of UTF-8 at the beginning is skipped. Binary formats
// that are given for text by mistake are named, with what converts them. A carriage return within a line is
// an error.
class LineReader {
  public:
    static constexpr std::size_t kMaxLine = 1 << 20;

    enum class Bytes : bool { ascii, any };

    explicit LineReader(const std::string& path, std::function<void(std::string_view)> raw = nullptr,
                        Bytes bytes = Bytes::ascii);

    // The next line without its end, valid until the next call; false at the end of the input.
    bool next(std::string_view& line);
    const std::string& name() const;
    std::int64_t line_number() const;  // of the last line, from 1
    std::string where() const;         // "file:line"
    // Error(input) "file:line: what".
    [[noreturn]] void fail(const std::string& what) const;

  private:
    void check(std::string_view line) const;
    void check_first(std::string_view chunk) const;

    ByteSource source_;
    Bytes bytes_;
    std::string_view chunk_;  // not yet used
    std::string joined_;      // a line that lies in several chunks
    std::int64_t line_ = 0;
};

// Fields between separators; `fields` is replaced. Empty fields count.
void split_fields(std::string_view line, char separator, std::vector<std::string_view>& fields);
// Fields between runs of blanks and tabs.
void split_blanks(std::string_view line, std::vector<std::string_view>& fields);

}  // namespace regkit
