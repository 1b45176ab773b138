#include "ranks/tcp_communicator.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

#include "ranks/rank_links.hpp"
#include "ranks/rank_monitor.hpp"

namespace regkit {
namespace {

// Up to so many bytes of every rank, all go to everybody: one exchange in place of two.
constexpr std::size_t kFew = 16384;

// Before each transfer, so that ranks that lost step are noticed instead of adding one thing to another.
struct Head {
    std::uint64_t call = 0;
    std::uint64_t bytes = 0;
};

// A head and the bytes behind it, on their way over one connection in one direction.
template <typename Byte>
struct Transfer {
    Head head;
    std::span<Byte> bytes;
    std::size_t done = 0;  // of both

    static Transfer none() { return {{}, {}, sizeof(Head)}; }
    bool finished() const { return done == sizeof head + bytes.size(); }
    // The piece that comes next.
    std::span<Byte> next() {
        if (done >= sizeof head) return bytes.subspan(done - sizeof head);
        if constexpr (std::is_const_v<Byte>)
            return std::as_bytes(std::span(&head, 1)).subspan(done);
        else
            return std::as_writable_bytes(std::span(&head, 1)).subspan(done);
    }
};
using Outgoing = Transfer<const std::byte>;
using Incoming = Transfer<std::byte>;

bool would_block() {
    return errno == EAGAIN || errno == EINTR;
}

}  // namespace

struct TcpCommunicator::Impl {
    int rank, size;
    std::vector<Socket> links;  // to each rank; none to this one
    RankMonitor monitor;
    std::uint64_t calls = 0;
    std::vector<std::byte> staged;

    Impl(const Launch& launch, RankLinks made, std::chrono::milliseconds timeout)
        : rank(launch.rank),
          size(launch.size),
          links(std::move(made.data)),
          monitor(launch.rank, std::move(made.lines), timeout) {}

