// A small state machine takes the parser's events and knows what may come next, so a header that strays is
// refused at that byte and never becomes a document in memory. Then the tensors are sorted by where they
// begin, and must fill the data without a gap, an overlap or a rest.
#include "io/safetensors/safetensors_header.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "kernels/base/error.hpp"

namespace regkit {
namespace {

using nlohmann::json;

// Accepts {name: {"dtype": "F32" or "I8", "shape": [...], "data_offsets": [b, e]}, "__metadata__": {key:
// text}} and nothing else, event by event: a hostile header is refused at the first byte that strays, and
// never becomes a document.
class HeaderReader {
  public:
    using number_integer_t = json::number_integer_t;
    using number_unsigned_t = json::number_unsigned_t;
    using number_float_t = json::number_float_t;
    using string_t = json::string_t;
    using binary_t = json::binary_t;

    TensorHeader header;
    std::string fault;

    bool start_object(std::size_t) {
        if (state_ == State::start) return go(State::names);
        if (state_ == State::entry_value) return go(State::entry);
        if (state_ == State::metadata_value) return go(State::metadata);
        return fail("an object where none belongs");
    }

    bool key(string_t& text) {
        switch (state_) {
            case State::names:
                return name_key(text);
            case State::metadata:
                if (header.metadata.count(text)) return fail("metadata key '" + text + "' twice");
                key_ = text;
                return go(State::metadata_text);
            case State::entry:
                return entry_key(text);
            default:
                return fail("a key where none belongs");
        }
    }

    bool end_object() {
        if (state_ == State::names) return go(State::end);
        if (state_ == State::metadata) return go(State::names);
        if (state_ != State::entry) return fail("an object ends where none began");
        if (!has_dtype_ || !has_shape_ || !has_offsets_)
            return fail("tensor '" + entry_.name + "' lacks dtype, shape or data_offsets");
        header.entries.push_back(std::move(entry_));
        return go(State::names);
    }

    bool start_array(std::size_t) {
        if (state_ == State::shape_value) return go(State::shape);
        if (state_ == State::offsets_value) return go(State::offsets);
        return fail("a list where none belongs");
    }

    bool end_array() {
        if (state_ == State::offsets && offsets_ != 2)
            return fail("tensor '" + entry_.name + "': data_offsets must be two numbers");
        return go(State::entry);
    }

    bool string(string_t& text) {
        if (state_ == State::metadata_text) {
            header.metadata.emplace(std::move(key_), std::move(text));
            return go(State::metadata);
        }
        if (state_ != State::dtype_value) return fail("a text where none belongs");
        if (text != "F32" && text != "I8")
            return fail("tensor '" + entry_.name + "' is " + text + "; only F32 and I8 are read");
        entry_.is_bytes = text == "I8";
        return go(State::entry);
    }

    bool number_unsigned(number_unsigned_t value) {
        if (state_ == State::shape) {
            if (value == 0) return fail("tensor '" + entry_.name + "' has a dimension of 0");
            if (value > std::uint64_t{std::numeric_limits<std::int64_t>::max()})
                return fail("tensor '" + entry_.name + "' has a dimension out of range");
            if (entry_.shape.size() == kMaxTensorRank)
                return fail("tensor '" + entry_.name + "' has more than 8 dimensions");
            entry_.shape.push_back(static_cast<std::int64_t>(value));
            return true;
        }
        if (state_ != State::offsets || offsets_ == 2) return fail("a number where none belongs");
        (offsets_++ == 0 ? entry_.begin : entry_.end) = value;
        return true;
    }

    bool null() { return fail("null where none belongs"); }
    bool boolean(bool) { return fail("true or false where none belongs"); }
    bool number_integer(number_integer_t) { return fail("a negative number"); }
    bool number_float(number_float_t, const string_t& text) {
        return fail("'" + text + "' is no whole number");
    }
    bool binary(binary_t&) { return fail("binary data"); }
    bool parse_error(std::size_t position, const std::string&, const json::exception&) {
        return fail("no valid JSON at byte " + std::to_string(position) + " of the header");
    }

