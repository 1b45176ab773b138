// Collectives go in pieces that MPI's counts hold. Each is begun, then asked after with short sleeps between,
// which leave the processor to the other ranks of the host, until it is done or the deadline has passed.
// MPI's own start and end cannot be asked after: meanwhile a thread watches the clock, and ends the process
// by an Error that nobody catches, which src/cli prints as any other.
#include "ranks/mpi_communicator.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <thread>

#include "kernels/base/error.hpp"
#include "ranks/mpi_plugin.hpp"

namespace regkit {
namespace {

using std::chrono::milliseconds;

constexpr const char* kPluginName = "libregkit_mpi.so";
// Up to so many bytes of every rank, all go to everybody: one exchange in place of two.
constexpr std::size_t kFew = 16384;
// MPI counts in int, and room for so many is taken twice.
constexpr std::size_t kMost = std::size_t{1} << 26;

std::string silence(milliseconds timeout) {
    char text[96];
    std::snprintf(text, sizeof text, "some rank gave no sign of life for %.3g s (--dist-timeout)",
                  std::chrono::duration<double>(timeout).count());
    return text;
}

[[noreturn]] void fail_to_load(const Launch& launch, const std::string& why) {
    throw Error(ErrorKind::resource,
                launch.launcher + " started " + std::to_string(launch.size) + " processes, but " + why);
}

void succeed(const char* wrong) {
    if (wrong) throw Error(ErrorKind::resource, std::string("MPI: ") + wrong);
}

// While it lives: ends the process when this takes longer than the timeout. For the two calls of MPI that
// wait for all ranks and cannot be asked after.
class Deadline {
  public:
    Deadline(milliseconds timeout, const std::string& whose) {
        try {
            thread_ = std::thread([this, timeout, whose] {
                std::unique_lock lock(mutex_);
                if (!ended_.wait_for(lock, timeout, [this] { return over_; }))
                    throw Error(ErrorKind::resource, whose + silence(timeout));
            });
        } catch (const std::system_error& error) {
            throw Error(ErrorKind::resource, std::string("the system refuses a thread: ") + error.what());
        }
    }
    ~Deadline() {
        {
            const std::lock_guard lock(mutex_);
            over_ = true;
        }
        ended_.notify_one();
        thread_.join();
    }
    Deadline(const Deadline&) = delete;
    Deadline& operator=(const Deadline&) = delete;

  private:
    std::mutex mutex_;
    std::condition_variable ended_;
    bool over_ = false;
    std::thread thread_;
};

// What end_ranks() has to end.
struct Started {
    const MpiFunctions* mpi = nullptr;
    milliseconds timeout{0};
    std::string whose;  // "rank 2: "
} started;

// values[i] = the sum of parts(r)[i] over the ranks, in their order.
template <typename T, typename Parts>
void add_in_order(const Parts& parts, std::size_t ranks, std::span<T> values) {
    for (std::size_t i = 0; i < values.size(); ++i) {
        double sum = 0;
        for (std::size_t r = 0; r < ranks; ++r) {
            T value;
            std::memcpy(&value, parts(r).data() + i * sizeof(T), sizeof(T));
            sum += static_cast<double>(value);
        }
        values[i] = static_cast<T>(sum);
    }
}

}  // namespace

std::string MpiCommunicator::text_of(const Call& call) {
    const char* const kind = call.kind == Kind::sum      ? "a sum"
                             : call.kind == Kind::gather ? "a gather"
                                                         : "a broadcast";
    return std::string(kind) + " of " + std::to_string(call.bytes) + " bytes";
}

std::vector<std::string> mpi_plugin_paths() {
    std::error_code ignored;
    const std::string folder = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
    return {folder + "/../lib/regkit/" + kPluginName, folder + "/" + kPluginName};
}

const MpiFunctions& load_mpi(const Launch& launch, const std::vector<std::string>& paths) {
    std::string looked;
    for (const std::string& path : paths) {
        looked += (looked.empty() ? "" : ", ") + path;
        std::error_code ignored;
        if (!std::filesystem::exists(path, ignored)) continue;
        // Global, since parts that MPI loads itself look for its functions among those of the program.
        void* const plugin = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
        if (!plugin)
            fail_to_load(launch, std::string("the MPI plug-in cannot be loaded: ") + dlerror() +
                                     "; install Open MPI's library (Debian: libopenmpi3)");
        const auto build = reinterpret_cast<MpiPluginBuild*>(dlsym(plugin, kMpiBuild));
        const auto entry = reinterpret_cast<OpenMpi*>(dlsym(plugin, kMpiEntry));
        if (!build || !entry || std::strcmp(build(), mpi_build()) != 0)
            fail_to_load(
                launch, "the plug-in " + path + " belongs to another build of regkit; install both together");
        return *entry();
    }
    fail_to_load(launch, "this installation has no MPI plug-in (looked for " + looked +
                             "); install Open MPI (Debian: libopenmpi-dev) and build regkit again");
}

MpiCommunicator::MpiCommunicator(const Launch& launch, milliseconds timeout,
                                 const std::vector<std::string>& plugins)
    : mpi_(load_mpi(launch, plugins)), timeout_(timeout) {
    started = {&mpi_, timeout, launch.rank == 0 ? "" : "rank " + std::to_string(launch.rank) + ": "};
    const Deadline deadline(timeout, started.whose);
    succeed(mpi_.start(&rank_, &size_));
    if (rank_ != launch.rank || size_ != launch.size)
        throw Error(ErrorKind::usage, "this is rank " + std::to_string(launch.rank) + " of " +
                                          std::to_string(launch.size) + " by the variables of " +
                                          launch.launcher + ", and " + std::to_string(rank_) + " of " +
                                          std::to_string(size_) + " by MPI; start all ranks with one mpirun");
}

// For what was begun. Where it fails, MPI keeps the buffers, which are never freed then.
void MpiCommunicator::wait(const char* wrong) {
    using Clock = std::chrono::steady_clock;
    constexpr std::chrono::microseconds kShortest{50}, kLongest{5000};
    const auto begin = Clock::now();
    try {
        for (bool done = false;;) {
            if (!wrong) wrong = mpi_.test(&done);
            succeed(wrong);
            if (done) return;
            const auto waited = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin);
            if (waited > timeout_) throw Error(ErrorKind::resource, silence(timeout_));
            std::this_thread::sleep_for(std::clamp(waited / 1000, kShortest, kLongest));
        }
    } catch (...) {
        static_cast<void>(buffers_.release());
        buffers_ = std::make_unique<Buffers>();
        throw;
    }
}

