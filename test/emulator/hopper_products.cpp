// Products of kernels/cuda/hopper.hpp as C++. A product is done at once, or when it is waited for; until
// then, at any time, its registers are NaN, and must still be so when it is waited for.
#include <algorithm>
#include <vector>

#include "test/emulator/hopper_memory.hpp"

namespace regkit::emulator {

namespace {

// A left operand in registers: of a thread's rows g and g + 8 all 16 columns.
struct Sixteen {
    float value[16];
};

struct Product {
    unsigned parts;  // of eight columns
    enum { columns, registers, registers_by_rows, rows } form;
    std::uint64_t a, b;
    Sixteen left[2] = {};          // in registers
    std::size_t sums = 0, at = 0;  // which, and of them the first

    bool left_in_registers() const { return form == registers || form == registers_by_rows; }
};

// Registers that products use: until they are waited for NaN.
struct Registers {
    unsigned char* data;
    std::vector<unsigned char> begun;  // what they held when products began
    std::vector<unsigned char> kept;   // what they are; none yet where no product uses them

    bool holds(const void* place) const {
        return place >= data && place < static_cast<const void*>(data + begun.size());
    }
};

// Of a thread.
struct Products {
    std::vector<Registers> registers;
    std::vector<Product> open, committed;
};

std::vector<Products> products_of_threads;

// `count` values that lie together within 16 bytes, as products see them.
void see(std::uint64_t address, unsigned count, float* values) {
    const std::size_t at = swizzled_address(address) - kSharedBegin;
    cuda::Bf16 seen[8];
    if (at + count * sizeof *seen > seen_by_products().size()) fail("an operand beyond shared memory");
    std::memcpy(seen, seen_by_products().data() + at, count * sizeof *seen);
    for (unsigned i = 0; i < count; ++i) values[i] = cuda::to_float(seen[i]);
}

// Sixteen values of row n of an operand, or of column n where it is transposed.
Sixteen values_of(std::uint64_t operand, unsigned n, bool transposed) {
    if (operand >> 62 != 1) fail("an operand that is not swizzled by 128 bytes");
    const std::uint64_t begin = (operand & 0x3FFF) << 4, first = (operand >> 16 & 0x3FFF) << 4,
                        second = (operand >> 32 & 0x3FFF) << 4;
    Sixteen result;
    if (transposed)
        for (unsigned k = 0; k < 16; ++k)
            see(begin + n / 64 * first + k / 8 * second + k % 8 * kRowBytes + n % 64 * sizeof(cuda::Bf16), 1,
                result.value + k);
    else
        for (unsigned half = 0; half < 2; ++half)
            see(begin + n / 8 * second + n % 8 * kRowBytes + half * 16, 8, result.value + 8 * half);
    return result;
}

// The calling thread's part of it.
void run(const Product& product, float* sums) {
    const unsigned first_row = thread_number() / kWarpSize % 4 * 16 + lane() / 4;
    const bool by_rows = product.form == Product::registers_by_rows || product.form == Product::rows;
    Sixteen a[2] = {product.left[0], product.left[1]};
    for (unsigned half = 0; half < 2 && !product.left_in_registers(); ++half)
        a[half] = values_of(product.a, first_row + 8 * half, by_rows);
    constexpr HopperFlaw kFlaws[] = {HopperFlaw::column_products, HopperFlaw::register_products,
                                     HopperFlaw::register_row_products, HopperFlaw::row_products};
    const float start = has(kFlaws[product.form]) ? 1.0f : 0.0f;
    for (unsigned n = 0; n < product.parts; ++n)
        for (unsigned e = 0; e < 2; ++e) {
            const Sixteen b = values_of(product.b, n * 8 + lane() % 4 * 2 + e, by_rows);
            for (unsigned half = 0; half < 2; ++half) {
                float sum = start;
                for (int k = 0; k < 16; ++k) sum += a[half].value[k] * b.value[k];
                sums[4 * n + 2 * half + e] += sum;
            }
        }
}

Products& own_products() {
    return products_of_threads[thread_number()];
}

// Which of those that begin_products named hold this place.
std::size_t find(const Products& own, const void* place) {
    for (std::size_t i = 0; i < own.registers.size(); ++i)
        if (own.registers[i].holds(place)) return i;
    fail("products in registers that nothing began");
}

// A product uses them from now on.
void take(Registers& registers) {
    if (!registers.kept.empty()) return;
    if (std::memcmp(registers.data, registers.begun.data(), registers.begun.size()) != 0)
        fail("registers that were written behind the beginning of products");
    registers.kept = registers.begun;
    std::memset(registers.data, kPoison, registers.kept.size());
}

// Give back what products made of them.
void give_back(Registers& registers) {
    for (std::size_t i = 0; i < registers.kept.size(); ++i)
        if (registers.data[i] != kPoison) fail("registers that were written while products used them");
    if (!registers.kept.empty()) std::memcpy(registers.data, registers.kept.data(), registers.kept.size());
}

void run_all(Products& own, std::vector<Product>& products) {
    for (const Product& product : products) {
        // Bytes of a vector are where any type may begin.
        run(product, reinterpret_cast<float*>(own.registers[product.sums].kept.data()) + product.at);
    }
    products.clear();
}

void start(Product product, float* sums) {
    Products& own = own_products();
    product.sums = find(own, sums);
    Registers& registers = own.registers[product.sums];
    product.at = static_cast<std::size_t>(sums - reinterpret_cast<const float*>(registers.data));
    if ((product.at + product.parts * 4) * sizeof(float) > registers.begun.size())
        fail("sums that were not begun as a whole");
    take(registers);
    if (has(HopperFlaw::later_rows))
        for (std::uint64_t* const operand : {&product.a, &product.b})
            *operand &= ~std::uint64_t{(cuda::kSwizzleBytes - kRowBytes) / 16};
    own.open.push_back(product);
    // In their order: not before those that are late.
    if (own.committed.empty() && is_due_at_once()) run_all(own, own.open);
}

// Of the warp's lanes together: rows g and g + 8 lie in four of them.
void read_left(Product& product, const std::uint32_t* part) {
    Registers& registers = own_products().registers[find(own_products(), part)];
    if (!registers.kept.empty())  // an earlier product uses others of them
        part = reinterpret_cast<const std::uint32_t*>(
            registers.kept.data() + (reinterpret_cast<const unsigned char*>(part) - registers.data));
    std::uint32_t own[4];
    std::memcpy(own, part, sizeof own);
    for (unsigned t = 0; t < 4; ++t) {
        std::uint32_t of_lane[4];
        exchange(own, of_lane, sizeof of_lane, lane() / 4 * 4 + t);
        for (unsigned i = 0; i < 4; ++i)
            for (unsigned e = 0; e < 2; ++e)
                product.left[i % 2].value[i / 2 * 8 + 2 * t + e] =
                    cuda::to_float({static_cast<std::uint16_t>(of_lane[i] >> 16 * e)});
    }
    take(registers);
}

// All lanes of the warp come together.
void meet_lanes() {
    const char none = 0;
    char result;
    meet(
        &none, 1, [](WarpSlots&) {}, &result, 1);
}

}  // namespace

void forget_products() {
    products_of_threads.assign(blockDim.x * blockDim.y * blockDim.z, {});
}

const char* undone_by_hopper_thread() {
    const Products& own = own_products();
    if (own.open.empty() && own.committed.empty()) return nullptr;
    return "a thread ends with products that it did not wait for";
}

}  // namespace regkit::emulator

