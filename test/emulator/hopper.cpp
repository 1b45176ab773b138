// Barriers and copies of kernels/cuda/hopper.hpp as C++. A copy is done at once or as late as it may: when no
// thread can go on without it (not as soon as one waits: then much has still to be done by others that should
// not depend on it).
//
// Products (hopper_products.cpp) see shared memory as it was when a thread last called fence_async_proxy, but
// for what copies brought, which they see at once.
#include <deque>
#include <map>
#include <string_view>
#include <vector>

#include "test/emulator/hopper_memory.hpp"

namespace regkit::emulator {

namespace {

// What is behind CUtensorMap.
struct Matrix {
    const cuda::Bf16* data;
    std::int64_t lines, rows, columns;
    std::int64_t distance, pitch;  // from line to line, from row to row
    int rank, tile_rows;
};
static_assert(sizeof(Matrix) <= sizeof(CUtensorMap));

struct Phases {
    unsigned count, missing;
    std::int64_t bytes = 0;  // announced and not yet come
    unsigned over = 0;       // how many
    bool published = false;

    void advance() {
        if (missing > 0 || bytes != 0) return;
        missing = count;
        ++over;
    }
};

struct Copy {
    Matrix from;
    int line, row, column;
    unsigned char* to;
    const cuda::PhaseBarrier* barrier;
    const void* bytes;  // where they lie together, instead of a tile
    std::size_t count;
};

struct HopperBlock {
    std::map<const cuda::PhaseBarrier*, Phases> barriers;
    std::deque<Copy> copies;
    std::vector<unsigned char> seen;  // shared memory as products see it
};
HopperBlock block;

Phases& phases_of(const cuda::PhaseBarrier& barrier) {
    const auto found = block.barriers.find(&barrier);
    if (found == block.barriers.end()) fail("a barrier that was not set");
    return found->second;
}

// To shared memory, as generic loads see it and as products do.
void put(std::size_t at, const void* from, std::size_t bytes) {
    std::memcpy(shared_memory().data + at, from, bytes);
    std::memcpy(block.seen.data() + at, from, bytes);
}

void put_tile(const Copy& copy, std::size_t begin) {
    const Matrix& from = copy.from;
    const bool is_swizzled = !has(HopperFlaw::tiles);
    for (int r = 0; r < from.tile_rows; ++r)
        for (int c = 0; c < cuda::kTileColumns; ++c) {
            const std::int64_t row = has(HopperFlaw::rows_above) && copy.row < 0 ? r : copy.row + r,
                               column = copy.column + c;
            const bool inside = copy.line >= 0 && copy.line < from.lines && row >= 0 && row < from.rows &&
                                column >= 0 && column < from.columns;
            const cuda::Bf16 value =
                inside ? from.data[copy.line * from.distance + row * from.pitch + column] : cuda::Bf16{0};
            const std::size_t address = kSharedBegin + begin + static_cast<std::size_t>(r) * kRowBytes +
                                        static_cast<std::size_t>(c) * sizeof value;
            put((is_swizzled ? swizzled_address(address) : address) - kSharedBegin, &value, sizeof value);
        }
}

void run(const Copy& copy) {
    const std::size_t begin = static_cast<std::size_t>(copy.to - shared_memory().data);
    if (copy.bytes)
        put(begin, static_cast<const char*>(copy.bytes) + (has(HopperFlaw::bytes) ? 16 : 0), copy.count);
    else
        put_tile(copy, begin);
    Phases& phases = block.barriers.at(copy.barrier);
    phases.bytes -= static_cast<std::int64_t>(copy.count);
    phases.advance();
}

void start(const Copy& copy) {
    offset_of(copy.to + copy.count - 1);
    if (!phases_of(*copy.barrier).published) fail("a copy at a barrier that was not published");
    if (is_due_at_once())
        run(copy);
    else
        block.copies.push_back(copy);
}

CUresult encode_tiled(CUtensorMap* map, CUtensorMapDataType type, cuuint32_t rank, void* data,
                      const cuuint64_t* sizes, const cuuint64_t* distances, const cuuint32_t* tile,
                      const cuuint32_t* steps, CUtensorMapInterleave interleave, CUtensorMapSwizzle swizzle,
                      CUtensorMapL2promotion, CUtensorMapFloatOOBfill fill) {
    // What the emulator knows, and what CUDA asks of it.
    const bool in_lines = rank == 3;
    const bool known = type == CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 && (rank == 2 || in_lines) && steps[0] == 1 &&
                       steps[1] == 1 && (!in_lines || (steps[2] == 1 && tile[2] == 1)) &&
                       interleave == CU_TENSOR_MAP_INTERLEAVE_NONE && swizzle == CU_TENSOR_MAP_SWIZZLE_128B &&
                       fill == CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE && tile[0] == cuda::kTileColumns;
    const bool right = reinterpret_cast<std::uintptr_t>(map) % 64 == 0 &&
                       reinterpret_cast<std::uintptr_t>(data) % 16 == 0 && distances[0] % 16 == 0 &&
                       distances[0] >= sizes[0] * sizeof(cuda::Bf16) && sizes[0] > 0 && sizes[1] > 0 &&
                       tile[1] > 0 && tile[1] <= 256 &&
                       (!in_lines || (sizes[2] > 0 && distances[1] % 16 == 0 && distances[1] > 0));
    if (!known || !right || has(HopperFlaw::maps)) return CUDA_ERROR_INVALID_VALUE;
    const auto values = [](cuuint64_t bytes) {
        return static_cast<std::int64_t>(bytes / sizeof(cuda::Bf16));
    };
    const Matrix matrix{static_cast<const cuda::Bf16*>(data),
                        in_lines ? static_cast<std::int64_t>(sizes[2]) : 1,
                        static_cast<std::int64_t>(sizes[1]),
                        static_cast<std::int64_t>(sizes[0]),
                        in_lines ? values(distances[1]) : 0,
                        values(distances[0]),
                        static_cast<int>(rank),
                        static_cast<int>(tile[1])};
    std::memcpy(map, &matrix, sizeof matrix);
    return CUDA_SUCCESS;
}

}  // namespace

std::size_t offset_of(const void* place) {
    const SharedMemory memory = shared_memory();
    const auto offset = static_cast<std::size_t>(static_cast<const unsigned char*>(place) - memory.data);
    if (offset >= memory.size) fail("what should be in shared memory is not");
    return offset;
}

std::vector<unsigned char>& seen_by_products() {
    return block.seen;
}

void begin_hopper_block() {
    block = {};
    block.seen.assign(shared_memory().size, kPoison);
    forget_products();
}

bool advance_hopper() {
    if (block.copies.empty()) return false;
    const Copy copy = block.copies.front();
    block.copies.pop_front();
    run(copy);
    return true;
}

const char* undone_by_hopper_block() {
    return block.copies.empty() ? nullptr : "a block ends with copies that it did not wait for";
}

}  // namespace regkit::emulator

