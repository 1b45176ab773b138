// The trial: one warpgroup copies tiles by each of the ways that there are, and multiplies them in each of
// the forms. The numbers are small and whole, so that every sum is exact in any order, and results begin as
// no numbers, so that what is not written differs, too.
#include <bit>
#include <limits>
#include <string>
#include <vector>

#include "kernels/cuda/hopper.hpp"
#include "kernels/cuda/hopper_trial.hpp"
#include "kernels/cuda/rows.hpp"
#include "kernels/cuda/tail/tile.hpp"

namespace regkit::cuda {

// Not without a name: for other devices nothing of it is used, and nvcc would warn of that.
namespace hopper_trial {

// Two matrices of numbers in device memory.
constexpr int kRows = 256, kColumns = 2 * kTileColumns, kMatrix = kRows * kColumns;
constexpr int kCopiedRow = 200;  // where `a` begins, in the second matrix: its last rows are outside, zeroes
constexpr int kRightRow = 64;    // where `b` begins, in the first
constexpr int kLaterRow = 3;   // of `b`, where an operand begins within the eight that the swizzle repeats in
constexpr int kApart = 6;      // rows from there to where the columns behind 64 begin, within eight again
constexpr int kAboveRow = -5;  // where `c` begins, in the first: its first rows are outside, zeroes
constexpr int kBytesOf = 512;  // values that are copied as they lie

// What the trial gives, in this order: values as they were copied and sums, which begin with 1.
constexpr int kTile = 64 * kTileColumns;
enum Part {
    kBytes,
    kCopy,
    kColumnProducts,
    kRegisters,
    kLater,
    kRegistersByRows,
    kWideByRows,
    kRowProducts,
    kStored,
    kParts
};
constexpr const char* kNames[kParts] = {"copies of bytes",
                                        "copies of tiles",
                                        "products by columns",
                                        "products of registers",
                                        "products of a tile's later rows",
                                        "products of registers by rows",
                                        "products of registers by rows, with wide sums,",
                                        "products by rows",
                                        "products of what threads have stored"};
__host__ __device__ constexpr int size_of(int part) {
    constexpr int kSizes[kParts] = {kBytesOf, kTile,    64 * 256, kTile, kTile,
                                    kTile,    64 * 128, 64 * 256, kTile};
    return kSizes[part];
}
__host__ __device__ constexpr int begin_of(int part) {
    return part == 0 ? 0 : begin_of(part - 1) + size_of(part - 1);
}

// In shared memory, from a multiple of kSwizzleBytes.
struct Memory {
    SwizzledRows a, b, c;  // 64 x 64, 64 x 128, 256 x 64
    Bf16* bytes;
    PhaseBarrier* come;
    int* in_time;

