#include "ranks/rank_links.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <thread>

#include "kernels/base/error.hpp"

namespace regkit {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::array<char, 8> kMagic = {'r', 'e', 'g', 'k', 'i', 't', '0', '1'};
// For somebody who came to the door and does not say who he is.
constexpr milliseconds kPatience{2000};

enum class Purpose : std::uint32_t { line, data };

// The first words on every connection.
struct Hello {
    std::array<char, 8> magic = kMagic;
    std::uint64_t job = 0;
    std::uint32_t rank = 0;
    std::uint32_t size = 0;
    Purpose purpose = Purpose::line;
    std::uint32_t port = 0;  // where the rank listens
};

// Rank 0's answer to a line, at once: that it is the one who was looked for.
struct Welcome {
    std::array<char, 8> magic = kMagic;
    std::uint64_t job = 0;
};

// Where a rank can be reached; rank 0 tells everybody once all are there.
struct Address {
    std::array<char, 56> host = {};
    std::uint32_t port = 0;
    std::uint32_t unused = 0;
};

template <typename T>
std::span<const std::byte> bytes_of(const T& value) {
    return std::as_bytes(std::span(&value, 1));
}
template <typename T>
std::span<std::byte> room_of(T& value) {
    return std::as_writable_bytes(std::span(&value, 1));
}

std::string seconds_text(milliseconds time) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3g s", std::chrono::duration<double>(time).count());
    return text;
}

