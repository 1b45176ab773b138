// libFuzzer's entry, the same for all targets.
#include <cstdint>

#include "test/fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try_input(fuzz_one, {reinterpret_cast<const char*>(data), size});
    return 0;
}