    // What goes to and comes from each rank; nothing at all where there is none. (Of this rank they are not
    // looked at.)
    using Sends = std::vector<std::optional<std::span<const std::byte>>>;
    using Receives = std::vector<std::optional<std::span<std::byte>>>;
    void exchange(const Sends& sends, const Receives& receives);
    bool advance(int peer, Outgoing& transfer);
    bool advance(int peer, Incoming& transfer);
    template <typename T>
    void sum(std::span<T> values);
    template <typename T>
    void sum_few(std::span<T> values);
};

// False when the connection is broken.
bool TcpCommunicator::Impl::advance(int peer, Outgoing& transfer) {
    while (!transfer.finished()) {
        const auto piece = transfer.next();
        const ssize_t sent =
            send(links[static_cast<std::size_t>(peer)].fd(), piece.data(), piece.size(), MSG_NOSIGNAL);
        if (sent <= 0) return sent < 0 && would_block();
        transfer.done += static_cast<std::size_t>(sent);
    }
    return true;
}

bool TcpCommunicator::Impl::advance(int peer, Incoming& transfer) {
    while (!transfer.finished()) {
        const auto piece = transfer.next();
        const ssize_t got = recv(links[static_cast<std::size_t>(peer)].fd(), piece.data(), piece.size(), 0);
        if (got <= 0) return got < 0 && would_block();
        transfer.done += static_cast<std::size_t>(got);
        const bool in_step = transfer.head.call == calls && transfer.head.bytes == transfer.bytes.size();
        if (transfer.done == sizeof(Head) && !in_step)
            throw Error(ErrorKind::resource, "rank " + std::to_string(peer) + " lost step: its call " +
                                                 std::to_string(transfer.head.call) + " has " +
                                                 std::to_string(transfer.head.bytes) + " bytes, call " +
                                                 std::to_string(calls) + " here " +
                                                 std::to_string(transfer.bytes.size()));
    }
    return true;
}

// All connections at once: whoever is ready goes on.
void TcpCommunicator::Impl::exchange(const Sends& sends, const Receives& receives) {
    monitor.check();
    ++calls;
    std::vector<Outgoing> out;
    std::vector<Incoming> in;
    for (int peer = 0; peer < size; ++peer) {
        const auto p = static_cast<std::size_t>(peer);
        const bool to = sends[p] && peer != rank, from = receives[p] && peer != rank;
        out.push_back(to ? Outgoing{{calls, sends[p]->size()}, *sends[p]} : Outgoing::none());
        in.push_back(from ? Incoming{{}, *receives[p]} : Incoming::none());
    }
    std::vector<pollfd> fds(static_cast<std::size_t>(size) + 1);
    for (;;) {
        bool finished = true;
        for (int peer = 0; peer < size; ++peer) {
            const auto p = static_cast<std::size_t>(peer);
            if (!advance(peer, out[p]) || !advance(peer, in[p])) monitor.explain(peer);
            const int events = (out[p].finished() ? 0 : POLLOUT) | (in[p].finished() ? 0 : POLLIN);
            fds[p] = {events != 0 ? links[p].fd() : -1, static_cast<short>(events), 0};
            finished = finished && events == 0;
        }
        if (finished) return;
        fds.back() = {monitor.failed_fd(), POLLIN, 0};
        if (poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) throw_errno("poll");
        monitor.check();
    }
}

template <typename T>
void TcpCommunicator::Impl::sum_few(std::span<T> values) {
    const std::size_t bytes = values.size_bytes(), ranks = static_cast<std::size_t>(size);
    staged.resize(ranks * bytes);
    Receives receives;
    for (std::size_t r = 0; r < ranks; ++r) receives.push_back(std::span(staged).subspan(r * bytes, bytes));
    std::ranges::copy(std::as_bytes(values),
                      receives[static_cast<std::size_t>(rank)]->begin());  // maybe none
    exchange(Sends(ranks, std::as_bytes(values)), receives);
    for (std::size_t i = 0; i < values.size(); ++i) {
        double sum = 0;
        for (std::size_t r = 0; r < ranks; ++r) {
            T value;
            std::memcpy(&value, receives[r]->data() + i * sizeof(T), sizeof(T));
            sum += static_cast<double>(value);
        }
        values[i] = static_cast<T>(sum);
    }
}

template <typename T>
void TcpCommunicator::Impl::sum(std::span<T> values) {
    if (values.size_bytes() <= kFew) return sum_few(values);
    const std::size_t ranks = static_cast<std::size_t>(size), me = static_cast<std::size_t>(rank);
    const auto part = [&](std::size_t r) {
        const std::size_t begin = values.size() * r / ranks, end = values.size() * (r + 1) / ranks;
        return values.subspan(begin, end - begin);
    };
    // Everybody's values of my part, then my sums of it to everybody.
    const std::span<T> mine = part(me);
    std::vector<std::vector<T>> others(ranks);
    Sends sends;
    Receives receives;
    for (std::size_t r = 0; r < ranks; ++r) {
        if (r != me) others[r].resize(mine.size());
        sends.push_back(std::as_bytes(part(r)));
        receives.push_back(std::as_writable_bytes(std::span(others[r])));
    }
    exchange(sends, receives);
    for (std::size_t i = 0; i < mine.size(); ++i) {
        double sum = 0;
        for (std::size_t r = 0; r < ranks; ++r) sum += static_cast<double>(r == me ? mine[i] : others[r][i]);
        mine[i] = static_cast<T>(sum);
    }
    for (std::size_t r = 0; r < ranks; ++r) receives[r] = std::as_writable_bytes(part(r));
    exchange(Sends(ranks, std::as_bytes(mine)), receives);
}

TcpCommunicator::TcpCommunicator(const Launch& launch, std::chrono::milliseconds timeout)
    : impl_(std::make_unique<Impl>(launch, connect_ranks(launch, timeout), timeout)) {}
TcpCommunicator::~TcpCommunicator() = default;

int TcpCommunicator::rank() const {
    return impl_->rank;
}
int TcpCommunicator::size() const {
    return impl_->size;
}
void TcpCommunicator::sum_in_order(std::span<float> values) {
    impl_->sum(values);
}
void TcpCommunicator::sum_in_order(std::span<double> values) {
    impl_->sum(values);
}

void TcpCommunicator::all_gather(std::span<const std::byte> mine, std::span<std::byte> all) {
    const auto ranks = static_cast<std::size_t>(size());
    require(all.size() == ranks * mine.size(), ErrorKind::usage, "all_gather: a result of another size");
    Impl::Receives receives;
    for (std::size_t r = 0; r < ranks; ++r) receives.push_back(all.subspan(r * mine.size(), mine.size()));
    std::copy(mine.begin(), mine.end(), receives[static_cast<std::size_t>(rank())]->begin());
    impl_->exchange(Impl::Sends(ranks, mine), receives);
}

void TcpCommunicator::broadcast(std::span<std::byte> values) {
    const auto ranks = static_cast<std::size_t>(size());
    Impl::Sends sends(ranks);
    Impl::Receives receives(ranks);
    if (rank() == 0)
        sends.assign(ranks, values);
    else
        receives[0] = values;
    impl_->exchange(sends, receives);
}

void TcpCommunicator::check() {
    impl_->monitor.check();
}

void TcpCommunicator::give_up(ErrorKind kind, const std::string& why) noexcept {
    impl_->monitor.give_up(kind, why);
}

}  // namespace regkit
