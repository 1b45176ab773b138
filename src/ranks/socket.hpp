// TCP connections between ranks: owned descriptors, and waiting with a deadline. Everything that fails throws
// Error(resource).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace regkit {

using Deadline = std::chrono::steady_clock::time_point;

class Socket {
  public:
    Socket() = default;
    explicit Socket(int fd) : fd_(fd) {}
    Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Socket& operator=(Socket&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Socket();

    int fd() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    void close() { *this = Socket(); }

  private:
    int fd_ = -1;
};

// A socket that listens on `port` (0: any that is free), to this host alone or to all; none where the port is
// taken.
std::optional<Socket> listen_on(std::uint16_t port, bool this_host_alone);
std::uint16_t port_of(const Socket& listener);

// None where nobody listens there (yet), or not before the deadline. A host that cannot be resolved is an
// error.
std::optional<Socket> connect_to(const std::string& host, std::uint16_t port, Deadline deadline);
// None when nobody came before the deadline.
std::optional<Socket> accept_from(const Socket& listener, Deadline deadline);
// The other end's numeric address.
std::string peer_of(const Socket& socket);

// False when the connection ended or the deadline passed first.
bool send_all(const Socket& socket, std::span<const std::byte> bytes, Deadline deadline);
bool receive_all(const Socket& socket, std::span<std::byte> bytes, Deadline deadline);

// The connection breaks when the other end has not answered for so long, even if nothing is sent (its host
// died, the network was cut).
void end_when_silent(const Socket& socket, std::chrono::milliseconds timeout);

// Waits for `events` (poll's) on the descriptor; false at the deadline.
bool wait_for(int fd, short events, Deadline deadline);

}  // namespace regkit
