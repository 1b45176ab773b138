// Arrays for NumPy: an .npz file, which is a ZIP archive of .npy files.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/files/atomic_file.hpp"

namespace regkit {

class OutputSet;

// The bytes depend on the arrays alone: entries are stored as they are, and have no time. Errors as
// AtomicFile's.
class NpzWriter {
  public:
    explicit NpzWriter(const std::string& path);

    // `data` in C order, whose size is the product of `shape`; np.load(path)[name] is the array.
    void add(const std::string& name, const std::vector<std::int64_t>& shape, std::span<const float> data);
    void add(const std::string& name, const std::vector<std::int64_t>& shape,
             std::span<const std::int8_t> data);
    // The whole file, to which nothing can be added afterwards.
    void add_to(OutputSet& outputs);

  private:
    struct Entry {
        std::string name;
        std::uint32_t crc = 0;
        std::uint64_t size = 0, offset = 0;
    };
    void add_entry(const std::string& name, std::string_view type, const std::vector<std::int64_t>& shape,
                   std::string_view bytes);

    AtomicFile file_;
    std::vector<Entry> entries_;
};

}  // namespace regkit
