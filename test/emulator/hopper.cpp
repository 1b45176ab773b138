// kernels/cuda/hopper.hpp as C++. Copies and products are done as late as they may, or at once:
//  - a copy, when no thread can go on without it (not as soon as one waits: then much has still to be done by
//    others that should not depend on it),
//  - a product, when it is waited for; its sums are NaN until then, at any time.
// Products read shared memory as it was when a thread last called fence_async_proxy, but for what copies
// brought, which they see at once.
#include "kernels/cuda/hopper.hpp"

#include <algorithm>
#include <bit>
#include <deque>
#include <limits>
#include <map>
#include <string_view>
#include <vector>

#include "test/emulator/block.hpp"

namespace regkit::emulator {

namespace {

// Addresses in shared memory begin here: at no multiple of what swizzled tiles begin at.
constexpr std::size_t kSharedBegin = 128;
constexpr int kWide = 256;  // columns of WideSums

// What is behind CUtensorMap: one matrix, or several behind one another.
struct Matrix {
    const cuda::Bf16* data;
    std::int64_t rows, columns, pitch;
    int tile_rows;
    bool in_lines;
    std::int64_t lines, distance;
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
    cuda::Bf16* to;
    const cuda::PhaseBarrier* barrier;
};

struct Product {
    std::uint64_t a, b;
    int half = -1;  // of the sums, by rows of both operands; -1: all of them, by columns
};

// Of a thread.
struct Products {
    bool begun = false;
    float (*sums)[4] = nullptr;  // where they are NaN
    cuda::WideSums kept = {};    // what they are
    std::vector<Product> open, committed;
};

struct HopperBlock {
    std::map<const cuda::PhaseBarrier*, Phases> barriers;
    std::deque<Copy> copies;
    std::map<unsigned, Products> products;
    std::vector<unsigned char> seen;  // shared memory as products see it
};
HopperBlock block;

std::size_t offset_of(const void* place) {
    const SharedMemory memory = shared_memory();
    const auto offset = static_cast<std::size_t>(static_cast<const unsigned char*>(place) - memory.data);
    if (offset >= memory.size) fail("what should be in shared memory is not");
    return offset;
}

std::size_t swizzled_address(std::size_t address) {
    return address ^ (address >> 7 & 7) << 4;
}

Phases& phases_of(const cuda::PhaseBarrier& barrier) {
    const auto found = block.barriers.find(&barrier);
    if (found == block.barriers.end()) fail("a barrier that was not set");
    return found->second;
}

void run(const Copy& copy) {
    const SharedMemory memory = shared_memory();
    const std::size_t begin =
        static_cast<std::size_t>(reinterpret_cast<unsigned char*>(copy.to) - memory.data);
    for (int r = 0; r < copy.from.tile_rows; ++r)
        for (int c = 0; c < cuda::kTileColumns; ++c) {
            const std::int64_t row = copy.row + r, column = copy.column + c;
            const bool inside = row >= 0 && row < copy.from.rows && column >= 0 &&
                                column < copy.from.columns && copy.line >= 0 && copy.line < copy.from.lines;
            const cuda::Bf16 value =
                inside ? copy.from.data[copy.line * copy.from.distance + row * copy.from.pitch + column]
                       : cuda::Bf16{0};
            const std::size_t address =
                kSharedBegin + begin +
                (static_cast<std::size_t>(r) * cuda::kTileColumns + static_cast<std::size_t>(c)) *
                    sizeof value;
            const std::size_t at = swizzled_address(address) - kSharedBegin;
            std::memcpy(memory.data + at, &value, sizeof value);
            std::memcpy(block.seen.data() + at, &value, sizeof value);
        }
    Phases& phases = block.barriers.at(copy.barrier);
    phases.bytes -= std::int64_t{copy.from.tile_rows} * cuda::kTileColumns * std::int64_t{sizeof(cuda::Bf16)};
    phases.advance();
}

// Sixteen values of a row of an operand.
struct Sixteen {
    float value[16];
};

Sixteen row_of(std::uint64_t operand, int row) {
    if (operand >> 62 != 1) fail("an operand that is not swizzled by 128 bytes");
    const std::uint64_t begin = (operand & 0x3FFF) << 4, eight_rows = (operand >> 32 & 0x3FFF) << 4;
    Sixteen result;
    for (int half = 0; half < 2; ++half) {
        const std::uint64_t address = begin + static_cast<unsigned>(row / 8) * eight_rows +
                                      static_cast<unsigned>(row % 8) * 128 + static_cast<unsigned>(half) * 16;
        const std::size_t at = swizzled_address(address) - kSharedBegin;
        if (at + 16 > block.seen.size()) fail("an operand beyond shared memory");
        cuda::Bf16 values[8];
        std::memcpy(values, block.seen.data() + at, sizeof values);
        for (int i = 0; i < 8; ++i) result.value[half * 8 + i] = cuda::to_float(values[i]);
    }
    return result;
}

// Sixteen values of a column of an operand of rows.
Sixteen column_of(std::uint64_t operand, int column) {
    if (operand >> 62 != 1) fail("an operand that is not swizzled by 128 bytes");
    const std::uint64_t begin = (operand & 0x3FFF) << 4, next_tile = (operand >> 16 & 0x3FFF) << 4,
                        eight_rows = (operand >> 32 & 0x3FFF) << 4;
    Sixteen result;
    for (int row = 0; row < 16; ++row) {
        const std::uint64_t address = begin + static_cast<unsigned>(column / cuda::kTileColumns) * next_tile +
                                      static_cast<unsigned>(row / 8) * eight_rows +
                                      static_cast<unsigned>(row % 8) * 128 +
                                      static_cast<unsigned>(column % cuda::kTileColumns) * sizeof(cuda::Bf16);
        const std::size_t at = swizzled_address(address) - kSharedBegin;
        if (at + sizeof(cuda::Bf16) > block.seen.size()) fail("an operand beyond shared memory");
        cuda::Bf16 value;
        std::memcpy(&value, block.seen.data() + at, sizeof value);
        result.value[row] = cuda::to_float(value);
    }
    return result;
}

float product_of(const Sixteen& a, const Sixteen& b) {
    float sum = 0;
    for (int k = 0; k < 16; ++k) sum += a.value[k] * b.value[k];
    return sum;
}

void run_by_rows(const Product& product, cuda::WideSums& sums) {
    const int lane_number = static_cast<int>(lane()),
              first = static_cast<int>(thread_number() / kWarpSize) % 4 * 16 + lane_number / 4;
    const Sixteen a[2] = {column_of(product.a, first), column_of(product.a, first + 8)};
    for (int n = 0; n < kWide / 16; ++n)
        for (int e = 0; e < 2; ++e) {
            const Sixteen b = column_of(product.b, n * 8 + lane_number % 4 * 2 + e);
            for (int half = 0; half < 2; ++half)
                sums[product.half * kWide / 16 + n][2 * half + e] += product_of(a[half], b);
        }
}

// The calling thread's part of it.
void run(const Product& product, cuda::WideSums& sums) {
    if (product.half >= 0) return run_by_rows(product, sums);
    const int lane_number = static_cast<int>(lane()),
              warp = static_cast<int>(thread_number() / kWarpSize) % 4;
    const int first_row = warp * 16 + lane_number / 4;
    const Sixteen a[2] = {row_of(product.a, first_row), row_of(product.a, first_row + 8)};
    for (int n = 0; n < kWide / 8; ++n)
        for (int e = 0; e < 2; ++e) {
            const Sixteen b = row_of(product.b, n * 8 + lane_number % 4 * 2 + e);
            for (int half = 0; half < 2; ++half) sums[n][2 * half + e] += product_of(a[half], b);
        }
}

void run_all(std::vector<Product>& products, cuda::WideSums& sums) {
    for (const Product& product : products) run(product, sums);
    products.clear();
}

// All lanes of the warp come together.
void meet_lanes() {
    const char none = 0;
    char result;
    meet(
        &none, 1, [](WarpSlots&) {}, &result, 1);
}

CUresult encode_tiled(CUtensorMap* map, CUtensorMapDataType type, cuuint32_t rank, void* data,
                      const cuuint64_t* sizes, const cuuint64_t* distances, const cuuint32_t* tile,
                      const cuuint32_t* steps, CUtensorMapInterleave interleave, CUtensorMapSwizzle swizzle,
                      CUtensorMapL2promotion, CUtensorMapFloatOOBfill fill) {
    // What the emulator knows, and what CUDA asks of it.
    const bool in_lines = rank == 3;
    const bool known = type == CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 && (rank == 2 || in_lines) &&
                       steps[0] == 1 && steps[1] == 1 && (!in_lines || (steps[2] == 1 && tile[2] == 1)) &&
                       interleave == CU_TENSOR_MAP_INTERLEAVE_NONE &&
                       swizzle == CU_TENSOR_MAP_SWIZZLE_128B && fill == CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE &&
                       tile[0] == cuda::kTileColumns;
    const bool right = reinterpret_cast<std::uintptr_t>(map) % 64 == 0 &&
                       reinterpret_cast<std::uintptr_t>(data) % 16 == 0 && distances[0] % 16 == 0 &&
                       distances[0] >= sizes[0] * sizeof(cuda::Bf16) && sizes[0] > 0 && sizes[1] > 0 &&
                       tile[1] > 0 && tile[1] <= 256 &&
                       (!in_lines || (sizes[2] > 0 && distances[1] % 16 == 0 &&
                                      distances[1] >= sizes[1] * distances[0]));
    if (!known || !right) return CUDA_ERROR_INVALID_VALUE;
    const Matrix matrix{static_cast<const cuda::Bf16*>(data), static_cast<std::int64_t>(sizes[1]),
                        static_cast<std::int64_t>(sizes[0]),
                        static_cast<std::int64_t>(distances[0] / sizeof(cuda::Bf16)),
                        static_cast<int>(tile[1]),
                        in_lines,
                        in_lines ? static_cast<std::int64_t>(sizes[2]) : 1,
                        in_lines ? static_cast<std::int64_t>(distances[1] / sizeof(cuda::Bf16)) : 0};
    std::memcpy(map, &matrix, sizeof matrix);
    return CUDA_SUCCESS;
}

}  // namespace

void begin_hopper_block() {
    block = {};
    block.seen.assign(shared_memory().size, kPoison);
}

bool advance_hopper() {
    if (block.copies.empty()) return false;
    const Copy copy = block.copies.front();
    block.copies.pop_front();
    run(copy);
    return true;
}

const char* undone_by_hopper_thread() {
    const auto own = block.products.find(thread_number());
    if (own == block.products.end() || (own->second.open.empty() && own->second.committed.empty()))
        return nullptr;
    return "a thread ends with products that it did not wait for";
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

namespace {

void start_copy(emulator::Copy copy, const CUtensorMap& map, bool in_lines) {
    std::memcpy(&copy.from, &map, sizeof copy.from);
    if (copy.from.in_lines != in_lines) fail("a copy by a map of another rank");
    Bf16* const shared = copy.to;
    if ((emulator::offset_of(shared) + emulator::kSharedBegin) % 128 != 0)
        fail("a copied tile at an address that is no multiple of 128");
    emulator::offset_of(shared + copy.from.tile_rows * kTileColumns - 1);
    if (!emulator::phases_of(*copy.barrier).published) fail("a copy at a barrier that was not published");
    if (emulator::is_due_at_once())
        emulator::run(copy);
    else
        block.copies.push_back(copy);
}

}  // namespace

void copy_tile(Bf16* shared, const CUtensorMap& map, int row, int column, PhaseBarrier& barrier) {
    start_copy({{}, 0, row, column, shared, &barrier}, map, false);
}

void copy_line_tile(Bf16* shared, const CUtensorMap& map, int line, int row, int column,
                    PhaseBarrier& barrier) {
    start_copy({{}, line, row, column, shared, &barrier}, map, true);
}

void fence_async_proxy() {
    const emulator::SharedMemory memory = emulator::shared_memory();
    std::memcpy(block.seen.data(), memory.data, memory.size);
}

std::uint64_t operand(const Bf16* rows, int step) {
    const std::size_t address = emulator::offset_of(rows) + emulator::kSharedBegin;
    return (address + static_cast<unsigned>(step) * 32) >> 4 | std::uint64_t{1} << 16 |
           std::uint64_t{kSwizzleBytes / 16} << 32 | std::uint64_t{1} << 62;
}

void begin_products(WideSums&) {
    emulator::meet_lanes();
    block.products[emulator::thread_number()].begun = true;
}

std::uint64_t operand_of_rows(const Bf16* rows, int step, int distance) {
    const std::size_t address = emulator::offset_of(rows + step * 16 * kTileColumns) + emulator::kSharedBegin;
    return address >> 4 | std::uint64_t{static_cast<unsigned>(distance) * 8} << 16 |
           std::uint64_t{kSwizzleBytes / 16} << 32 | std::uint64_t{1} << 62;
}

namespace {

void start_product(WideSums& sums, const emulator::Product& product) {
    emulator::meet_lanes();
    emulator::Products& own = block.products[emulator::thread_number()];
    if (!own.begun) fail("products that nothing began");
    if (own.sums && own.sums != sums) fail("products of two sums at once, which the emulator cannot do");
    if (!own.sums) {
        own.sums = sums;
        std::memcpy(own.kept, sums, sizeof own.kept);
        std::fill_n(&sums[0][0], sizeof own.kept / sizeof(float), std::numeric_limits<float>::quiet_NaN());
    }
    own.open.push_back(product);
    // In their order: not before those that are late.
    if (own.committed.empty() && emulator::is_due_at_once()) emulator::run_all(own.open, own.kept);
}

}  // namespace

void multiply_add_async(WideSums& sums, std::uint64_t a, std::uint64_t b) {
    start_product(sums, {a, b});
}

void multiply_rows_of_emulator(WideSums& sums, int half, std::uint64_t a, std::uint64_t b) {
    start_product(sums, {a, b, half});
}

void commit_products() {
    emulator::meet_lanes();
    emulator::Products& own = block.products[emulator::thread_number()];
    own.committed.insert(own.committed.end(), own.open.begin(), own.open.end());
    own.open.clear();
}

void wait_products(WideSums& sums) {
    emulator::meet_lanes();
    emulator::Products& own = block.products[emulator::thread_number()];
    if (!own.open.empty()) fail("products that were not committed");
    if (emulator::is_wait_left_out()) {
        own = {};  // they come when nobody reads the sums any more
        return;
    }
    if (own.sums && own.sums != sums) fail("a wait for products of other sums");
    emulator::run_all(own.committed, own.kept);
    if (own.sums) std::memcpy(sums, own.kept, sizeof own.kept);
    own = {};
}

}  // namespace regkit::cuda
