// The JSON header of a safetensors file: parsed strictly, before a byte of data is allocated.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace regkit {

inline constexpr std::uint64_t kMaxTensorHeader = std::uint64_t{16} << 20;
inline constexpr std::size_t kMaxTensors = 4096;
inline constexpr std::size_t kMaxTensorRank = 8;

struct TensorEntry {
    std::string name;
    std::vector<std::int64_t> shape;  // every dimension at least 1; empty for a scalar
    std::uint64_t begin = 0;          // bytes from the start of the data
    std::uint64_t end = 0;
    bool is_bytes = false;  // I8; else F32

    std::uint64_t value_bytes() const { return is_bytes ? 1 : sizeof(float); }
};

struct TensorHeader {
    std::map<std::string, std::string> metadata;
    std::vector<TensorEntry> entries;  // by begin; together they cover [0, data_bytes) exactly once
};

// Throws Error(input) beginning with `path`.
TensorHeader parse_tensor_header(std::string_view json, std::uint64_t data_bytes, const std::string& path);

}  // namespace regkit