// The peer's end is closed.
bool ended(const Socket& socket) {
    char byte;
    const ssize_t got = recv(socket.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

class Meeting {
  public:
    Meeting(const Launch& launch, milliseconds timeout)
        : launch_(launch),
          timeout_(timeout),
          deadline_(Clock::now() + timeout),
          job_(job_number(launch.job)),
          addresses_(ranks()) {
        links_.data.resize(ranks());
    }

    RankLinks hold() {
        launch_.rank == 0 ? lead() : follow();
        // A connection to everyone below needs nobody's attention there; so all can do this at the same time.
        for (int rank = 0; rank < launch_.rank; ++rank) call(rank);
        for (int count = launch_.rank + 1; count < launch_.size; ++count) {
            auto [hello, socket] = next_guest(Purpose::data);
            data(hello.rank) = std::move(socket);
        }
        return std::move(links_);
    }

  private:
    std::size_t ranks() const { return static_cast<std::size_t>(launch_.size); }
    Socket& data(std::uint32_t rank) { return links_.data[rank]; }
    bool this_host_alone() const { return launch_.host == "127.0.0.1" || launch_.host == "localhost"; }
    Hello hello(Purpose purpose) const {
        Hello h;
        h.job = job_;
        h.rank = static_cast<std::uint32_t>(launch_.rank);
        h.size = static_cast<std::uint32_t>(launch_.size);
        h.purpose = purpose;
        h.port = port_of(listener_);
        return h;
    }
    struct Guest {
        Hello hello;
        Socket socket;
    };
    Guest next_guest(Purpose purpose);
    std::string missing() const;
    void lead();
    void follow();
    std::optional<Socket> find_leader();
    void call(int rank);

    const Launch& launch_;
    const milliseconds timeout_;
    const Deadline deadline_;
    const std::uint64_t job_;
    Socket listener_;
    std::vector<Address> addresses_;
    RankLinks links_;
};

std::string Meeting::missing() const {
    std::string text;
    int count = 0;
    for (int rank = 1; rank < launch_.size; ++rank) {
        const bool here = std::any_of(links_.lines.begin(), links_.lines.end(),
                                      [&](const RankMonitor::Line& line) { return line.rank == rank; });
        if (!here && ++count <= 5) text += (text.empty() ? "" : ", ") + std::to_string(rank);
    }
    return (count == 1 ? "rank " : "ranks ") + text + (count > 5 ? " and others" : "");
}

// The next rank that comes to the listener.
Meeting::Guest Meeting::next_guest(Purpose purpose) {
    for (;;) {
        std::optional<Socket> socket = accept_from(listener_, deadline_);
        if (!socket)
            throw Error(ErrorKind::resource,
                        (purpose == Purpose::line ? missing() : std::string("some ranks")) +
                            " did not come within " + seconds_text(timeout_) +
                            " (--dist-timeout); were all ranks started?");
        Hello h;
        if (!receive_all(*socket, room_of(h), std::min(deadline_, Clock::now() + kPatience))) continue;
        if (h.magic != kMagic || h.job != job_) continue;  // a stranger
        if (h.size != static_cast<std::uint32_t>(launch_.size))
            throw Error(ErrorKind::usage, "rank " + std::to_string(h.rank) + " is one of " +
                                              std::to_string(h.size) + " ranks, this is one of " +
                                              std::to_string(launch_.size));
        if (h.rank >= h.size || h.rank == static_cast<std::uint32_t>(launch_.rank))
            throw Error(ErrorKind::usage,
                        "another process says it is rank " + std::to_string(h.rank) + ", too");
        if (h.purpose == purpose) return {h, std::move(*socket)};
    }
}

void Meeting::lead() {
    for (const std::uint16_t port : launch_.ports) {
        std::optional<Socket> listener = listen_on(port, this_host_alone());
        if (!listener) continue;
        listener_ = std::move(*listener);
        break;
    }
    if (!listener_)
        throw Error(ErrorKind::resource,
                    "port " + std::to_string(launch_.ports.front()) +
                        (launch_.ports.size() > 1 ? " and those tried besides are" : " is") +
                        " taken on this host; set MASTER_PORT to a free one");
    while (links_.lines.size() + 1 < ranks()) {
        auto [h, socket] = next_guest(Purpose::line);
        // Who lost patience comes again.
        std::erase_if(links_.lines, [&](const RankMonitor::Line& line) {
            return line.rank == static_cast<int>(h.rank) && ended(line.socket);
        });
        for (const RankMonitor::Line& line : links_.lines)
            require(line.rank != static_cast<int>(h.rank), ErrorKind::usage,
                    "two processes say they are rank " + std::to_string(h.rank));
        Address& address = addresses_[h.rank];
        const std::string host = peer_of(socket);
        std::copy_n(host.begin(), std::min(host.size(), address.host.size() - 1), address.host.begin());
        address.port = h.port;
        Welcome welcome;
        welcome.job = job_;
        if (!send_all(socket, bytes_of(welcome), deadline_)) continue;
        links_.lines.push_back({static_cast<int>(h.rank), std::move(socket)});
    }
    for (const RankMonitor::Line& line : links_.lines)
        if (!send_all(line.socket, std::as_bytes(std::span(addresses_)), deadline_))
            throw Error(ErrorKind::resource, "rank " + std::to_string(line.rank) + " went away at the start");
}

// A line to rank 0, on whatever port it found free.
std::optional<Socket> Meeting::find_leader() {
    const bool one = launch_.ports.size() == 1;
    for (const std::uint16_t port : launch_.ports) {
        std::optional<Socket> socket = connect_to(launch_.host, port, deadline_);
        if (!socket) continue;
        Welcome welcome;
        const Deadline patience = one ? deadline_ : std::min(deadline_, Clock::now() + kPatience);
        if (!send_all(*socket, bytes_of(hello(Purpose::line)), patience) ||
            !receive_all(*socket, room_of(welcome), patience) || welcome.magic != kMagic ||
            welcome.job != job_)
            continue;
        addresses_[0].port = port;
        return socket;
    }
    return std::nullopt;
}

void Meeting::follow() {
    std::optional<Socket> listener = listen_on(0, this_host_alone());
    require(listener.has_value(), ErrorKind::resource, "cannot listen for other ranks: no port is free");
    listener_ = std::move(*listener);
    std::optional<Socket> line = find_leader();
    while (!line && Clock::now() < deadline_) {
        std::this_thread::sleep_for(milliseconds(50));
        line = find_leader();
    }
    if (!line)
        throw Error(ErrorKind::resource, "rank 0 was not found on " + launch_.host + ", port " +
                                             std::to_string(launch_.ports.front()) + ", within " +
                                             seconds_text(timeout_) + " (--dist-timeout); was it started?");
    const std::uint32_t port = addresses_[0].port;
    if (!receive_all(*line, std::as_writable_bytes(std::span(addresses_)), deadline_))
        throw Error(ErrorKind::resource,
                    "rank 0 ended while the ranks were meeting, or some rank did not come");
    addresses_[0].port = port;
    links_.lines.push_back({0, std::move(*line)});
}

void Meeting::call(int rank) {
    const Address& address = addresses_[static_cast<std::size_t>(rank)];
    const std::string host = rank == 0 ? launch_.host : std::string(address.host.data());
    std::optional<Socket> socket = connect_to(host, static_cast<std::uint16_t>(address.port), deadline_);
    if (!socket || !send_all(*socket, bytes_of(hello(Purpose::data)), deadline_))
        throw Error(ErrorKind::resource, "cannot connect to rank " + std::to_string(rank) + " at " + host +
                                             ", port " + std::to_string(address.port));
    data(static_cast<std::uint32_t>(rank)) = std::move(*socket);
}

}  // namespace

RankLinks connect_ranks(const Launch& launch, milliseconds timeout) {
    RankLinks links = Meeting(launch, timeout).hold();
    for (const Socket& socket : links.data)
        if (socket) end_when_silent(socket, timeout);
    return links;
}

}  // namespace regkit
