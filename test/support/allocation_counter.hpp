// Counts requests for memory from the heap, of every thread of the process. Linked only into a test of its
// own, whose malloc and relatives it is; operator new of libstdc++ comes here, too.
#pragma once

#include <cstdint>

namespace regkit::test {

// Requests (malloc, calloc, realloc, aligned_alloc, posix_memalign, memalign) since the process began.
std::int64_t allocations();

}  // namespace regkit::test
