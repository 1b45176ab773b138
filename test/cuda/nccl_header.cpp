// What kernels/cuda/all_reduce/nccl.hpp declares against NCCL's own header, where the build finds that: it
// compiles, or it is wrong.
#include <nccl.h>

#include <cstddef>
#include <type_traits>

#include "kernels/cuda/all_reduce/nccl.hpp"

namespace regkit::cuda {

template <auto kTheirs, auto kOurs>
constexpr bool kSame = static_cast<int>(kTheirs) == static_cast<int>(kOurs);

static_assert(kSame<ncclSuccess, NcclResult::success> &&
              kSame<ncclUnhandledCudaError, NcclResult::unhandled_cuda_error> &&
              kSame<ncclSystemError, NcclResult::system_error> &&
              kSame<ncclInvalidUsage, NcclResult::invalid_usage> &&
              kSame<ncclInProgress, NcclResult::in_progress> && kSame<ncclFloat32, kNcclFloat>);
static_assert(sizeof(ncclResult_t) == sizeof(NcclResult) && sizeof(ncclDataType_t) == sizeof kNcclFloat);
static_assert(sizeof(ncclUniqueId) == sizeof(NcclId) && alignof(ncclUniqueId) == alignof(NcclId));
static_assert(offsetof(ncclConfig_t, magic) == offsetof(NcclConfig, magic) &&
              offsetof(ncclConfig_t, version) == offsetof(NcclConfig, version) &&
              offsetof(ncclConfig_t, blocking) == offsetof(NcclConfig, blocking));
static_assert(NCCL_VERSION(2, 14, 0) == kOldestNccl);

// The functions take what ours take, each type of NCCL's replaced by ours.
static_assert(std::is_same_v<decltype(ncclGetVersion), ncclResult_t(int*)>);
static_assert(std::is_same_v<decltype(ncclGetUniqueId), ncclResult_t(ncclUniqueId*)>);
static_assert(std::is_same_v<decltype(ncclCommInitRankConfig),
                             ncclResult_t(ncclComm_t*, int, ncclUniqueId, int, ncclConfig_t*)>);
static_assert(
    std::is_same_v<decltype(ncclAllGather),
                   ncclResult_t(const void*, void*, std::size_t, ncclDataType_t, ncclComm_t, cudaStream_t)>);
static_assert(std::is_same_v<decltype(ncclCommGetAsyncError), ncclResult_t(ncclComm_t, ncclResult_t*)>);
static_assert(std::is_same_v<decltype(ncclCommAbort), ncclResult_t(ncclComm_t)>);
static_assert(std::is_same_v<decltype(ncclGetErrorString), const char*(ncclResult_t)>);

unsigned config_magic() {
    constexpr ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    static_assert(config.magic == NcclConfig{}.magic);
    return config.magic;
}

}  // namespace regkit::cuda
