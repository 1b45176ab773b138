// The text is parsed twice: first by a counter that keeps nothing and stops at too many values or too deep a
// nesting, and only then into a document, which takes many times the memory of its text.
#include "io/files/bounded_json.hpp"

#include "kernels/base/error.hpp"

namespace regkit {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxValues = 1'000'000;

// Counts, and keeps nothing. (The parser's own callback would do, but it looks through all of a list at the
// end of each object in it.)
class Counter {
  public:
    explicit Counter(const std::string& where) : where_(where) {}

    bool null() { return value(); }
    bool boolean(bool) { return value(); }
    bool number_integer(json::number_integer_t) { return value(); }
    bool number_unsigned(json::number_unsigned_t) { return value(); }
    bool number_float(json::number_float_t, const json::string_t&) { return value(); }
    bool string(json::string_t&) { return value(); }
    bool binary(json::binary_t&) { return value(); }
    bool key(json::string_t&) { return true; }
    bool start_object(std::size_t) { return open(); }
    bool start_array(std::size_t) { return open(); }
    bool end_object() { return close(); }
    bool end_array() { return close(); }
    bool parse_error(std::size_t, const std::string&, const json::exception&) { return false; }

  private:
    bool value() {
        require(++values_ <= kMaxValues, ErrorKind::input, where_ + ": more than a million values");
        return true;
    }
    bool open() {
        require(++depth_ <= kMaxDepth, ErrorKind::input, where_ + ": nested deeper than 64 levels");
        return value();
    }
    bool close() {
        --depth_;
        return true;
    }

    const std::string& where_;
    int depth_ = 0;
    std::size_t values_ = 0;
};

}  // namespace

json parse_bounded_json(std::string_view text, const std::string& where) {
    require(text.size() <= kMaxJsonBytes, ErrorKind::input, where + ": more than 16 MiB of JSON");
    Counter counter(where);
    if (!json::sax_parse(text, &counter)) return json(json::value_t::discarded);
    return json::parse(text, nullptr, false);
}

}  // namespace regkit
