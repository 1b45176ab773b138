// Reading takes the header, checked as a whole, then shows it to the caller, and only then reads one tensor
// after the other, each into memory of the size that the header claims and the file was found to have. Values
// are tested for NaN and infinity in loops that become vector code. Writing applies the same rules, so that
// nothing is written that could not be read. A digest covers names, shapes and values with their lengths.
#include "io/safetensors/safetensors.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "base/descriptor.hpp"
#include "io/files/output_set.hpp"
#include "io/files/sha256.hpp"
#include "io/safetensors/safetensors_header.hpp"
#include "kernels/base/error.hpp"

namespace regkit {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors is little-endian");

constexpr std::size_t kLengthBytes = 8;

void add(Sha256& hash, std::uint64_t value) {
    hash.add(&value, sizeof value);
}

// With its length, so that no two sequences of texts hash alike.
void add(Sha256& hash, const std::string& text) {
    add(hash, std::uint64_t{text.size()});
    hash.add(text.data(), text.size());
}

class InputFile {
  public:
    explicit InputFile(const std::string& path)
        : path_(path), fd_(open_file(path.c_str(), O_RDONLY | O_NONBLOCK)) {
        if (fd_ < 0) throw_errno("cannot open " + path);
        struct stat status {};
        if (fstat(fd_, &status) != 0) {
            close_file(fd_);
            throw_errno("cannot read " + path);
        }
        if (!S_ISREG(status.st_mode)) {
            close_file(fd_);
            throw Error(ErrorKind::input, path + ": a model must be a regular file; write it to one first");
        }
        size_ = static_cast<std::uint64_t>(status.st_size);
    }
    ~InputFile() { close_file(fd_); }
    InputFile(const InputFile&) = delete;
    InputFile& operator=(const InputFile&) = delete;

    std::uint64_t size() const { return size_; }

    // All of it, or Error: a file that shrinks while it is read is as bad as one that fails.
    void read(void* to, std::uint64_t bytes) {
        auto* out = static_cast<char*>(to);
        while (bytes > 0) {
            const ssize_t got =
                ::read(fd_, out, static_cast<std::size_t>(std::min<std::uint64_t>(bytes, 1 << 30)));
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) throw_errno("cannot read " + path_);
            require(got > 0, ErrorKind::input, path_ + ": the file ends early");
            out += got;
            bytes -= static_cast<std::uint64_t>(got);
        }
    }

  private:
    std::string path_;
    int fd_ = -1;
    std::uint64_t size_ = 0;
};

// Index of the first value that is not finite, or values.size(). Exponent bits all set means infinity or NaN.
std::size_t first_not_finite(const std::vector<float>& values) {
    constexpr std::size_t kBlock = 4096;
    for (std::size_t begin = 0; begin < values.size(); begin += kBlock) {
        const std::size_t end = std::min(values.size(), begin + kBlock);
        std::uint32_t bad = 0;  // branch-free inside a block, so that it vectorises
        for (std::size_t i = begin; i < end; ++i)
            bad |= static_cast<std::uint32_t>((std::bit_cast<std::uint32_t>(values[i]) & 0x7F800000u) ==
                                              0x7F800000u);
        if (bad)
            for (std::size_t i = begin; i < end; ++i)
                if (!std::isfinite(values[i])) return i;
    }
    return values.size();
}

void require_finite(const NamedTensor& tensor, const std::string& path) {
    const std::size_t at = first_not_finite(tensor.values);
    if (at == tensor.values.size()) return;
    throw Error(ErrorKind::input, path + ": tensor '" + tensor.name + "' holds " +
                                      std::to_string(tensor.values[at]) + " at element " +
                                      std::to_string(at));
}

std::int8_t byte_of(float value) {
    return static_cast<std::int8_t>(std::clamp(value, -128.0f, 127.0f));
}

// Name given twice, or values that do not fill the shape.
void require_writable(const TensorFile& file, const std::string& path) {
    std::set<std::string> names;
    for (const NamedTensor& tensor : file.tensors) {
        std::uint64_t count = 1;
        for (const std::int64_t dimension : tensor.shape)
            count = dimension < 1 ? 0 : count * static_cast<std::uint64_t>(dimension);
        const bool fits = count == tensor.values.size() && tensor.shape.size() <= kMaxTensorRank && count > 0;
        require(fits, ErrorKind::input, path + ": tensor '" + tensor.name + "' does not fill its shape");
        require(names.insert(tensor.name).second, ErrorKind::input,
                path + ": tensor '" + tensor.name + "' given twice");
        require_finite(tensor, path);
        if (file.bytes.contains(tensor.name))
            require(std::ranges::all_of(tensor.values, [](float v) { return v == byte_of(v); }),
                    ErrorKind::input, path + ": tensor '" + tensor.name + "' holds what is no I8");
    }
    require(names.size() <= kMaxTensors, ErrorKind::input, path + ": more than 4,096 tensors");
}

