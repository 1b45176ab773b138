// A table holds the names that each launcher gives to rank and size; the innermost one that is there is read.
// Variables that tell of several processes without MPI are looked at too, since those would all write the
// same files.
#include "ranks/launch.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "kernels/base/error.hpp"
#include "kernels/base/number.hpp"

namespace regkit {
namespace {

// The names that one launcher gives to what all of them tell.
struct Names {
    const char* launcher;
    const char* rank;
    const char* size;
    const char* local_rank;
    const char* local_size;
};
constexpr Names kOpenMpi = {"mpirun", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE",
                            "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"};
// Only srun sets the number of a step's tasks: the batch script itself is one process.
constexpr Names kSlurm = {"srun", "PMIX_RANK", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID",
                          "SLURM_STEP_TASKS_PER_NODE"};

constexpr int kMostRanks = 4096;

std::string text_of(const Environment& environment, const char* name) {
    const char* const value = environment(name);
    return value ? value : "";
}

int number_of(const Environment& environment, const char* name, std::int64_t least, std::int64_t most) {
    const std::string text = text_of(environment, name);
    const auto value = parse_int(text, least, most);
    if (!value)
        throw Error(ErrorKind::usage, std::string(name) + "='" + text + "': expected a number from " +
                                          std::to_string(least) + " to " + std::to_string(most));
    return static_cast<int>(*value);
}

Launch read_ranks(const Environment& environment, const Names& names) {
    for (const auto& [given, other] : {std::pair(names.rank, names.size), std::pair(names.size, names.rank)})
        if (environment(given) && !environment(other))
            throw Error(ErrorKind::usage, std::string(given) + " is set but " + other +
                                              " is not; start several processes with mpirun");
    Launch launch;
    launch.launcher = names.launcher;
    launch.size = number_of(environment, names.size, 1, kMostRanks);
    launch.rank = number_of(environment, names.rank, 0, kMostRanks - 1);
    if (launch.rank >= launch.size)
        throw Error(ErrorKind::usage, std::string(names.rank) + "=" + std::to_string(launch.rank) +
                                          " is not below " + names.size + "=" + std::to_string(launch.size) +
                                          "; ranks count from 0");
    if (environment(names.local_rank))
        launch.local_rank = number_of(environment, names.local_rank, 0, kMostRanks - 1);
    const std::string here = text_of(environment, names.local_size);
    if (here.find(',') == std::string::npos)
        launch.local_size =  // "4" or Slurm's "4(x3)"; hosts of unequal numbers stay unknown
            static_cast<int>(parse_int(here.substr(0, here.find('(')), 1, kMostRanks).value_or(0));
    return launch;
}

// Several processes that were not started for MPI would each train alone, and write the same files.
void refuse_without_mpi(const Environment& environment, const char* size, const char* why) {
    const std::string given = text_of(environment, size);
    if (parse_int(given, 2, INT64_MAX))
        throw Error(ErrorKind::usage, std::string(size) + "=" + given + ": " + why);
}

}  // namespace

Launch launch_of(const Environment& environment) {
    const bool mpirun = environment(kOpenMpi.rank) || environment(kOpenMpi.size);
    const bool pmix = environment(kSlurm.rank) != nullptr;
    // torchrun below mpirun, too: its processes would all be of the same rank.
    if (environment("TORCHELASTIC_RUN_ID") || !(mpirun || pmix))
        refuse_without_mpi(environment, "WORLD_SIZE",
                           "only MPI brings several processes together, not torchrun or variables set by "
                           "hand; start them with mpirun, or unset WORLD_SIZE for one");
    if (mpirun) return read_ranks(environment, kOpenMpi);
    if (pmix) return read_ranks(environment, kSlurm);
    refuse_without_mpi(environment, kSlurm.size,
                       "srun started these processes without PMIx, by which MPI brings them together; use "
                       "srun --mpi=pmix, or mpirun");
    return {};
}

std::string rank_device(const std::string& device, const Launch& launch, const Environment& environment) {
    if (device != "cuda" || launch.size == 1 || launch.local_rank < 0) return device;
    const std::string visible = text_of(environment, "CUDA_VISIBLE_DEVICES");
    const auto listed = visible.empty() ? 0 : 1 + std::count(visible.begin(), visible.end(), ',');
    if (listed == 1) return "cuda:0";
    require(listed == 0 || launch.local_rank < listed, ErrorKind::usage,
            "rank " + std::to_string(launch.rank) + " is number " + std::to_string(launch.local_rank) +
                " on its host, where CUDA_VISIBLE_DEVICES lists " + std::to_string(listed) +
                " GPUs; start one rank a GPU");
    return "cuda:" + std::to_string(launch.local_rank);
}

int rank_workers(const Launch& launch, int usable, int online) {
    if (launch.local_size <= 1 || usable < online) return usable;
    return std::max(1, usable / launch.local_size);
}

int host_processors() {
    return static_cast<int>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
}

}  // namespace regkit
