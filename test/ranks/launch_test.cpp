#include "ranks/launch.hpp"

#include <doctest/doctest.h>

#include <map>

#include "kernels/base/error.hpp"
#include "ranks/mpi_communicator.hpp"

using namespace regkit;

namespace {

using Variables = std::map<std::string, std::string>;

Environment environment(const Variables& variables) {
    return [&variables](const char* name) {
        const auto found = variables.find(name);
        return found == variables.end() ? nullptr : found->second.c_str();
    };
}

Launch launch_with(const Variables& variables) {
    return launch_of(environment(variables));
}

// The message of the usage error.
std::string refusal(const Variables& variables) {
    try {
        launch_with(variables);
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::usage);
        return error.what();
    }
    return "";
}

Variables with(Variables variables, const Variables& more) {
    for (const auto& [name, value] : more) variables[name] = value;
    return variables;
}

bool says(const std::string& text, const std::string& part) {
    CAPTURE(text);
    return text.find(part) != std::string::npos;
}

const Variables kTorch = {{"RANK", "3"}, {"WORLD_SIZE", "4"}, {"LOCAL_RANK", "1"}};
const Variables kMpirun = {{"OMPI_COMM_WORLD_RANK", "1"},
                           {"OMPI_COMM_WORLD_SIZE", "3"},
                           {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                           {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"},
                           {"PMIX_RANK", "1"}};
const Variables kSrun = {{"SLURM_PROCID", "5"},
                         {"PMIX_RANK", "5"},
                         {"SLURM_STEP_NUM_TASKS", "8"},
                         {"SLURM_LOCALID", "1"},
                         {"SLURM_STEP_TASKS_PER_NODE", "4(x2)"}};

}  // namespace

TEST_CASE("without a launcher there is one rank") {
    const Launch launch = launch_with({{"MASTER_PORT", "29500"}});
    CHECK((launch.rank == 0 && launch.size == 1 && launch.launcher.empty()));
    // A batch script is one process, whatever was allocated to it; and so are others that are alone.
    for (const Variables& alone : {Variables{{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "8"}},
                                   {{"RANK", "0"}, {"WORLD_SIZE", "1"}},
                                   {{"WORLD_SIZE", "every"}},
                                   {{"SLURM_PROCID", "0"}, {"SLURM_STEP_NUM_TASKS", "1"}}})
        CHECK(launch_with(alone).size == 1);
}

TEST_CASE("mpirun's variables") {
    const Launch launch = launch_with(kMpirun);
    CHECK((launch.rank == 1 && launch.size == 3 && launch.local_rank == 1 && launch.local_size == 2));
    CHECK(launch.launcher == "mpirun");
    // Inside an allocation of Slurm it is the inner one; what a script sets for others does not count.
    CHECK(launch_with(with(kSrun, kMpirun)).size == 3);
    CHECK(launch_with(with(kTorch, kMpirun)).size == 3);
    CHECK(launch_with(with(kTorch, kSrun)).size == 8);
}

TEST_CASE("srun's variables, with PMIx") {
    const Launch launch = launch_with(kSrun);
    CHECK((launch.rank == 5 && launch.size == 8 && launch.local_rank == 1 && launch.local_size == 4));
    CHECK(launch.launcher == "srun");
    CHECK(launch_with(with(kSrun, {{"SLURM_STEP_TASKS_PER_NODE", "4,3"}})).local_size == 0);
}

TEST_CASE("several processes without MPI are refused") {
    CHECK(says(refusal(kTorch), "WORLD_SIZE=4: only MPI brings several processes together"));
    CHECK(says(refusal(kTorch), "start them with mpirun"));
    // torchrun below mpirun: an agent on each host.
    CHECK(says(refusal(with(with(kTorch, kMpirun), {{"TORCHELASTIC_RUN_ID", "x"}})), "WORLD_SIZE=4"));
    Variables plain = kSrun;
    plain.erase("PMIX_RANK");
    CHECK(says(refusal(plain), "SLURM_STEP_NUM_TASKS=8: srun started these processes without PMIx"));
    CHECK(says(refusal(plain), "srun --mpi=pmix, or mpirun"));
}

TEST_CASE("half-set and malformed variables are refused by name") {
    CHECK(says(refusal({{"OMPI_COMM_WORLD_SIZE", "2"}}), "OMPI_COMM_WORLD_RANK is not"));
    CHECK(says(refusal({{"OMPI_COMM_WORLD_RANK", "1"}}), "OMPI_COMM_WORLD_SIZE is not"));
    CHECK(says(refusal({{"PMIX_RANK", "1"}}), "SLURM_STEP_NUM_TASKS is not"));
    CHECK(says(refusal(with(kMpirun, {{"OMPI_COMM_WORLD_RANK", "3"}})),
               "OMPI_COMM_WORLD_RANK=3 is not below OMPI_COMM_WORLD_SIZE=3"));
    CHECK(says(refusal(with(kMpirun, {{"OMPI_COMM_WORLD_RANK", "-1"}})), "OMPI_COMM_WORLD_RANK='-1'"));
    CHECK(says(refusal(with(kMpirun, {{"OMPI_COMM_WORLD_SIZE", "four"}})), "OMPI_COMM_WORLD_SIZE='four'"));
}

TEST_CASE("without the plug-in the message says what to install") {
    const auto why = [](const std::vector<std::string>& paths) {
        try {
            load_mpi(launch_with(kMpirun), paths);
        } catch (const Error& error) {
            CHECK(error.kind() == ErrorKind::resource);
            return std::string(error.what());
        }
        return std::string();
    };
    CHECK(why({"/nowhere/a.so", "/nowhere/b.so"}) ==
          "mpirun started 3 processes, but this installation has no MPI plug-in (looked for /nowhere/a.so, "
          "/nowhere/b.so); install Open MPI (Debian: libopenmpi-dev) and build regkit again");
    CHECK(says(why({"/proc/self/exe"}), "the MPI plug-in cannot be loaded"));
}

TEST_CASE("each rank takes the GPU of its number on the host") {
    Launch launch = launch_with(kMpirun);
    CHECK(rank_device("cuda", launch, environment({})) == "cuda:1");
    CHECK(rank_device("cuda:0", launch, environment({})) == "cuda:0");
    CHECK(rank_device("cpu", launch, environment({})) == "cpu");
    const Variables one = {{"CUDA_VISIBLE_DEVICES", "3"}}, two = {{"CUDA_VISIBLE_DEVICES", "3,5"}};
    CHECK(rank_device("cuda", launch, environment(one)) == "cuda:0");
    CHECK(rank_device("cuda", launch, environment(two)) == "cuda:1");
    launch.local_rank = 2;
    CHECK_THROWS_AS(rank_device("cuda", launch, environment(two)), Error);
    CHECK(rank_device("cuda", Launch{}, environment(two)) == "cuda");
}

TEST_CASE("the ranks of a host share its processors unless they are bound") {
    Launch launch;
    launch.local_size = 3;
    CHECK(rank_workers(launch, 16, 16) == 5);
    CHECK(rank_workers(launch, 4, 16) == 4);
    CHECK(rank_workers(launch, 2, 2) == 1);
    CHECK(rank_workers(Launch{}, 16, 16) == 16);
}
