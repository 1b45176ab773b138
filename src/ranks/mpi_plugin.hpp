// What the plug-in libregkit_mpi.so exports: MPI behind plain data and functions that do not throw, so that
// the program itself needs no MPI to start. One thread calls them all.
#pragma once

namespace regkit {

struct MpiFunctions {
    // Each returns null or, in words that hold until the next call, what went wrong.
    const char* (*start)(int* rank, int* size) noexcept;
    // These begin something that all ranks do with equally many bytes, one at a time; test() brings it
    // forward, and tells when it is done. No buffer may go away before.
    const char* (*all_gather)(const void* mine, void* all, int bytes) noexcept;      // all [size][bytes]
    const char* (*all_to_all)(const void* parts, void* theirs, int bytes) noexcept;  // both [size][bytes]
    const char* (*broadcast)(void* values, int bytes) noexcept;                      // rank 0's
    const char* (*test)(bool* done) noexcept;
    const char* (*finish)() noexcept;  // waits for all ranks
    void (*abort)(int code) noexcept;  // ends all ranks, this one too; nothing before start()
};

// Identifies this file, the version and the compiler, which host and plug-in must agree in.
const char* mpi_build();

// What is exported. First the plug-in's mpi_build(): a function that stays as it is, so that a plug-in of
// another build is refused before any other function of it is called by a signature that it may not have.
using MpiPluginBuild = const char*();
inline constexpr const char* kMpiBuild = "regkit_mpi_build";
using OpenMpi = const MpiFunctions*();
inline constexpr const char* kMpiEntry = "regkit_open_mpi";

}  // namespace regkit
