// A text file of places, with contig, start and end in its first columns: plain, or bgzipped, with an index
// where there is a place for one beside it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "io/files/atomic_file.hpp"
#include "io/files/bgzf_writer.hpp"
#include "io/files/output_set.hpp"

namespace regkit {

class TextFile {
  public:
    // Errors as AtomicFile's.
    TextFile(const std::string& path, bool gz);

    void write(std::string_view text);
    void flush();
    // All is written; `longest` is the length of the longest contig.
    void add_to(OutputSet& outputs, std::int64_t longest);

  private:
    bool indexed_;
    std::variant<std::monostate, AtomicFile, BgzfWriter> file_;
};

}  // namespace regkit