  private:
    enum class State {
        start,
        names,
        entry_value,
        entry,
        dtype_value,
        shape_value,
        shape,
        offsets_value,
        offsets,
        metadata_value,
        metadata,
        metadata_text,
        end,
    };

    bool go(State next) {
        state_ = next;
        return true;
    }
    bool fail(const std::string& what) {
        if (fault.empty()) fault = what;
        return false;
    }

    bool name_key(string_t& text) {
        if (text == "__metadata__") {
            if (has_metadata_) return fail("__metadata__ twice");
            has_metadata_ = true;
            return go(State::metadata_value);
        }
        if (text.empty()) return fail("a tensor without a name");
        if (!names_.insert(text).second) return fail("tensor '" + text + "' twice");
        if (names_.size() > kMaxTensors) return fail("more than 4,096 tensors");
        entry_ = {};
        entry_.name = text;
        has_dtype_ = has_shape_ = has_offsets_ = false;
        offsets_ = 0;
        return go(State::entry_value);
    }

    bool entry_key(const string_t& text) {
        bool* seen = nullptr;
        State next = State::entry;
        if (text == "dtype") seen = &has_dtype_, next = State::dtype_value;
        if (text == "shape") seen = &has_shape_, next = State::shape_value;
        if (text == "data_offsets") seen = &has_offsets_, next = State::offsets_value;
        if (!seen) return fail("tensor '" + entry_.name + "' has an unknown key '" + text + "'");
        if (*seen) return fail("tensor '" + entry_.name + "' has " + text + " twice");
        *seen = true;
        return go(next);
    }

    State state_ = State::start;
    std::set<std::string> names_;
    std::string key_;
    TensorEntry entry_;
    bool has_metadata_ = false, has_dtype_ = false, has_shape_ = false, has_offsets_ = false;
    int offsets_ = 0;
};

// Bytes of the tensor, by its shape, or 0 when that exceeds `limit`. Never overflows.
std::uint64_t tensor_bytes(const TensorEntry& entry, std::uint64_t limit) {
    std::uint64_t bytes = entry.value_bytes();
    for (const std::int64_t dimension : entry.shape) {
        if (static_cast<std::uint64_t>(dimension) > limit / bytes) return 0;
        bytes *= static_cast<std::uint64_t>(dimension);
    }
    return bytes;
}

}  // namespace

TensorHeader parse_tensor_header(std::string_view text, std::uint64_t data_bytes, const std::string& path) {
    const auto refuse = [&](const std::string& what) {
        throw Error(ErrorKind::input, path + ": " + what + "; this is not an undamaged safetensors file");
    };
    HeaderReader reader;
    if (!json::sax_parse(text.begin(), text.end(), &reader)) refuse(reader.fault);
    auto& entries = reader.header.entries;
    std::stable_sort(entries.begin(), entries.end(),
                     [](const TensorEntry& a, const TensorEntry& b) { return a.begin < b.begin; });
    std::uint64_t claimed = 0, covered = 0;
    for (const TensorEntry& entry : entries) claimed = std::max(claimed, entry.end);
    require(claimed <= data_bytes, ErrorKind::input,
            path + ": truncated, or damaged: its tensors take " + std::to_string(claimed) + " bytes, but " +
                std::to_string(data_bytes) + " are left in the file; copy it again");
    for (const TensorEntry& entry : entries) {
        if (entry.begin != covered || entry.end <= entry.begin || entry.end > data_bytes)
            refuse("tensor '" + entry.name + "' leaves a gap, overlaps another or runs past the data");
        if (tensor_bytes(entry, data_bytes) != entry.end - entry.begin)
            refuse("the shape of tensor '" + entry.name + "' does not match its " +
                   std::to_string(entry.end - entry.begin) + " bytes");
        covered = entry.end;
    }
    if (covered != data_bytes) refuse(std::to_string(data_bytes - covered) + " bytes behind the last tensor");
    return std::move(reader.header);
}

}  // namespace regkit
