// One handler for all signals that end a tool: it removes the temporaries, puts back the default action and
// raises the signal again, so that the parent sees the true cause. While somebody polls for it, the first
// SIGINT or SIGTERM is only noted, in an atomic that a handler may write.
#include "cli/signals.hpp"

#include <signal.h>

#include <array>
#include <atomic>

#include "base/temporaries.hpp"
#include "cli/progress.hpp"

namespace regkit::cli {
namespace {

constexpr std::array<int, 3> kDeadly = {SIGINT, SIGTERM, SIGHUP};
std::atomic<bool> stop_wanted{false};
std::atomic<int> stop_signal{0};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

void set_handler(int number, void (*handler)(int)) {
    struct sigaction action {};
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, nullptr);
}

extern "C" void on_signal(int number) {
    if (number != SIGHUP && stop_wanted.load()) {
        int none = 0;
        if (stop_signal.compare_exchange_strong(none, number)) return;
    }
    remove_temporaries();
    leave_progress_line();
    set_handler(number, SIG_DFL);
    raise(number);  // blocked until the handler returns, then it kills: the parent sees the true cause
}

}  // namespace

void install_signal_handlers() {
    set_handler(SIGPIPE, SIG_IGN);
    set_handler(SIGXFSZ, SIG_IGN);
    for (const int number : kDeadly) {
        struct sigaction before {};
        sigaction(number, nullptr, &before);
        if (before.sa_handler != SIG_IGN) set_handler(number, on_signal);
    }
}

StopRequest::StopRequest() {
    stop_signal = 0;
    stop_wanted = true;
}

StopRequest::~StopRequest() {
    stop_wanted = false;
}

bool StopRequest::raised() {
    return stop_signal.load() != 0;
}

int StopRequest::signal() {
    return stop_signal.load();
}

}  // namespace regkit::cli