std::string header_text(const TensorFile& file) {
    nlohmann::ordered_json header = nlohmann::ordered_json::object();
    if (!file.metadata.empty()) header["__metadata__"] = file.metadata;
    std::uint64_t offset = 0;
    for (const NamedTensor& tensor : file.tensors) {
        const bool is_bytes = file.bytes.contains(tensor.name);
        const std::uint64_t bytes = tensor.values.size() * (is_bytes ? 1 : sizeof(float));
        header[tensor.name] = {{"dtype", is_bytes ? "I8" : "F32"},
                               {"shape", tensor.shape},
                               {"data_offsets", {offset, offset + bytes}}};
        offset += bytes;
    }
    // A command line may hold bytes that are no UTF-8: they become U+FFFD rather than an invalid file.
    std::string text = header.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    text.resize((text.size() + 7) / 8 * 8, ' ');  // data starts aligned, as the format's own writers do
    return text;
}

}  // namespace

namespace {

// As the header claims them, before a value is read: a sparse file of any size costs nothing to make.
std::vector<float> room_for(const TensorEntry& entry, std::uint64_t bytes, std::uint64_t file_bytes,
                            const std::string& path) {
    try {
        return std::vector<float>(static_cast<std::size_t>(bytes / entry.value_bytes()));
    } catch (const std::exception&) {  // bad_alloc, or length_error
        throw Error(ErrorKind::resource,
                    path + ": tensor '" + entry.name + "' claims " + std::to_string(bytes) +
                        " bytes, more memory than can be had; the file has " + std::to_string(file_bytes));
    }
}

}  // namespace

TensorFile read_safetensors(const std::string& path, const CheckHeader& check) {
    InputFile input(path);
    std::uint64_t length = 0;
    require(input.size() >= kLengthBytes, ErrorKind::input, path + ": too short for a safetensors file");
    input.read(&length, kLengthBytes);
    require(length <= kMaxTensorHeader, ErrorKind::input,
            path + ": the header's length is impossible; this is not an undamaged safetensors file");
    require(length <= input.size() - kLengthBytes, ErrorKind::input,
            path + ": truncated, or damaged: its header takes " + std::to_string(length) + " bytes, but " +
                std::to_string(input.size() - kLengthBytes) + " are left in the file; copy it again");
    std::string text(static_cast<std::size_t>(length), '\0');
    input.read(text.data(), length);
    require(!text.empty() && text[0] == '{', ErrorKind::input, path + ": not a safetensors file");
    TensorHeader header = parse_tensor_header(text, input.size() - kLengthBytes - length, path);

    TensorFile file;
    file.metadata = std::move(header.metadata);
    file.tensors.reserve(header.entries.size());
    for (const TensorEntry& entry : header.entries) {
        file.tensors.push_back({entry.name, entry.shape, {}});
        if (entry.is_bytes) file.bytes.insert(entry.name);
    }
    if (check) check(file);
    for (std::size_t i = 0; i < header.entries.size(); ++i) {
        const std::uint64_t bytes = header.entries[i].end - header.entries[i].begin;
        file.tensors[i].values = room_for(header.entries[i], bytes, input.size(), path);
        std::vector<float>& values = file.tensors[i].values;
        if (header.entries[i].is_bytes) {
            std::vector<std::int8_t> packed(values.size());
            input.read(packed.data(), bytes);
            std::ranges::copy(packed, values.begin());
            continue;
        }
        input.read(values.data(), bytes);
        require_finite(file.tensors[i], path);
    }
    return file;
}

void write_safetensors(const std::string& path, const TensorFile& file) {
    OutputSet alone;
    add_safetensors(alone, path, file);
    alone.commit();
}

void add_safetensors(OutputSet& outputs, const std::string& path, const TensorFile& file) {
    require_writable(file, path);
    const std::string text = header_text(file);
    require(text.size() <= kMaxTensorHeader, ErrorKind::input, path + ": the header would exceed 16 MiB");
    const std::uint64_t length = text.size();
    char prefix[kLengthBytes];
    std::memcpy(prefix, &length, kLengthBytes);
    AtomicFile output(path);
    output.write({prefix, kLengthBytes});
    output.write(text);
    for (const NamedTensor& tensor : file.tensors) {
        if (file.bytes.contains(tensor.name)) {
            std::vector<std::int8_t> packed(tensor.values.size());
            std::ranges::transform(tensor.values, packed.begin(), byte_of);
            output.write({reinterpret_cast<const char*>(packed.data()), packed.size()});
        } else {
            output.write(
                {reinterpret_cast<const char*>(tensor.values.data()), tensor.values.size() * sizeof(float)});
        }
    }
    outputs.add(std::move(output));
}

std::string content_sha256(const TensorFile& file, const std::string& except) {
    Sha256 hash;
    for (const auto& [key, text] : file.metadata) {
        if (key == except) continue;
        add(hash, key);
        add(hash, text);
    }
    for (const NamedTensor& tensor : file.tensors) {
        add(hash, tensor.name);
        add(hash, std::uint64_t{tensor.shape.size()});
        for (const std::int64_t dimension : tensor.shape) add(hash, static_cast<std::uint64_t>(dimension));
        hash.add(tensor.values.data(), tensor.values.size() * sizeof(float));
    }
    return hash.hex();
}

}  // namespace regkit
