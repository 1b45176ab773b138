#include "ranks/launch.hpp"

#include <unistd.h>

#include <algorithm>

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
constexpr Names kTorchrun = {"RANK and WORLD_SIZE", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"};
constexpr Names kOpenMpi = {"mpirun", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE",
                            "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"};
// Only srun sets the number of a step's tasks: the batch script itself, which has a SLURM_PROCID too, is one
// process.
constexpr Names kSlurm = {"srun", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID",
                          "SLURM_STEP_TASKS_PER_NODE"};

constexpr int kMostRanks = 4096;
constexpr int kPortsTried = 16;

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

// Ports below those that the system gives out itself, the same ones for every rank of the job.
std::vector<std::uint16_t> ports_of(const std::string& job) {
    constexpr std::uint64_t kFirst = 20000, kCount = 10000, kStride = 61;
    std::vector<std::uint16_t> ports;
    for (std::uint64_t i = 0; i < kPortsTried; ++i)
        ports.push_back(static_cast<std::uint16_t>(kFirst + (job_number(job) + i * kStride) % kCount));
    return ports;
}

void read_ranks(const Environment& environment, const Names& names, Launch& launch) {
    for (const auto& [given, other] : {std::pair(names.rank, names.size), std::pair(names.size, names.rank)})
        if (environment(given) && !environment(other))
            throw Error(ErrorKind::usage, std::string(given) + " is set but " + other +
                                              " is not; set both to train on several ranks, or neither");
    launch.launcher = names.launcher;
    launch.size = number_of(environment, names.size, 1, kMostRanks);
    launch.rank = number_of(environment, names.rank, 0, kMostRanks - 1);
    if (launch.rank >= launch.size)
        throw Error(ErrorKind::usage, std::string(names.rank) + "=" + std::to_string(launch.rank) +
                                          " is not below " + names.size + "=" + std::to_string(launch.size) +
                                          "; ranks count from 0");
    if (environment(names.local_rank))
        launch.local_rank = number_of(environment, names.local_rank, 0, kMostRanks - 1);
    if (!environment(names.local_size)) return;
    if (names.local_size != kSlurm.local_size)
        launch.local_size = number_of(environment, names.local_size, 1, kMostRanks);
    else if (const std::string list = text_of(environment, names.local_size);
             list.find(',') == std::string::npos)
        launch.local_size =  // "4" or "4(x3)"; hosts of unequal numbers stay unknown
            static_cast<int>(parse_int(list.substr(0, list.find('(')), 1, kMostRanks).value_or(0));
}

// mpirun -x RANK=... and the like, that say two things at once. torchrun below mpirun is another matter.
void refuse_contradiction(const Environment& environment, const Launch& launch) {
    if (!environment(kOpenMpi.rank) || environment("TORCHELASTIC_RUN_ID")) return;
    Launch other;
    read_ranks(environment, kOpenMpi, other);
    if (other.size != launch.size || other.rank != launch.rank)
        throw Error(ErrorKind::usage,
                    "RANK=" + std::to_string(launch.rank) + " of WORLD_SIZE=" + std::to_string(launch.size) +
                        " contradicts mpirun, whose rank this is " + std::to_string(other.rank) + " of " +
                        std::to_string(other.size) + "; unset RANK and WORLD_SIZE");
}

// What names the job: ranks of another one have another.
std::string job_of(const Environment& environment, const Names& names) {
    std::vector<const char*> parts;
    if (names.rank == kTorchrun.rank) parts = {"TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT"};
    if (names.rank == kOpenMpi.rank) parts = {"PMIX_NAMESPACE", "OMPI_MCA_ess_base_jobid"};
    if (names.rank == kSlurm.rank) parts = {"SLURM_JOB_ID", "SLURM_STEP_ID"};
    std::string job;
    for (const char* const part : parts)
        if (environment(part)) job += std::string(part) + "=" + text_of(environment, part) + " ";
    return job;
}

std::string host_of(const Environment& environment, const Names& names, const Launch& launch) {
    const std::string given = text_of(environment, "MASTER_ADDR");
    if (!given.empty()) return given;
    if (names.rank == kOpenMpi.rank && launch.local_size == launch.size) return "127.0.0.1";
    for (const char* const list : {"SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST"})
        if (names.rank != kTorchrun.rank && environment(list)) return first_host(text_of(environment, list));
    throw Error(ErrorKind::usage,
                "MASTER_ADDR is not set: " + std::to_string(launch.size) + " ranks (" + names.launcher +
                    ") need the name of the host of rank 0" +
                    (names.rank == kOpenMpi.rank ? "; mpirun -x MASTER_ADDR=HOST ... passes it on" : ""));
}

std::vector<std::uint16_t> listening_ports(const Environment& environment, const Names& names,
                                           const std::string& job) {
    if (environment("MASTER_PORT")) {
        const int port = number_of(environment, "MASTER_PORT", 1, 65535 - kPortsTried);
        // torchrun's agent has the port itself: those behind it, then.
        if (names.rank != kTorchrun.rank || text_of(environment, "TORCHELASTIC_USE_AGENT_STORE") != "True")
            return {static_cast<std::uint16_t>(port)};
        std::vector<std::uint16_t> ports;
        for (int i = 1; i <= kPortsTried; ++i) ports.push_back(static_cast<std::uint16_t>(port + i));
        return ports;
    }
    require(names.rank != kTorchrun.rank && !job.empty(), ErrorKind::usage,
            "MASTER_PORT is not set: several ranks need the number of a free port on the host of rank 0");
    return ports_of(job);
}

}  // namespace

std::uint64_t job_number(const std::string& job) {
    std::uint64_t hash = 14695981039346656037u;
    for (const char c : job) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
    return hash;
}

Launch launch_of(const Environment& environment) {
    const auto any = [&](const Names& names) { return environment(names.rank) || environment(names.size); };
    const Names* names = nullptr;
    if (any(kTorchrun))
        names = &kTorchrun;
    else if (any(kOpenMpi))
        names = &kOpenMpi;
    else if (environment(kSlurm.size))
        names = &kSlurm;
    Launch launch;
    if (!names) return launch;
    read_ranks(environment, *names, launch);
    if (names == &kTorchrun) refuse_contradiction(environment, launch);
    if (launch.size == 1) return launch;
    launch.job = job_of(environment, *names);
    launch.host = host_of(environment, *names, launch);
    launch.ports = listening_ports(environment, *names, launch.job);
    return launch;
}

std::string first_host(const std::string& list) {
    const std::size_t end = list.find_first_of(",[");
    std::string host = list.substr(0, end);
    if (end == std::string::npos || list[end] == ',') return host;
    const std::size_t number = end + 1;
    return host + list.substr(number, list.find_first_of(",-]", number) - number);
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