    __device__ explicit Memory(unsigned char* memory)
        : a{reinterpret_cast<Bf16*>(memory), 64},
          b{a.part(1), 64},
          c{b.part(2), kRows},
          bytes(c.part(1)),
          come(reinterpret_cast<PhaseBarrier*>(bytes + kBytesOf)),
          in_time(reinterpret_cast<int*>(come + 1)) {}
    static constexpr int kCopiedBytes = (3 * kTile + kRows * kTileColumns + kBytesOf) * sizeof(Bf16);
    static constexpr std::size_t kBytes = kSwizzleBytes + kCopiedBytes + sizeof(PhaseBarrier) + sizeof(int);
};

struct Maps {
    CUtensorMap second, first, tall;  // of both matrices; of the first, in tiles of 64 and of all rows
};

// By one thread. Whether they came: copies that come late find shared memory that the block has given back,
// but nothing on this device is to be relied on then.
__device__ bool copy_all(const Maps& maps, const Bf16* values, const Memory& at) {
    set_barrier(*at.come, 1);
    publish_barriers();
    arrive_and_expect(*at.come, Memory::kCopiedBytes);
    copy_line_tile(at.a.data, maps.second, 1, kCopiedRow, kTileColumns, *at.come);
    for (int part = 0; part < 2; ++part)
        copy_tile(at.b.part(part), maps.first, kRightRow, part * kTileColumns, *at.come);
    copy_tile(at.c.data, maps.tall, kAboveRow, 0, *at.come);
    copy_bytes(at.bytes, values, kBytesOf * sizeof(Bf16), *at.come);
    return wait_phase_a_while(*at.come, 0);
}

template <int kCount>
__device__ void begin(Sums<kCount>& sums) {
#pragma unroll
    for (int n = 0; n < kCount; ++n)
#pragma unroll
        for (int i = 0; i < 4; ++i) sums[n][i] = 1;
}

template <int kCount>
__device__ void store(const Sums<kCount>& sums, float* to) {
    const int row = warp_id() * kStep + lane_id() / 4, column = lane_id() % 4 * 2;
#pragma unroll
    for (int n = 0; n < kCount; ++n)
#pragma unroll
        for (int i = 0; i < 4; ++i) to[(row + i / 2 * 8) * 8 * kCount + n * 8 + column + i % 2] = sums[n][i];
}

constexpr int kSteps = kTileColumns / kStep;

__device__ void multiply_columns(const Memory& at, float* results) {
    Sums<32> sums;
    begin(sums);
    begin_products(sums);
#pragma unroll
    for (int k = 0; k < kSteps; ++k) multiply_add_async(sums, operand(at.a.data, k), operand(at.c.data, k));
    commit_products();
    wait_products(sums);
    store(sums, results + begin_of(kColumnProducts));
}

// The transposed `a`, times `b`; and times two tiles that begin with later rows of it, where the pattern of
// the swizzle does not.
__device__ void multiply_rows(const Memory& at, float* results) {
    Sums<32> sums;
    begin(sums);
    begin_products(sums);
#pragma unroll
    for (int k = 0; k < kSteps; ++k) {
        const std::uint64_t a = operand_of_rows(at.a.data, k, 0);
        multiply_rows_async<0>(sums, a, operand_of_rows(at.b.data, k, 64));
        multiply_rows_async<1>(sums, a, operand_of_rows(at.b.data + kLaterRow * kTileColumns, k, kApart));
    }
    commit_products();
    wait_products(sums);
    store(sums, results + begin_of(kRowProducts));
}

// `a` in registers, times the transposed `b` from its first and from a later row, and times `b`: as many sums
// at once as there are registers for.
__device__ void multiply_registers(const Memory& at, float* results) {
    LeftPart left[kSteps];
    Sums<8> sums, later, by_rows;
#pragma unroll
    for (int k = 0; k < kSteps; ++k) load_tile_of(left[k], at.a, warp_id() * kStep, k * kStep);
    begin(sums);
    begin(later);
    begin(by_rows);
    begin_products(left, sums, later, by_rows);
#pragma unroll
    for (int k = 0; k < kSteps; ++k) {
        multiply_add_async(sums, left[k], operand(at.b.data, k));
        multiply_add_async(later, left[k], operand(at.b.data + kLaterRow * kTileColumns, k));
        multiply_rows_async(by_rows, left[k], operand_of_rows(at.b.data, k, 64));
    }
    commit_products();
    wait_products(left, sums, later, by_rows);
    store(sums, results + begin_of(kRegisters));
    store(later, results + begin_of(kLater));
    store(by_rows, results + begin_of(kRegistersByRows));
    Sums<16> wide;
    begin(wide);
    begin_products(left, wide);
#pragma unroll
    for (int k = 0; k < kSteps; ++k) multiply_rows_async(wide, left[k], operand_of_rows(at.b.data, k, 64));
    commit_products();
    wait_products(left, wide);
    store(wide, results + begin_of(kWideByRows));
}

// `a` times the transposed `b`, whose first columns threads store anew, over rows of `c`.
__device__ void multiply_stored(const Memory& at, float* results) {
    __syncthreads();  // nobody multiplies by `c` any more
    const int thread = static_cast<int>(threadIdx.x);
    for (int i = thread; i < kTile; i += kWarpgroup)
        *at.c.at(i / kTileColumns, i % kTileColumns) = *at.b.at(i / kTileColumns, i % kTileColumns);
    fence_async_proxy();
    __syncthreads();
    LeftPart left[kSteps];
    Sums<8> sums;
#pragma unroll
    for (int k = 0; k < kSteps; ++k) load_tile_of(left[k], at.a, warp_id() * kStep, k * kStep);
    begin(sums);
    begin_products(left, sums);
#pragma unroll
    for (int k = 0; k < kSteps; ++k) multiply_add_async(sums, left[k], operand(at.c.data, k));
    commit_products();
    wait_products(left, sums);
    store(sums, results + begin_of(kStored));
}

__global__ void __launch_bounds__(kWarpgroup)
    hopper_trial_kernel(const __grid_constant__ Maps maps, const Bf16* values, float* results) {
    if constexpr (kHasHopper) {
        const Memory at(swizzle_shared());
        const int thread = static_cast<int>(threadIdx.x);
        if (thread == 0) *at.in_time = copy_all(maps, values, at) ? 1 : 0;
        __syncthreads();
        if (*at.in_time == 0) return;
        wait_phase(*at.come, 0);
        for (int i = thread; i < kBytesOf; i += kWarpgroup)
            results[begin_of(kBytes) + i] = to_float(at.bytes[i]);
        for (int i = thread; i < kTile; i += kWarpgroup)
            results[begin_of(kCopy) + i] = to_float(*at.a.at(i / kTileColumns, i % kTileColumns));
        multiply_columns(at, results);
        multiply_registers(at, results);
        multiply_rows(at, results);
        multiply_stored(at, results);
    }  // else nothing is written, as where nothing works: the device runs other code than sm_90a's
}

// -8 .. 7, in no order.
int number(int index) {
    return static_cast<int>(static_cast<std::uint32_t>(index) * 2654435761u >> 28) - 8;
}

// What `a`, `b` and `c` hold.
int of_a(int row, int column) {
    return kCopiedRow + row < kRows ? number(kMatrix + (kCopiedRow + row) * kColumns + kTileColumns + column)
                                    : 0;
}
int of_b(int row, int column) {
    return number((kRightRow + row) * kColumns + column);
}
int of_c(int row, int column) {
    return kAboveRow + row >= 0 ? number((kAboveRow + row) * kColumns + column) : 0;
}
// Of the tiles of `b` as they lie in memory: behind the rows of its first 64 columns those of the others.
int of_b_tiles(int row, int column) {
    return row < 64 ? of_b(row, column) : of_b(row - 64, kTileColumns + column);
}

// 1 and the products of left(k) and right(k).
template <typename Left, typename Right>
int sum_of(const Left& left, const Right& right) {
    int sum = 1;
    for (int k = 0; k < kTileColumns; ++k) sum += left(k) * right(k);
    return sum;
}

// Element i of a part of the results.
int expected(int part, int i) {
    const int columns = size_of(part) / 64, row = i / columns, n = i % columns;
    const auto a = [&](int k) { return of_a(row, k); };
    switch (part) {
        case kBytes:
            return number(i);
        case kCopy:
            return of_a(row, n);
        case kColumnProducts:
            return sum_of(a, [&](int k) { return of_c(n, k); });
        case kRegisters:
        case kStored:
            return sum_of(a, [&](int k) { return of_b(n, k); });
        case kLater:
            return sum_of(a, [&](int k) { return of_b_tiles(kLaterRow + n, k); });
        case kRegistersByRows:
        case kWideByRows:
            return sum_of(a, [&](int k) { return of_b(k, n); });
        default:
            return sum_of([&](int k) { return of_a(k, row); },
                          [&](int k) {
                              if (n < 128) return of_b(k, n);
                              return of_b_tiles(kLaterRow + n / 64 % 2 * kApart + k, n % 64);
                          });
    }
}

// Of the first part that is wrong; empty where none is.
std::string wrong_part(const std::vector<float>& results) {
    for (int part = 0; part < kParts; ++part)
        for (int i = 0; i < size_of(part); ++i)
            if (results[static_cast<std::size_t>(begin_of(part) + i)] !=
                static_cast<float>(expected(part, i)))
                return std::string(kNames[part]) + " gave wrong numbers when they were tried";
    return "";
}

// Device memory for the while of the trial.
template <typename T>
class Uploaded {
  public:
    Uploaded(Stream& stream, const std::vector<T>& values)
        : stream_(stream), data_(stream.allocate(values.size() * sizeof(T))) {
        stream.upload(data_, values.data(), values.size() * sizeof(T));
    }
    Uploaded(const Uploaded&) = delete;
    Uploaded& operator=(const Uploaded&) = delete;
    ~Uploaded() { stream_.free(data_); }
    T* data() const { return static_cast<T*>(data_); }

