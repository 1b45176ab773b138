// One function of MPI behind each of the table's, all on MPI_COMM_WORLD, with errors returned and one request
// under way at a time.
#include "ranks/mpi_plugin.hpp"

#include <mpi.h>

#include <cstdlib>

namespace {

MPI_Request request = MPI_REQUEST_NULL;
char words[MPI_MAX_ERROR_STRING];

const char* words_of(int result) noexcept {
    if (result == MPI_SUCCESS) return nullptr;
    int length = 0;
    MPI_Error_string(result, words, &length);
    return words;
}

const char* start(int* rank, int* size) noexcept {
    // Who asks test() sleeps between; Open MPI would besides give the processor away each time.
    setenv("OMPI_MCA_mpi_yield_when_idle", "0", 1);
    int provided = MPI_THREAD_SINGLE;
    int result = MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
    if (result == MPI_SUCCESS && provided < MPI_THREAD_FUNNELED) return "it was built without threads";
    if (result == MPI_SUCCESS) result = MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    if (result == MPI_SUCCESS) result = MPI_Comm_rank(MPI_COMM_WORLD, rank);
    if (result == MPI_SUCCESS) result = MPI_Comm_size(MPI_COMM_WORLD, size);
    return words_of(result);
}

const char* all_gather(const void* mine, void* all, int bytes) noexcept {
    return words_of(MPI_Iallgather(mine, bytes, MPI_BYTE, all, bytes, MPI_BYTE, MPI_COMM_WORLD, &request));
}

const char* all_to_all(const void* parts, void* theirs, int bytes) noexcept {
    return words_of(MPI_Ialltoall(parts, bytes, MPI_BYTE, theirs, bytes, MPI_BYTE, MPI_COMM_WORLD, &request));
}

const char* broadcast(void* values, int bytes) noexcept {
    return words_of(MPI_Ibcast(values, bytes, MPI_BYTE, 0, MPI_COMM_WORLD, &request));
}

const char* test(bool* done) noexcept {
    int flag = 0;
    const int result = MPI_Test(&request, &flag, MPI_STATUS_IGNORE);
    *done = flag != 0;
    return words_of(result);
}

const char* finish() noexcept {
    return words_of(MPI_Finalize());
}

void abort_all(int code) noexcept {
    int initialised = 0;
    MPI_Initialized(&initialised);
    if (initialised != 0) MPI_Abort(MPI_COMM_WORLD, code);
}

constexpr regkit::MpiFunctions kFunctions = {start, all_gather, all_to_all, broadcast,
                                             test,  finish,     abort_all};

}  // namespace

extern "C" __attribute__((visibility("default"))) const char* regkit_mpi_build() {
    return regkit::mpi_build();
}

extern "C" __attribute__((visibility("default"))) const regkit::MpiFunctions* regkit_open_mpi() {
    return &kFunctions;
}
