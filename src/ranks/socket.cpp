#include "ranks/socket.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "kernels/base/error.hpp"

namespace regkit {
namespace {

using Clock = std::chrono::steady_clock;

struct FreeAddresses {
    void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

Addresses resolve(const char* host, std::uint16_t port, int flags, int* problem) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags | AI_NUMERICSERV;
    addrinfo* list = nullptr;
    *problem = getaddrinfo(host, std::to_string(port).c_str(), &hints, &list);
    return Addresses(*problem == 0 ? list : nullptr);
}

Socket open_for(const addrinfo& address) {
    return Socket(
        socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address.ai_protocol));
}

void set(const Socket& socket, int level, int option, int value) {
    setsockopt(socket.fd(), level, option, &value, sizeof value);  // what a system lacks only costs speed
}

// Small messages must not wait for larger ones.
void prepare(const Socket& socket) {
    set(socket, IPPROTO_TCP, TCP_NODELAY, 1);
    set(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
}

// What a system that only lacks this address family, or a port that is taken, answers.
bool may_try_another(int problem) {
    return problem == EADDRINUSE || problem == EACCES || problem == EAFNOSUPPORT || problem == EADDRNOTAVAIL;
}

}  // namespace

Socket::~Socket() {
    if (fd_ >= 0) ::close(fd_);
}

std::optional<Socket> listen_on(std::uint16_t port, bool this_host_alone) {
    int problem = 0;
    const Addresses list = resolve(this_host_alone ? "127.0.0.1" : nullptr, port, AI_PASSIVE, &problem);
    require(problem == 0, ErrorKind::resource,
            "cannot listen for other ranks: " + std::string(gai_strerror(problem)));
    for (const int family : {AF_INET6, AF_INET})  // one socket of the first serves the other as well
        for (const addrinfo* at = list.get(); at; at = at->ai_next) {
            if (at->ai_family != family) continue;
            Socket listener = open_for(*at);
            if (!listener && may_try_another(errno)) continue;
            if (!listener) throw_errno("cannot listen for other ranks");
            set(listener, SOL_SOCKET, SO_REUSEADDR, 1);
            if (family == AF_INET6) set(listener, IPPROTO_IPV6, IPV6_V6ONLY, 0);
            if (bind(listener.fd(), at->ai_addr, at->ai_addrlen) == 0 &&
                listen(listener.fd(), SOMAXCONN) == 0)
                return listener;
            if (errno == EADDRINUSE || errno == EACCES) return std::nullopt;
            if (!may_try_another(errno)) throw_errno("cannot listen for other ranks");
        }
    return std::nullopt;
}

std::uint16_t port_of(const Socket& listener) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    if (getsockname(listener.fd(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
        throw_errno("getsockname");
    return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
                                               : reinterpret_cast<sockaddr_in&>(address).sin_port);
}

std::optional<Socket> connect_to(const std::string& host, std::uint16_t port, Deadline deadline) {
    int problem = 0;
    const Addresses list = resolve(host.c_str(), port, 0, &problem);
    require(problem == 0, ErrorKind::resource,
            "cannot find the host of rank 0, '" + host + "': " + gai_strerror(problem));
    for (const addrinfo* at = list.get(); at; at = at->ai_next) {
        Socket socket = open_for(*at);
        if (!socket) continue;
        if (connect(socket.fd(), at->ai_addr, at->ai_addrlen) != 0) {
            if (errno != EINPROGRESS || !wait_for(socket.fd(), POLLOUT, deadline)) continue;
            int failure = 0;
            socklen_t size = sizeof failure;
            if (getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &failure, &size) != 0 || failure != 0) continue;
        }
        prepare(socket);
        return socket;
    }
    return std::nullopt;
}

std::optional<Socket> accept_from(const Socket& listener, Deadline deadline) {
    while (wait_for(listener.fd(), POLLIN, deadline)) {
        Socket socket(accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (socket) {
            prepare(socket);
            return socket;
        }
        // Whoever came is gone already; else it is our own want.
        if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR && errno != EPROTO)
            throw_errno("cannot accept a connection from another rank");
    }
    return std::nullopt;
}

std::string peer_of(const Socket& socket) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    char text[NI_MAXHOST] = "";
    if (getpeername(socket.fd(), reinterpret_cast<sockaddr*>(&address), &size) != 0) return "";
    if (getnameinfo(reinterpret_cast<sockaddr*>(&address), size, text, sizeof text, nullptr, 0,
                    NI_NUMERICHOST) != 0)
        return "";
    const std::string mapped = "::ffff:", name = text;  // IPv4 through an IPv6 socket
    return name.starts_with(mapped) ? name.substr(mapped.size()) : name;
}

void end_when_silent(const Socket& socket, std::chrono::milliseconds timeout) {
    const auto seconds = static_cast<int>(std::clamp<std::int64_t>(timeout.count() / 4000, 1, 3600));
    set(socket, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
    set(socket, IPPROTO_TCP, TCP_KEEPINTVL, seconds);
    set(socket, IPPROTO_TCP, TCP_KEEPCNT, 3);
    set(socket, IPPROTO_TCP, TCP_USER_TIMEOUT,
        static_cast<int>(std::min<std::int64_t>(timeout.count(), 1 << 30)));
}

bool wait_for(int fd, short events, Deadline deadline) {
    for (;;) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
        pollfd ready{fd, events, 0};
        const int count = poll(&ready, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000'000)));
        if (count > 0) return true;
        if (count < 0 && errno != EINTR) throw_errno("poll");
        if (count == 0 && left <= 0) return false;
    }
}

bool send_all(const Socket& socket, std::span<const std::byte> bytes, Deadline deadline) {
    while (!bytes.empty()) {
        const ssize_t sent = send(socket.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent > 0)
            bytes = bytes.subspan(static_cast<std::size_t>(sent));
        else if (errno == EAGAIN ? !wait_for(socket.fd(), POLLOUT, deadline) : errno != EINTR)
            return false;
    }
    return true;
}

bool receive_all(const Socket& socket, std::span<std::byte> bytes, Deadline deadline) {
    while (!bytes.empty()) {
        const ssize_t got = recv(socket.fd(), bytes.data(), bytes.size(), 0);
        if (got > 0)
            bytes = bytes.subspan(static_cast<std::size_t>(got));
        else if (got == 0 || (errno == EAGAIN ? !wait_for(socket.fd(), POLLIN, deadline) : errno != EINTR))
            return false;
    }
    return true;
}

}  // namespace regkit
