// What an operation checks before a back end sees it: sizes against each other, as its arithmetic needs them.
// A wrong size is a fault of the calling program, Error(usage): "conv: y has length 12, expected 10".
#pragma once

#include <cstdint>
#include <string>

#include "kernels/base/error.hpp"
#include "kernels/dropout.hpp"
#include "kernels/tensor.hpp"

namespace regkit {

class Checks {
  public:
    explicit Checks(const char* operation) : operation_(operation) {}

    void that(bool ok, const char* what) const {
        if (!ok) fail(what);
    }
    void equal(const char* what, std::int64_t got, std::int64_t expected) const {
        if (got != expected)
            fail(what + (" is " + std::to_string(got)) + ", expected " + std::to_string(expected));
    }
    void tensor(const char* name, const View& view) const {
        if (!view.data) fail(name + std::string(" is no tensor"));
        const Shape& s = view.shape;
        if (s.batch < 1 || s.channels < 1 || s.length < 1)
            fail(std::string(name) + " is empty: batch " + std::to_string(s.batch) + ", channels " +
                 std::to_string(s.channels) + ", length " + std::to_string(s.length));
    }
    void shape(const char* name, const View& view, std::int64_t batch, std::int64_t channels,
               std::int64_t length) const {
        tensor(name, view);
        dimension(name, "batch", view.shape.batch, batch);
        dimension(name, "channels", view.shape.channels, channels);
        dimension(name, "length", view.shape.length, length);
    }
    void shape(const char* name, const View& view, const Shape& expected) const {
        shape(name, view, expected.batch, expected.channels, expected.length);
    }
    void halo(const char* name, const View& view, std::int64_t left, std::int64_t right) const {
        if (view.halo.left < left || view.halo.right < right)
            fail(std::string(name) + " has halo " + std::to_string(view.halo.left) + " and " +
                 std::to_string(view.halo.right) + ", needs " + std::to_string(left) + " and " +
                 std::to_string(right));
    }
    void values(const char* name, const Slice& slice, std::int64_t expected) const {
        if (slice.count != expected)
            fail(std::string(name) + " has " + std::to_string(slice.count) + " values, expected " +
                 std::to_string(expected));
        that(expected == 0 || (slice.data && slice.offset >= 0), name);
    }
    // `expected` values or none at all.
    void optional(const char* name, const Slice& slice, std::int64_t expected) const {
        if (slice) values(name, slice, expected);
    }
    void dropout(const Dropout& dropout) const {
        that(dropout.rate >= 0 && dropout.rate < 1, "dropout rate is outside [0, 1)");
        that(dropout.interleave >= 1, "dropout interleave is 0");
        that(dropout.interleave == 1 || dropout.first == 0, "dropout of interleaved positions begins at 0");
    }
    template <typename Geometry>
    void geometry(const Geometry& g) const {
        that(g.width >= 1 && g.stride >= 1 && g.dilation >= 1, "width, stride or dilation below 1");
        that(g.pad_left >= 0 && g.pad_right >= 0, "negative padding");
    }

  private:
    void dimension(const char* name, const char* which, std::int64_t got, std::int64_t expected) const {
        if (got != expected)
            fail(std::string(name) + " has " + which + " " + std::to_string(got) + ", expected " +
                 std::to_string(expected));
    }
    [[noreturn]] void fail(const std::string& what) const {
        throw Error(ErrorKind::usage, std::string(operation_) + ": " + what);
    }

    const char* operation_;
};

}  // namespace regkit
