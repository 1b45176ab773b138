// Opens libnccl.so.2, or what REGKIT_NCCL_LIBRARY names, asks for its version first, and looks up by name the
// few functions that are used. A library that is absent, too old or something else altogether is no error:
// the reason goes to the caller, and gradients are summed without NCCL.
#include <cstdlib>

#include "kernels/cuda/all_reduce/nccl.hpp"
#include "kernels/cuda/shared_library.hpp"

namespace regkit::cuda {

namespace {

void find_all(SharedLibrary& library, Nccl& nccl) {
    library.find("ncclGetUniqueId", nccl.get_unique_id);
    library.find("ncclCommInitRankConfig", nccl.init_rank);
    library.find("ncclAllGather", nccl.all_gather);
    library.find("ncclCommGetAsyncError", nccl.get_async_error);
    library.find("ncclCommAbort", nccl.abort);
    library.find("ncclGetErrorString", nccl.get_error_string);
}

}  // namespace

std::string nccl_version_text(int version) {
    const auto number = static_cast<std::size_t>(version);
    return version_text(number / 10000, number / 100 % 100, number % 100);
}

const Nccl* load_nccl(std::string& why) {
    static Nccl nccl;
    if (nccl.version > 0) return &nccl;
    const char* const given = std::getenv("REGKIT_NCCL_LIBRARY");
    const std::string name = given ? given : "libnccl.so.2";
    SharedLibrary library = SharedLibrary::at(name);
    if (!library) {
        why = library.why();
        return nullptr;
    }
    int version = 0;
    library.find("ncclGetVersion", nccl.get_version);
    if (!library || nccl.get_version(&version) != NcclResult::success) {
        why = name + " is not NCCL";
        return nullptr;
    }
    find_all(library, nccl);
    if (version < kOldestNccl || !library) {
        why = version < kOldestNccl ? "NCCL " + nccl_version_text(version) + " is too old, 2.14 is needed"
                                    : library.why();
        return nullptr;
    }
    nccl.version = version;
    return &nccl;
}

}  // namespace regkit::cuda
