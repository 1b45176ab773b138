// Which of several processes ("ranks") this one is, from the variables that launchers set:
//   torchrun, or by hand   RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT; LOCAL_RANK, LOCAL_WORLD_SIZE
//   mpirun of Open MPI     OMPI_COMM_WORLD_RANK, _SIZE, _LOCAL_RANK, _LOCAL_SIZE
//   srun of Slurm          SLURM_PROCID, SLURM_STEP_NUM_TASKS, SLURM_LOCALID, SLURM_STEP_NODELIST
// The innermost launcher counts, in this order: torchrun may run inside srun, mpirun inside an allocation of
// Slurm. MASTER_ADDR and MASTER_PORT, the host of rank 0 and a free port there, are found out where the
// launcher tells enough.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace regkit {

struct Launch {
    int rank = 0;
    int size = 1;
    int local_rank = -1;               // among the ranks of this host; -1: unknown
    int local_size = 0;                // ranks of this host; 0: unknown
    std::string launcher;              // for messages; empty: none
    std::string host;                  // of rank 0
    std::vector<std::uint16_t> ports;  // rank 0 listens on the first that is free
    std::string job;  // the same for the ranks of one job, another for strangers that come to the same port
};

// The job as a number (FNV-1a), the same for all of its ranks.
std::uint64_t job_number(const std::string& job);

// std::getenv, or a test's.
using Environment = std::function<const char*(const char* name)>;

// One rank where no launcher is seen. Error(usage) naming the variables that are missing, malformed or
// contradict each other.
Launch launch_of(const Environment& environment);

// The host that a Slurm list begins with: "gpu[003-005,9],login" begins with gpu003.
std::string first_host(const std::string& list);

// --device for this rank: of "cuda", the GPU of its number on this host, among those in CUDA_VISIBLE_DEVICES
// where that is set (a launcher that shows each rank one GPU means that one). Others stay. Error(usage): more
// ranks than GPUs listed.
std::string rank_device(const std::string& device, const Launch& launch, const Environment& environment);

// Worker threads for this rank where the user leaves it to us: the ranks of a host share its processors,
// unless the launcher has bound each to its own. `usable` are this process's, `online` the host's.
int rank_workers(const Launch& launch, int usable, int online);
int host_processors();

}  // namespace regkit
