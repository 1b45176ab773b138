// What needs no MPI: plug-ins that are not ours, and ends that fail. (Ranks at work: test/tools/ranks.py.)
#include "ranks/mpi_communicator.hpp"

#include <doctest/doctest.h>
#include <pthread.h>

#include "kernels/base/error.hpp"

using namespace regkit;

namespace {

Launch third_of_three() {
    Launch launch;
    launch.rank = 2;
    launch.size = 3;
    launch.launcher = "mpirun";
    return launch;
}

// What end_ranks(code) throws.
Error end_of(int code) {
    try {
        end_ranks(code);
    } catch (const Error& error) {
        return error;
    }
    return Error(ErrorKind::usage, "none");
}

// No thread can be started while it lives: its stack would take more than there are addresses.
class NoThreads {
  public:
    NoThreads() {
        pthread_getattr_default_np(&before_);
        pthread_attr_t huge;
        pthread_attr_init(&huge);
        pthread_attr_setstacksize(&huge, std::size_t{1} << 48);
        REQUIRE(pthread_setattr_default_np(&huge) == 0);
        pthread_attr_destroy(&huge);
    }
    ~NoThreads() {
        pthread_setattr_default_np(&before_);
        pthread_attr_destroy(&before_);
    }
    NoThreads(const NoThreads&) = delete;
    NoThreads& operator=(const NoThreads&) = delete;

  private:
    pthread_attr_t before_;
};

}  // namespace

// Two of them: one says so, one is older than the question.
TEST_CASE("an MPI plug-in of another build is refused before it is used") {
    for (const char* const path : {REGKIT_OTHER_MPI, REGKIT_OLD_MPI}) {
        CAPTURE(path);
        std::string text;
        try {
            load_mpi(third_of_three(), {path});
        } catch (const Error& error) {
            CHECK(error.kind() == ErrorKind::resource);
            text = error.what();
        }
        CHECK(text.find("belongs to another build of regkit") != std::string::npos);
    }
}

TEST_CASE("where MPI cannot be left, the rank says so, and keeps its exit code unless that is 0") {
    const MpiCommunicator me(third_of_three(), std::chrono::seconds(60), {REGKIT_FAILING_MPI});
    CHECK(me.rank() == 2);
    CHECK(end_of(0).kind() == ErrorKind::resource);
    CHECK(std::string(end_of(0).what()) == "rank 2: MPI: the wire was cut");
    CHECK(end_of(75).kind() == ErrorKind::interrupted);
    CHECK(std::string(end_of(75).what()) == "rank 2: MPI: the wire was cut");
    CHECK(end_ranks(3) == 3);
    const NoThreads none;
    CHECK(end_of(0).kind() == ErrorKind::resource);
    CHECK(std::string(end_of(0).what()).starts_with("rank 2: the system refuses a thread: "));
}