cudaError_t cudaGetDriverEntryPointByVersion(const char* name, void** function, unsigned, unsigned long long,
                                             cudaDriverEntryPointQueryResult* result) {
    const bool is_there = std::string_view(name) == "cuTensorMapEncodeTiled";
    *function = is_there ? reinterpret_cast<void*>(&regkit::emulator::encode_tiled) : nullptr;
    *result = is_there ? cudaDriverEntryPointSuccess : cudaDriverEntryPointSymbolNotFound;
    return regkit::emulator::injected("cudaGetDriverEntryPointByVersion");
}

namespace regkit::cuda {

using emulator::block;
using emulator::fail;

void trap() {
    fail("a kernel that is not for this device");
}

unsigned char* swizzle_shared() {
    static_assert(emulator::kSharedBegin < kSwizzleBytes);
    return dynamic_shared() + kSwizzleBytes - emulator::kSharedBegin;
}

void set_barrier(PhaseBarrier& barrier, unsigned count) {
    if (reinterpret_cast<std::uintptr_t>(&barrier) % 8 != 0) fail("a barrier at an odd address");
    emulator::offset_of(&barrier);
    block.barriers[&barrier] = {count, count};
}

void publish_barriers() {
    for (auto& [place, phases] : block.barriers) phases.published = true;
}

void arrive(PhaseBarrier& barrier) {
    arrive_and_expect(barrier, 0);
}

void arrive_and_expect(PhaseBarrier& barrier, unsigned bytes) {
    emulator::Phases& phases = emulator::phases_of(barrier);
    if (phases.missing == 0) fail("more threads arrive at a barrier than it counts");
    phases.bytes += bytes;
    --phases.missing;
    phases.advance();
}

void wait_phase(PhaseBarrier& barrier, unsigned parity) {
    const emulator::Phases& phases = emulator::phases_of(barrier);
    if (emulator::is_wait_left_out()) return;
    emulator::wait_until([&phases, parity] { return phases.over % 2 != parity; });
}

bool wait_phase_a_while(PhaseBarrier& barrier, unsigned parity) {
    wait_phase(barrier, parity);
    return true;
}

namespace {

void start_tile(Bf16* shared, const CUtensorMap& map, int rank, int line, int row, int column,
                const PhaseBarrier& barrier) {
    emulator::Matrix from;
    std::memcpy(&from, &map, sizeof from);
    if (from.rank != rank) fail("a tile of a matrix of another rank");
    if ((emulator::offset_of(shared) + emulator::kSharedBegin) % 128 != 0)
        fail("a copied tile at an address that is no multiple of 128");
    emulator::start({from, line, row, column, reinterpret_cast<unsigned char*>(shared), &barrier, nullptr,
                     static_cast<std::size_t>(from.tile_rows) * emulator::kRowBytes});
}

}  // namespace

void copy_tile(Bf16* shared, const CUtensorMap& map, int row, int column, PhaseBarrier& barrier) {
    start_tile(shared, map, 2, 0, row, column, barrier);
}

void copy_line_tile(Bf16* shared, const CUtensorMap& map, int line, int row, int column,
                    PhaseBarrier& barrier) {
    start_tile(shared, map, 3, line, row, column, barrier);
}

void copy_bytes(void* shared, const void* global, unsigned bytes, PhaseBarrier& barrier) {
    const std::size_t offset = emulator::offset_of(shared);
    if (offset % 16 != 0 || reinterpret_cast<std::uintptr_t>(global) % 16 != 0 || bytes % 16 != 0)
        fail("a copy of bytes that do not begin or end at a multiple of 16");
    emulator::start({{}, 0, 0, 0, static_cast<unsigned char*>(shared), &barrier, global, bytes});
}

void fence_async_proxy() {
    if (emulator::has(emulator::HopperFlaw::fence)) return;
    const emulator::SharedMemory memory = emulator::shared_memory();
    std::memcpy(block.seen.data(), memory.data, memory.size);
}

}  // namespace regkit::cuda
