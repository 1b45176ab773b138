// NCCL, loaded at run time where it is installed: one plug-in serves machines with and without it, and the
// build needs nothing of it. Declared here is the part of its binary interface that is used, as it has been
// since 2.14; test/cuda/nccl_header.cpp holds that against nccl.h.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <string>

namespace regkit::cuda {

struct NcclComm;
struct NcclId {
    char bytes[128];
};
enum class NcclResult : int {
    success = 0,
    unhandled_cuda_error = 1,
    system_error = 2,
    invalid_usage = 5,
    in_progress = 7
};
inline constexpr int kNcclFloat = 7;
inline constexpr int kOldestNccl = 21400;  // 2.14.0, the first whose calls need not block

// Later versions of the structure have more behind this, which a library of any version takes as not set.
struct NcclConfig {
    std::size_t size = sizeof(NcclConfig);
    unsigned magic = 0xcafebeef;
    unsigned version = kOldestNccl;
    int blocking = 0;
};

struct Nccl {
    NcclResult (*get_version)(int* version) = nullptr;
    NcclResult (*get_unique_id)(NcclId* id) = nullptr;
    NcclResult (*init_rank)(NcclComm** comm, int ranks, NcclId id, int rank, NcclConfig* config) = nullptr;
    NcclResult (*all_gather)(const void* from, void* to, std::size_t count, int type, NcclComm* comm,
                             cudaStream_t stream) = nullptr;
    NcclResult (*get_async_error)(NcclComm* comm, NcclResult* error) = nullptr;
    NcclResult (*abort)(NcclComm* comm) = nullptr;
    const char* (*get_error_string)(NcclResult result) = nullptr;
    int version = 0;  // 22809 is 2.28.9
};

// "2.28.9"
std::string nccl_version_text(int version);

// Null, and why in words, where REGKIT_NCCL_LIBRARY (libnccl.so.2 where it is not set) cannot be loaded or is
// too old. What is loaded stays.
const Nccl* load_nccl(std::string& why);

}  // namespace regkit::cuda
