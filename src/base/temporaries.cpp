// A fixed table of atomic pointers to paths. Entries are taken and given up by an exchange, without a lock or
// an allocation, because a signal handler may run between any two instructions and must still be able to
// remove everything.
#include "base/temporaries.hpp"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

// Whoever exchanges an entry for null owns its text: the handler and an owner on another thread cannot both
// use it.
std::array<std::atomic<char*>, 8192> table;
static_assert(std::atomic<char*>::is_always_lock_free);

}  // namespace

Temporary::Temporary(const std::string& path) {
    char* text = strdup(path.c_str());
    if (text == nullptr) throw std::bad_alloc();
    for (std::size_t i = 0; i < table.size(); ++i) {
        char* expected = nullptr;
        if (table[i].compare_exchange_strong(expected, text)) {
            slot_ = static_cast<int>(i);
            return;
        }
    }
    std::free(text);
}

Temporary::~Temporary() {
    forget();
}

Temporary::Temporary(Temporary&& other) noexcept : slot_(std::exchange(other.slot_, -1)) {}

Temporary& Temporary::operator=(Temporary&& other) noexcept {
    if (this != &other) {
        forget();
        slot_ = std::exchange(other.slot_, -1);
    }
    return *this;
}

void Temporary::forget() noexcept {
    if (slot_ >= 0) std::free(nth(table, slot_).exchange(nullptr));
    slot_ = -1;
}

void remove_temporaries() noexcept {
    const int saved = errno;
    // The texts are not freed: free() is not async-signal-safe, and the process is about to end.
    std::array<char*, 64> directories{};
    std::size_t count = 0;
    for (auto& entry : table) {
        char* path = entry.exchange(nullptr);
        if (path == nullptr) continue;
        if (unlink(path) != 0 && (errno == EISDIR || errno == EPERM) && count < directories.size())
            directories[count++] = path;
    }
    while (count > 0) rmdir(directories[--count]);
    errno = saved;
}

}  // namespace regkit