  private:
    Stream& stream_;
    void* data_;
};

// In words; empty where nothing is.
std::string what_is_wrong(Stream& stream) {
    std::vector<Bf16> numbers;
    for (int i = 0; i < 2 * kMatrix; ++i)  // whole numbers, so the lower half of the float is zero
        numbers.push_back(
            {static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(static_cast<float>(number(i))) >> 16)});
    std::vector<float> results(begin_of(kParts), std::numeric_limits<float>::quiet_NaN());
    const Uploaded values(stream, numbers);
    const Uploaded to(stream, results);
    Maps maps{};
    try {
        maps = {tiled_lines(values.data(), 2, kMatrix, kRows, kColumns, kColumns, 64),
                tiled(values.data(), kRows, kColumns, kColumns, 64),
                tiled(values.data(), kRows, kColumns, kColumns, kRows)};
    } catch (const Failure& failure) {
        return failure.status.message;
    }
    launch_with_shared(hopper_trial_kernel, dim3(1), dim3(kWarpgroup), Memory::kBytes, maps, values.data(),
                       to.data());
    stream.download(results.data(), to.data(), results.size() * sizeof(float));
    return wrong_part(results);
}

}  // namespace hopper_trial

bool uses_hopper(Scratch& scratch) {
    if (scratch.stream().capability() != kHopper) return false;
    if (!scratch.hopper) {
        const std::string wrong = hopper_trial::what_is_wrong(scratch.stream());
        scratch.hopper = wrong.empty();
        if (!wrong.empty())
            scratch.notices.push_back("the kernels for compute capability 9.0 are not used: " + wrong +
                                      "; the kernels for 8.0 do the work");
    }
    return *scratch.hopper;
}

}  // namespace regkit::cuda
