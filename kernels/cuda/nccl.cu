#include "kernels/cuda/nccl.hpp"

#include <dlfcn.h>

#include <cstdlib>

namespace regkit::cuda {

namespace {

template <typename Function>
bool find(void* library, const char* name, Function*& function) {
    function = reinterpret_cast<Function*>(dlsym(library, name));
    return function != nullptr;
}

bool find_all(void* library, Nccl& nccl) {
    return find(library, "ncclGetVersion", nccl.get_version) &&
           find(library, "ncclGetUniqueId", nccl.get_unique_id) &&
           find(library, "ncclCommInitRankConfig", nccl.init_rank) &&
           find(library, "ncclAllGather", nccl.all_gather) &&
           find(library, "ncclCommGetAsyncError", nccl.get_async_error) &&
           find(library, "ncclCommAbort", nccl.abort) &&
           find(library, "ncclGetErrorString", nccl.get_error_string);
}

}  // namespace

std::string nccl_version_text(int version) {
    return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
           std::to_string(version % 100);
}

const Nccl* load_nccl(std::string& why) {
    static Nccl nccl;
    if (nccl.version > 0) return &nccl;
    const char* const given = std::getenv("REGKIT_NCCL_LIBRARY");
    const std::string name = given ? given : "libnccl.so.2";
    void* const library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        why = dlerror();
        return nullptr;
    }
    int version = 0;
    if (!find(library, "ncclGetVersion", nccl.get_version) || nccl.get_version(&version) != NcclResult::success) {
        why = name + " is not NCCL";
        return nullptr;
    }
    if (version < kOldestNccl || !find_all(library, nccl)) {
        why = "NCCL " + nccl_version_text(version) + " is too old, 2.14 is needed";
        return nullptr;
    }
    nccl.version = version;
    return &nccl;
}

}  // namespace regkit::cuda
