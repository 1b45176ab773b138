// Which of several processes ("ranks") this one is, from the variables that launchers of MPI set:
//   mpirun of Open MPI     OMPI_COMM_WORLD_RANK, _SIZE, _LOCAL_RANK, _LOCAL_SIZE
//   srun of Slurm          PMIX_RANK with SLURM_STEP_NUM_TASKS, SLURM_LOCALID, SLURM_STEP_TASKS_PER_NODE
// The innermost launcher counts: mpirun may run inside an allocation of Slurm.
#pragma once

#include <functional>
#include <string>

namespace regkit {

struct Launch {
    int rank = 0;
    int size = 1;
    int local_rank = -1;   // among the ranks of this host; -1: unknown
    int local_size = 0;    // ranks of this host; 0: unknown
    std::string launcher;  // for messages; empty: none
};

// std::getenv, or a test's.
using Environment = std::function<const char*(const char* name)>;

// One rank where no launcher is seen. Error(usage) naming the variables that are missing, malformed or, as
// those of torchrun and of srun without PMIx, tell of several processes that MPI cannot bring together.
Launch launch_of(const Environment& environment);

// --device for this rank: of "cuda", the GPU of its number on this host, among those in CUDA_VISIBLE_DEVICES
// where that is set (a launcher that shows each rank one GPU means that one). Others stay. Error(usage): more
// ranks than GPUs listed.
std::string rank_device(const std::string& device, const Launch& launch, const Environment& environment);

// Worker threads for this rank where the user leaves it to us: the ranks of a host share its processors,
// unless the launcher has bound each to its own. `usable` are this process's, `online` the host's.
int rank_workers(const Launch& launch, int usable, int online);
int host_processors();

}  // namespace regkit
