#include "ranks/rank_monitor.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <thread>

namespace regkit {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// What goes over a line: one of these, and behind a failure its kind, its length, and the words.
constexpr char kAlive = 'h', kGoodbye = 'b', kFailure = 'f';
constexpr std::size_t kMostWords = 2000;
struct FailureHead {
    char type = kFailure;
    std::uint8_t kind = 0;
    std::uint16_t length = 0;
};

std::span<const std::byte> bytes_of(const std::string& text) {
    return std::as_bytes(std::span(text));
}

std::string failure_message(ErrorKind kind, std::string words) {
    words.resize(std::min(words.size(), kMostWords));
    FailureHead head;
    head.kind = static_cast<std::uint8_t>(kind);
    head.length = static_cast<std::uint16_t>(words.size());
    std::string message(sizeof head, '\0');
    std::memcpy(message.data(), &head, sizeof head);
    return message + words;
}

Socket event() {
    Socket made(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!made) throw_errno("eventfd");
    return made;
}

void raise(const Socket& event) {
    const std::uint64_t one = 1;
    while (write(event.fd(), &one, sizeof one) < 0 && errno == EINTR) {
    }
}

}  // namespace

struct RankMonitor::State {
    struct Watched {
        Line line;
        std::string received;
        Clock::time_point seen = Clock::now();
        bool gone = false;  // with a goodbye
        bool may_end = false;
    };
    struct Failure {
        bool known = false;
        ErrorKind kind = ErrorKind::resource;
        std::string words;
    };

    const int rank;
    const milliseconds timeout, interval;
    std::vector<Watched> lines;
    Socket stop = event(), failed = event();
    std::mutex sending;  // whole messages only
    mutable std::mutex mutex;
    Failure failure;
    bool given_up = false;
    std::thread thread;

    State(int rank_, std::vector<Line> from, milliseconds timeout_)
        : rank(rank_),
          timeout(timeout_),
          interval(std::clamp(timeout / 4, milliseconds(20), milliseconds(5000))) {
        for (Line& line : from) lines.push_back({std::move(line), "", Clock::now(), false, false});
    }

    void tell(const std::string& message, milliseconds patience) {
        const std::lock_guard lock(sending);
        for (const Watched& w : lines)
            if (!w.gone) send_all(w.line.socket, bytes_of(message), Clock::now() + patience);
    }
    // The first failure counts; rank 0 passes it on.
    void fail(ErrorKind kind, const std::string& words) {
        {
            const std::lock_guard lock(mutex);
            if (failure.known || given_up) return;
            failure = {true, kind, words};
        }
        if (rank == 0) tell(failure_message(kind, words), milliseconds(500));
        raise(failed);
    }
    bool over() const {
        const std::lock_guard lock(mutex);
        return failure.known || given_up;
    }

    void run();
    void receive(Watched& w);
    void understand(Watched& w);
    void check_silence(Clock::time_point last_turn);
};

void RankMonitor::State::understand(Watched& w) {
    std::string& text = w.received;
    while (!text.empty()) {
        if (text[0] == kAlive || text[0] == kGoodbye) {
            w.may_end = w.may_end || text[0] == kGoodbye;
            text.erase(0, 1);
            continue;
        }
        FailureHead head;
        if (text.size() < sizeof head) return;
        std::memcpy(&head, text.data(), sizeof head);
        if (head.type != kFailure)
            return fail(ErrorKind::resource,
                        "what rank " + std::to_string(w.line.rank) + " says makes no sense");
        if (text.size() < sizeof head + head.length) return;
        fail(static_cast<ErrorKind>(head.kind), text.substr(sizeof head, head.length));
        text.erase(0, sizeof head + head.length);
    }
}

void RankMonitor::State::receive(Watched& w) {
    char buffer[4096];
    const ssize_t got = recv(w.line.socket.fd(), buffer, sizeof buffer, 0);
    if (got > 0) {
        w.seen = Clock::now();
        w.received.append(buffer, static_cast<std::size_t>(got));
        return understand(w);
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    w.gone = true;
    if (!w.may_end)
        fail(ErrorKind::resource,
             "rank " + std::to_string(w.line.rank) + " is gone: its process ended or was killed");
}

void RankMonitor::State::check_silence(Clock::time_point last_turn) {
    const auto now = Clock::now();
    // Had this process itself been stopped, everybody else would seem silent.
    const bool slept = now - last_turn > 2 * interval;
    for (Watched& w : lines) {
        if (slept) w.seen = std::max(w.seen, now - timeout / 2);
        if (w.gone || now - w.seen <= timeout) continue;
        char words[96];
        std::snprintf(words, sizeof words, "rank %d was silent for %.3g s (--dist-timeout)", w.line.rank,
                      std::chrono::duration<double>(timeout).count());
        fail(ErrorKind::resource, words);
    }
}

void RankMonitor::State::run() {
    auto turn = Clock::now(), beat = turn - interval;
    while (!over()) {
        if (Clock::now() - beat >= interval) {
            tell(std::string(1, kAlive), milliseconds(0));
            beat = Clock::now();
        }
        std::vector<pollfd> fds = {{stop.fd(), POLLIN, 0}};
        for (const Watched& w : lines) fds.push_back({w.gone ? -1 : w.line.socket.fd(), POLLIN, 0});
        const int ready = poll(fds.data(), fds.size(), static_cast<int>(interval.count()));
        if (fds[0].revents != 0) return;
        for (std::size_t i = 0; ready > 0 && i < lines.size(); ++i)
            if (fds[i + 1].revents != 0) receive(lines[i]);
        check_silence(turn);
        turn = Clock::now();
    }
}

RankMonitor::RankMonitor(int rank, std::vector<Line> lines, milliseconds timeout)
    : state_(std::make_unique<State>(rank, std::move(lines), timeout)) {
    state_->thread = std::thread([&s = *state_] { s.run(); });
}

RankMonitor::~RankMonitor() {
    if (!state_->over()) state_->tell(std::string(1, kGoodbye), milliseconds(500));
    raise(state_->stop);
    state_->thread.join();
}

int RankMonitor::failed_fd() const {
    return state_->failed.fd();
}

void RankMonitor::check() const {
    const std::lock_guard lock(state_->mutex);
    if (state_->failure.known) throw Error(state_->failure.kind, state_->failure.words);
}

void RankMonitor::explain(int rank) const {
    wait_for(failed_fd(), POLLIN, Clock::now() + std::min<milliseconds>(state_->timeout, milliseconds(2000)));
    check();
    throw Error(ErrorKind::resource, "the connection to rank " + std::to_string(rank) + " broke");
}

void RankMonitor::give_up(ErrorKind kind, const std::string& why) noexcept {
    try {
        {
            const std::lock_guard lock(state_->mutex);
            if (state_->failure.known || state_->given_up) return;
            state_->given_up = true;
        }
        state_->tell(failure_message(kind, "rank " + std::to_string(state_->rank) + " ended: " + why),
                     milliseconds(500));
    } catch (...) {  // out of memory: the others will see that the line is cut
    }
}

}  // namespace regkit
