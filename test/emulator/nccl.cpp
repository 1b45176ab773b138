// A stand-in for libnccl.so.2 between processes of one machine that have emulated devices: the functions that
// regkit calls. Values go through files in a folder that rank 0 makes and whose path is the unique id; what
// is gathered is queued on the emulator's stream, reads its values when the stream comes to it, and waits
// there for the other ranks, for ever where one has ended, as NCCL does. REGKIT_EMULATED_NCCL holds words, of
//   version=21300       what the library says it is
//   connect=1           this rank cannot connect
//   gather=3:1          the 3rd gather fails on rank 1, behind its return
//   hang=1              this rank never connects
//   stall=5:1           the 5th gather does not come about, for rank 1 gives nothing
#include "kernels/cuda/all_reduce/nccl.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

using regkit::cuda::NcclConfig;
using regkit::cuda::NcclId;
using regkit::cuda::NcclResult;

namespace {

// The number behind `name`= in the settings, and the one behind its colon; 0 and -1 where there is none.
struct Setting {
    int value = 0, rank = -1;
};

Setting setting(const char* name) {
    const char* const words = std::getenv("REGKIT_EMULATED_NCCL");
    const char* const at = words ? std::strstr(words, name) : nullptr;
    Setting found;
    if (at) std::sscanf(at + std::strlen(name), "=%d:%d", &found.value, &found.rank);
    return found;
}

// What a queued gather and the communicator share: either may end first.
struct Shared {
    std::string folder;
    int rank = 0, ranks = 0;
    bool aborted = false;
    NcclResult error = NcclResult::success;

    std::string file(const char* what, int number, int of_rank) const {
        return folder + "/" + what + std::to_string(number) + "." + std::to_string(of_rank);
    }
    bool all_there(const char* what, int number) const {
        for (int r = 0; r < ranks; ++r)
            if (!std::filesystem::exists(file(what, number, r))) return false;
        return true;
    }
    // Under its name once it is whole.
    void leave(const char* what, int number, const void* data, std::size_t bytes) const {
        const std::string name = file(what, number, rank);
        std::ofstream(name + ".part", std::ios::binary)
            .write(static_cast<const char*>(data), static_cast<std::streamsize>(bytes));
        std::filesystem::rename(name + ".part", name);
    }
};

constexpr const char *kJoin = "join", *kGather = "gather";

}  // namespace

struct regkit::cuda::NcclComm {
    std::shared_ptr<Shared> shared = std::make_shared<Shared>();
    bool joined = false;
    int gathers = 0;
};
using regkit::cuda::NcclComm;

extern "C" {

NcclResult ncclGetVersion(int* version) {
    const int given = setting("version").value;
    *version = given > 0 ? given : 22809;
    return NcclResult::success;
}

NcclResult ncclGetUniqueId(NcclId* id) {
    const char* const temporary = std::getenv("TMPDIR");
    const std::string pattern = std::string(temporary ? temporary : "/tmp") + "/emulated_nccl.XXXXXX";
    std::snprintf(id->bytes, sizeof id->bytes, "%s", pattern.c_str());
    return mkdtemp(id->bytes) ? NcclResult::success : NcclResult::system_error;
}

NcclResult ncclCommInitRankConfig(NcclComm** comm, int ranks, NcclId id, int rank, NcclConfig* config) {
    *comm = nullptr;
    if (config->blocking != 0 || config->magic != 0xcafebeef) return NcclResult::invalid_usage;
    const Setting fault = setting("connect");
    *comm = new NcclComm;
    Shared& shared = *(*comm)->shared;
    shared.folder = id.bytes;
    shared.rank = rank;
    shared.ranks = ranks;
    if (setting("hang").value != rank || rank == 0) shared.leave(kJoin, 0, "", 0);
    if (fault.value == rank && rank > 0) shared.error = NcclResult::system_error;
    return NcclResult::in_progress;
}

NcclResult ncclCommGetAsyncError(NcclComm* comm, NcclResult* error) {
    comm->joined = comm->joined || comm->shared->all_there(kJoin, 0);
    *error = comm->shared->error;
    if (*error == NcclResult::success && !comm->joined) *error = NcclResult::in_progress;
    return NcclResult::success;
}

NcclResult ncclAllGather(const void* from, void* to, std::size_t count, int type, NcclComm* comm,
                         cudaStream_t stream) {
    if (!comm->joined || type != regkit::cuda::kNcclFloat) return NcclResult::invalid_usage;
    const int number = ++comm->gathers;
    const Setting fault = setting("gather");
    const bool fails = fault.value == number && fault.rank == comm->shared->rank;
    const Setting stall = setting("stall");
    const bool stalls = stall.value == number && stall.rank == comm->shared->rank;
    const std::size_t bytes = count * sizeof(float);
    stream->queue([=, shared = comm->shared, left = false]() mutable {
        if (shared->aborted) return cudaSuccess;
        if (fails) shared->error = NcclResult::system_error;
        if (!left && !fails && !stalls) shared->leave(kGather, number, from, bytes);
        left = true;
        if (!shared->all_there(kGather, number)) return cudaErrorNotReady;
        for (int r = 0; r < shared->ranks; ++r)
            std::ifstream(shared->file(kGather, number, r), std::ios::binary)
                .read(static_cast<char*>(to) + static_cast<std::size_t>(r) * bytes,
                      static_cast<std::streamsize>(bytes));
        // All have begun this one, so have ended the one before.
        std::filesystem::remove(shared->file(kGather, number - 1, shared->rank));
        return cudaSuccess;
    });
    return NcclResult::success;
}

NcclResult ncclCommAbort(NcclComm* comm) {
    comm->shared->aborted = true;
    delete comm;
    return NcclResult::success;
}

const char* ncclGetErrorString(NcclResult result) {
    return result == NcclResult::system_error
               ? "unhandled system error (run with NCCL_DEBUG=INFO for details)"
               : "invalid usage (run with NCCL_DEBUG=WARN for details)";
}
}