// Before anything else is sent, since MPI may write behind the room of a receiver that expects less.
void MpiCommunicator::agree(Kind kind, std::size_t bytes) {
    const Call mine{kind, bytes};
    gather(std::as_bytes(std::span(&mine, 1)));
    for (std::size_t r = 0; r < static_cast<std::size_t>(size_); ++r) {
        Call theirs;
        std::memcpy(&theirs, got(r, sizeof theirs).data(), sizeof theirs);
        if (theirs != mine)
            throw Error(ErrorKind::resource, "rank " + std::to_string(r) + " has lost step: it began " +
                                                 text_of(theirs) + ", this rank " + text_of(mine));
    }
}

// What a rank has sent, of blocks of one size.
std::span<const std::byte> MpiCommunicator::got(std::size_t rank, std::size_t bytes) const {
    return std::span(buffers_->received).subspan(rank * bytes, bytes);
}

void MpiCommunicator::gather(std::span<const std::byte> mine) {
    buffers_->sent.assign(mine.begin(), mine.end());
    buffers_->received.resize(static_cast<std::size_t>(size_) * mine.size());
    wait(mpi_.all_gather(buffers_->sent.data(), buffers_->received.data(), static_cast<int>(mine.size())));
}

template <typename T>
void MpiCommunicator::sum(std::span<T> values) {
    const auto ranks = static_cast<std::size_t>(size_);
    agree(Kind::sum, values.size_bytes());
    if (values.size_bytes() <= kFew) {
        gather(std::as_bytes(values));
        return add_in_order([&](std::size_t rank) { return got(rank, values.size_bytes()); }, ranks, values);
    }
    for (std::size_t done = 0; done < values.size(); done += kMost / sizeof(T)) {
        const auto piece = values.subspan(done, std::min(kMost / sizeof(T), values.size() - done));
        // Equal parts, of which the last ends in zeros.
        const std::size_t part = (piece.size() + ranks - 1) / ranks;
        const auto parts = std::as_bytes(piece);
        buffers_->sent.assign(parts.begin(), parts.end());
        buffers_->sent.resize(ranks * part * sizeof(T));
        buffers_->received.resize(buffers_->sent.size());
        wait(mpi_.all_to_all(buffers_->sent.data(), buffers_->received.data(),
                             static_cast<int>(part * sizeof(T))));
        std::vector<T> mine(part);
        add_in_order([&](std::size_t rank) { return got(rank, part * sizeof(T)); }, ranks, std::span(mine));
        gather(std::as_bytes(std::span(mine)));
        std::memcpy(piece.data(), buffers_->received.data(), piece.size_bytes());
    }
}

void MpiCommunicator::all_gather(std::span<const std::byte> mine, std::span<std::byte> all) {
    require(mine.size() <= kMost && all.size() == static_cast<std::size_t>(size_) * mine.size(),
            ErrorKind::usage, "all_gather: a result of another size");
    agree(Kind::gather, mine.size());
    gather(mine);
    std::ranges::copy(buffers_->received, all.begin());
}

void MpiCommunicator::broadcast(std::span<std::byte> values) {
    agree(Kind::broadcast, values.size());
    for (std::size_t done = 0; done < values.size(); done += kMost) {
        const auto piece = values.subspan(done, std::min(kMost, values.size() - done));
        buffers_->received.assign(piece.begin(), piece.end());
        wait(mpi_.broadcast(buffers_->received.data(), static_cast<int>(piece.size())));
        std::ranges::copy(buffers_->received, piece.begin());
    }
}

int end_ranks(int code) {
    if (!started.mpi) return code;
    if (code != 0 && code != static_cast<int>(ErrorKind::interrupted)) {
        started.mpi->abort(code);
        return code;
    }
    try {
        const Deadline deadline(started.timeout, started.whose);
        succeed(started.mpi->finish());
    } catch (const Error& error) {
        throw Error(code == 0 ? ErrorKind::resource : ErrorKind::interrupted, started.whose + error.what());
    }
    return code;
}

}  // namespace regkit
