// The host's half of TMA: a matrix in device memory, or lines of such matrices, is described to the driver
// once, with the size of the tiles and their swizzle, and kernels are given the description. The driver's
// function is asked for at run time, as the plug-in is not linked to the driver's library.
#include "kernels/cuda/hopper.hpp"

namespace regkit::cuda {

namespace {

using Encode = decltype(&cuTensorMapEncodeTiled);

// The driver's own function: the plug-in is not linked to the driver's library.
Encode find_encode() {
    constexpr unsigned kSince = 12000;  // the CUDA version of this signature
    void* found = nullptr;
    cudaDriverEntryPointQueryResult result{};
    check(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &found, kSince, cudaEnableDefault,
                                           &result));
    if (result != cudaDriverEntryPointSuccess || !found)
        throw Failure{Status::error(Status::Code::device_error, "the driver has no cuTensorMapEncodeTiled")};
    return reinterpret_cast<Encode>(found);
}

// Of rank 2 or 3: columns come first.
CUtensorMap encoded(const Bf16* data, cuuint32_t rank, const cuuint64_t (&sizes)[3],
                    const std::int64_t (&distances)[2], int tile_rows) {
    static const Encode encode = find_encode();
    CUtensorMap map{};
    const cuuint64_t bytes[2] = {static_cast<cuuint64_t>(distances[0]) * sizeof(Bf16),
                                 static_cast<cuuint64_t>(distances[1]) * sizeof(Bf16)};
    const cuuint32_t tile[3] = {kTileColumns, static_cast<cuuint32_t>(tile_rows), 1};
    const cuuint32_t steps[3] = {1, 1, 1};
    const CUresult result =
        encode(&map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, rank, const_cast<Bf16*>(data), sizes, bytes, tile,
               steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
               CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
    if (result != CUDA_SUCCESS)
        throw Failure{Status::error(Status::Code::device_error, "cuTensorMapEncodeTiled refused a matrix")};
    return map;
}

}  // namespace

CUtensorMap tiled(const Bf16* data, std::int64_t rows, std::int64_t columns, std::int64_t pitch,
                  int tile_rows) {
    return encoded(data, 2, {static_cast<cuuint64_t>(columns), static_cast<cuuint64_t>(rows), 1}, {pitch, 0},
                   tile_rows);
}

CUtensorMap tiled_lines(const Bf16* data, std::int64_t lines, std::int64_t distance, std::int64_t rows,
                        std::int64_t columns, std::int64_t pitch, int tile_rows) {
    return encoded(
        data, 3,
        {static_cast<cuuint64_t>(columns), static_cast<cuuint64_t>(rows), static_cast<cuuint64_t>(lines)},
        {pitch, distance}, tile_rows);
}

}  // namespace regkit::cuda