namespace regkit::cuda {

using emulator::fail;

namespace {

std::uint64_t matrix_descriptor(const Bf16* rows, unsigned step_bytes, unsigned first, unsigned second) {
    const std::size_t address = emulator::offset_of(rows) + emulator::kSharedBegin;
    if (address % emulator::kRowBytes != 0) fail("an operand that does not begin with a row");
    return (address + step_bytes) >> 4 | std::uint64_t{first / 16} << 16 | std::uint64_t{second / 16} << 32 |
           std::uint64_t{1} << 62;
}

}  // namespace

std::uint64_t operand(const Bf16* rows, int step) {
    return matrix_descriptor(rows, static_cast<unsigned>(step) * 32, 16, kSwizzleBytes);
}

std::uint64_t operand_of_rows(const Bf16* rows, int step, int distance) {
    return matrix_descriptor(rows + step * 16 * kTileColumns, 0,
                             static_cast<unsigned>(distance) * unsigned{emulator::kRowBytes}, kSwizzleBytes);
}

void begin_products_of_emulator(const RegistersOfEmulator* registers, std::size_t count) {
    emulator::meet_lanes();
    emulator::Products& own = emulator::own_products();
    for (std::size_t i = 0; i < count; ++i) {
        auto* const data = static_cast<unsigned char*>(registers[i].data);
        const auto same = std::find_if(own.registers.begin(), own.registers.end(),
                                       [&](const emulator::Registers& other) { return other.data == data; });
        emulator::Registers& now = same == own.registers.end() ? own.registers.emplace_back() : *same;
        if (!now.kept.empty()) fail("products begin in registers that are in use");
        now = {data, {data, data + registers[i].bytes}, {}};
    }
}

void multiply_add_async(Sums<32>& sums, std::uint64_t a, std::uint64_t b) {
    emulator::meet_lanes();
    emulator::start({32, emulator::Product::columns, a, b}, sums[0]);
}

void multiply_rows_of_emulator(WideSums& sums, int half, std::uint64_t a, std::uint64_t b) {
    emulator::meet_lanes();
    emulator::start({16, emulator::Product::rows, a, b}, sums[half * 16]);
}

namespace {

void start_of_registers(emulator::Product product, float* sums, const LeftPart& a) {
    emulator::read_left(product, a);
    emulator::start(product, sums);
}

}  // namespace

void multiply_add_async(Sums<8>& sums, LeftPart& a, std::uint64_t b) {
    start_of_registers({8, emulator::Product::registers, 0, b}, sums[0], a);
}

void multiply_rows_async(Sums<8>& sums, LeftPart& a, std::uint64_t b) {
    start_of_registers({8, emulator::Product::registers_by_rows, 0, b}, sums[0], a);
}

void multiply_rows_async(Sums<16>& sums, LeftPart& a, std::uint64_t b) {
    start_of_registers({16, emulator::Product::registers_by_rows, 0, b}, sums[0], a);
}

void commit_products() {
    emulator::meet_lanes();
    emulator::Products& own = emulator::own_products();
    own.committed.insert(own.committed.end(), own.open.begin(), own.open.end());
    own.open.clear();
}

void wait_products_of_emulator(const RegistersOfEmulator* registers, std::size_t count) {
    emulator::meet_lanes();
    emulator::Products& own = emulator::own_products();
    if (!own.open.empty()) fail("products that were not committed");
    if (emulator::is_wait_left_out()) {
        own = {};  // they come when nobody reads the sums any more
        return;
    }
    for (const emulator::Registers& used : own.registers) {
        const auto is_this = [&](const RegistersOfEmulator& named) { return named.data == used.data; };
        if (!used.kept.empty() && std::none_of(registers, registers + count, is_this))
            fail("a wait that does not name all registers of the products");
    }
    emulator::run_all(own, own.committed);
    for (emulator::Registers& used : own.registers) emulator::give_back(used);
    own = {};
}

}  // namespace regkit::cuda
