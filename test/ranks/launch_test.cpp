#include "ranks/launch.hpp"

#include <doctest/doctest.h>

#include <map>

#include "kernels/base/error.hpp"

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

const Variables kTorch = {{"RANK", "3"},         {"WORLD_SIZE", "4"},      {"LOCAL_RANK", "1"},
                          {"MASTER_ADDR", "n1"}, {"MASTER_PORT", "29500"}, {"LOCAL_WORLD_SIZE", "2"}};
const Variables kMpirun = {{"OMPI_COMM_WORLD_RANK", "1"},
                           {"OMPI_COMM_WORLD_SIZE", "3"},
                           {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                           {"OMPI_COMM_WORLD_LOCAL_SIZE", "3"},
                           {"PMIX_NAMESPACE", "1234@1"}};
const Variables kSrun = {{"SLURM_PROCID", "5"},
                         {"SLURM_STEP_NUM_TASKS", "8"},
                         {"SLURM_LOCALID", "1"},
                         {"SLURM_JOB_ID", "77"},
                         {"SLURM_STEP_ID", "0"},
                         {"SLURM_STEP_NODELIST", "gpu[007-008]"},
                         {"SLURM_STEP_TASKS_PER_NODE", "4(x2)"}};

}  // namespace

TEST_CASE("without a launcher there is one rank") {
    const Launch launch = launch_with({{"MASTER_PORT", "29500"}});
    CHECK((launch.rank == 0 && launch.size == 1 && launch.launcher.empty()));
    // A batch script is one process, whatever was allocated to it.
    CHECK(launch_with({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "8"}, {"SLURM_JOB_ID", "77"}}).size == 1);
}

TEST_CASE("torchrun's variables") {
    const Launch launch = launch_with(kTorch);
    CHECK((launch.rank == 3 && launch.size == 4 && launch.local_rank == 1 && launch.local_size == 2));
    CHECK(launch.host == "n1");
    CHECK(launch.ports == std::vector<std::uint16_t>{29500});
    // Its agent listens on the port itself.
    const Launch agent =
        launch_with(with(kTorch, {{"TORCHELASTIC_USE_AGENT_STORE", "True"}, {"TORCHELASTIC_RUN_ID", "x"}}));
    CHECK(agent.ports.front() == 29501);
    CHECK(agent.job != launch.job);
    CHECK(launch_with({{"RANK", "0"}, {"WORLD_SIZE", "1"}}).size == 1);
}

TEST_CASE("half-set, malformed and contradicting variables are refused by name") {
    for (const char* name : {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}) {
        Variables half = kTorch;
        half.erase(name);
        CHECK(says(refusal(half), std::string(name) + " is not"));
    }
    CHECK(says(refusal(with(kTorch, {{"RANK", "4"}})), "RANK=4 is not below WORLD_SIZE=4"));
    CHECK(says(refusal(with(kTorch, {{"RANK", "-1"}})), "RANK='-1'"));
    CHECK(says(refusal(with(kTorch, {{"WORLD_SIZE", "four"}})), "WORLD_SIZE='four'"));
    CHECK(says(refusal(with(kTorch, {{"MASTER_PORT", "123456"}})), "MASTER_PORT='123456'"));
    CHECK(says(refusal({{"OMPI_COMM_WORLD_SIZE", "2"}}), "OMPI_COMM_WORLD_RANK is not"));
    CHECK(says(refusal({{"SLURM_STEP_NUM_TASKS", "2"}}), "SLURM_PROCID is not"));
    CHECK(says(refusal(with(kTorch, kMpirun)), "contradicts mpirun"));
    // torchrun below mpirun: an agent on each host.
    CHECK(launch_with(with(with(kTorch, kMpirun), {{"TORCHELASTIC_RUN_ID", "x"}})).size == 4);
}

TEST_CASE("mpirun's variables") {
    const Launch launch = launch_with(kMpirun);
    CHECK((launch.rank == 1 && launch.size == 3 && launch.local_rank == 1 && launch.local_size == 3));
    CHECK(launch.host == "127.0.0.1");
    CHECK(launch.ports.size() > 1);
    CHECK(launch.ports == launch_with(with(kMpirun, {{"OMPI_COMM_WORLD_RANK", "0"}})).ports);
    CHECK(launch.ports != launch_with(with(kMpirun, {{"PMIX_NAMESPACE", "99@1"}})).ports);
    const Variables far = with(kMpirun, {{"OMPI_COMM_WORLD_LOCAL_SIZE", "1"}});
    CHECK(says(refusal(far), "mpirun -x MASTER_ADDR=HOST"));
    CHECK(launch_with(with(far, {{"MASTER_ADDR", "n7"}})).host == "n7");
    CHECK(launch_with(with(far, {{"SLURM_JOB_NODELIST", "n[3,8]"}})).host == "n3");
}

TEST_CASE("srun's variables") {
    const Launch launch = launch_with(kSrun);
    CHECK((launch.rank == 5 && launch.size == 8 && launch.local_rank == 1 && launch.local_size == 4));
    CHECK(launch.host == "gpu007");
    CHECK(launch.ports.size() > 1);
    CHECK(launch_with(with(kSrun, {{"SLURM_STEP_TASKS_PER_NODE", "4,3"}})).local_size == 0);
    // mpirun inside an allocation is the inner one.
    CHECK(launch_with(with(kSrun, kMpirun)).size == 3);
}

TEST_CASE("first_host") {
    for (const auto& [list, host] : Variables{
             {"n1", "n1"}, {"n1,n2", "n1"}, {"n[01-04,07]", "n01"}, {"a[5,9],b", "a5"}, {"a,b[1-2]", "a"}})
        CHECK(first_host(list) == host);
}

TEST_CASE("each rank takes the GPU of its number on the host") {
    Launch launch = launch_with(kTorch);
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
