// One test body per operation, run over every back end. A body is a function of a Run: it makes its inputs
// through the Run, calls the operation, and keeps what came out. run_everywhere() runs it on the reference
// and on every other back end of the table in harness.cpp, and compares.
//
// What a Run does to catch faults that plain comparisons miss:
//  - Tensors lie in larger buffers that were filled with NaN, so reading beyond a row or a batch shows.
//  - Outputs are NaN before the operation, so an element that is not written shows.
//  - After an operation the halo of its output is read back through a convolution, and must be zero.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernels/backend.hpp"

namespace regkit::test {

using Values = std::vector<double>;

// Fixed numbers in [low, high), each exactly a float, from (seed, index) alone.
Values random_values(std::int64_t count, std::uint32_t seed, double low = -1, double high = 1);

struct Result {
    std::string name;
    Values values;
};

class Run {
  public:
    explicit Run(Backend& backend) : backend_(backend) {}

    Backend& backend() { return backend_; }
    // A tensor that holds `values` (canonical order); random ones where none are given.
    View input(const Shape& shape, const Values& values, Halo halo = {});
    View random(const Shape& shape, std::uint32_t seed, Halo halo = {});
    // A tensor that an operation will write; NaN until then.
    View output(const Shape& shape, Halo halo = {3, 5});
    Slice flat(const Values& values);
    Slice random_flat(std::int64_t count, std::uint32_t seed, double low = -1, double high = 1);
    Slice output_flat(std::int64_t count);
    Slice zeros(std::int64_t count);

    Values read(const View& view);
    Values read(const Slice& slice);
    // Reads a result and keeps it for the comparison; of a tensor also checks that its halo is zero.
    void keep(const std::string& name, const View& view);
    void keep(const std::string& name, const Slice& slice);
    void keep(const std::string& name, const Values& values);
    const std::vector<Result>& results() const { return results_; }

    // Set by bodies whose results are gradients through a ReLU: rounding its input to bf16 turns it here and
    // there, and a single value by all it has, so in bf16 it is the mean of the differences that is small.
    bool through_relu = false;

  private:
    Buffer& buffer(const Shape& shape, Halo halo);

    Backend& backend_;
    std::deque<Buffer> buffers_;
    std::vector<Result> results_;
};

using Body = std::function<void(Run&)>;

// A row of the table of back ends.
struct BackendUnderTest {
    std::string label;
    std::function<std::unique_ptr<Backend>()> make;
    double tolerance;       // largest difference, relative to the largest magnitude of a result
    std::string same_bits;  // label of an earlier row whose every result must be the same to the bit
};
const std::vector<BackendUnderTest>& backends_under_test();
// Whether the address sanitizer looks on.
#ifdef __SANITIZE_ADDRESS__
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

// Whether REGKIT_SLOW is set, as `make slow` does: the table then has every row, else those that differ most.
bool long_form();
// Adds the rows of the CUDA back end; a test of the CPU's kernels alone (test/isa) links one that adds none.
void add_cuda(std::vector<BackendUnderTest>& table);

// Runs `body` on the reference and on every back end of the table, and compares each kept result. `exact`:
// values are moved, not computed, so the tolerance is 0. `large`: the emulator, which is slow, runs its
// threads in one order only; its other orders have the small cases.
void run_everywhere(const std::string& what, const Body& body, bool exact = false, bool large = false);

// Calls `body` with every back end of the table that is not the reference, and its tolerance.
void for_each_backend(const std::function<void(Backend& backend, double tolerance)>& body);

// Holds the gradients of an operation on the reference against central differences in double precision.
// forward: inputs -> outputs. gradient: (inputs, d_outputs) -> one gradient per input.
using Forward = std::function<Values(Run&, const std::vector<Values>& inputs)>;
using Gradient =
    std::function<std::vector<Values>(Run&, const std::vector<Values>& inputs, const Values& d_outputs)>;
void check_gradient(const std::string& what, const std::vector<Values>& inputs, const Forward& forward,
                    const Gradient& gradient);

// CHECKs that both have the same size, all values are finite, and no difference exceeds tolerance * largest
// expected magnitude.
void check_close(const std::string& what, const Values& got, const Values& expected, double tolerance);

// Whether its products round their operands to bf16.
bool in_bf16(const Backend& backend);

// Two results of one back end; `tolerance` holds where it is not in bf16.
void check_same(Run& run, const std::string& what, const Values& got, const Values& expected,
                double tolerance);

}  // namespace regkit::test
