// Around a tool's body stand, in order: standard streams that the caller closed are held open with /dev/null,
// signals get their handlers, a word that was meant as a command is found out, and whatever is thrown becomes
// one line and an exit code. The last part is for what C++ or a library ends without an exception reaching
// us: out of memory, std::terminate, and exit() inside htslib. There words go out without an allocation, and
// temporaries are removed.
#include "cli/run.hpp"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>
#include <system_error>

#include "base/descriptor.hpp"
#include "base/printable.hpp"
#include "base/temporaries.hpp"
#include "base/text.hpp"
#include "cli/completion.hpp"
#include "cli/help.hpp"
#include "cli/progress.hpp"
#include "cli/signals.hpp"
#include "cli/stderr_log.hpp"
#include "cli/versions.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit::cli {
namespace {

constexpr const char* kOutOfMemory = "out of memory";
constexpr int kBrokenPipe = 141;  // what a shell reports of a process that SIGPIPE killed

// A standard stream that the caller closed must not be taken by the next file opened: the slot is filled with
// a descriptor that cannot be used in its direction.
void hold_standard_descriptors() {
    constexpr std::array<int, 3> kModes = {O_WRONLY, O_RDONLY, O_RDONLY};
    for (int fd = 0; fd < 3; ++fd) {
        if (fcntl(fd, F_GETFD) != -1 || errno != EBADF) continue;
        int opened;  // kept by programs that this one starts, so not open_file()
        do opened = open("/dev/null", nth(kModes, fd));
        while (opened < 0 && errno == EINTR);
        if (opened != fd) return;
    }
}

void print(const std::string& text) {
    std::fputs(text.c_str(), stdout);
}

// Data may still be in stdio's buffer or, on network file systems, be refused only at close.
void close_stdout() {
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0 || close_file(STDOUT_FILENO) != 0) {
        if (errno == EPIPE) throw BrokenPipe();
        throw_errno("cannot write to standard output");
    }
}

void complain(const std::string& name, const std::string& what) {
    std::fflush(stdout);
    write_message(name + ": " + printable(what) + "\n");
}

std::array<char, 64> tool_name{};  // once it is known; outlives what it was told in

// "tool: why" straight to standard error, at once. Needs no memory, which may be what is missing.
void complain_without_memory(const char* why) noexcept {
    clear_progress_line();
    const char* const name = tool_name[0] != '\0' ? tool_name.data() : program_invocation_short_name;
    std::array<iovec, 4> pieces{};
    std::size_t at = 0;
    for (const char* part : {name, ": ", why, "\n"})
        pieces[at++] = {const_cast<char*>(part), std::strlen(part)};
    while (writev(STDERR_FILENO, pieces.data(), static_cast<int>(pieces.size())) < 0 && errno == EINTR) {
    }
}

// Some functions that must not throw end the process without a trace of what was thrown: so it is noted here
// before.
std::atomic<bool> allocation_failed{false};

void on_failed_allocation() {
    allocation_failed = true;
    throw std::bad_alloc();
}

// Where an exception meets a function that must not throw, or comes before main() or on a thread of its own,
// C++ ends the process. A failed allocation ends it as everywhere else, and so does an Error, of a thread
// that has nobody to tell; anything else is a fault of ours, and aborts with a word.
[[noreturn]] void on_terminate() noexcept {
    remove_temporaries();
    bool memory = allocation_failed;
    if (std::current_exception()) {
        try {
            throw;
        } catch (const std::bad_alloc&) {
            memory = true;
        } catch (const Error& error) {
            std::array<char, 1024>
                text{};  // what does not print must not reach a terminal, and may come from a file
            std::size_t length = 0;
            for (const char* c = error.what(); *c != '\0' && length + 1 < text.size(); ++c)
                text[length++] = static_cast<unsigned char>(*c) < ' ' || *c == '\x7f' ? '?' : *c;
            complain_without_memory(text.data());
            _exit(static_cast<int>(error.kind()));
        } catch (...) {
            memory = false;  // an allocation that failed earlier was recovered from
        }
    }
    complain_without_memory(memory ? kOutOfMemory : "internal error: an exception where none may be");
    if (memory) _exit(static_cast<int>(ErrorKind::resource));
    std::abort();
}

// Before anything else that is set up before main(), which can fail for want of memory too.
struct Installed {
    Installed() {
        std::set_terminate(on_terminate);
        std::set_new_handler(on_failed_allocation);
    }
};
[[gnu::init_priority(101)]] const Installed installed;

std::atomic<bool> at_work{false};

// htslib calls exit() where it lacks memory for some small things: its words are out, but they do not say
// whose they are, and nothing is destroyed on this way.
void on_exit_amid_work() {
    if (!at_work) return;
    remove_temporaries();
    complain_without_memory("a library ended the run, for want of memory most likely");
    _exit(static_cast<int>(ErrorKind::resource));
}

struct AtWork {
    AtWork() { at_work = true; }
    ~AtWork() { at_work = false; }
    AtWork(const AtWork&) = delete;
    AtWork& operator=(const AtWork&) = delete;
};

// Calls `work` and gives the exit code.
int guarded(const std::string& name, const std::function<void()>& work) {
    try {
        const AtWork marked;
        work();
        close_stdout();
        return 0;
    } catch (const Error& error) {
        complain(name, error.what());
        return static_cast<int>(error.kind());
    } catch (const BrokenPipe&) {
        return kBrokenPipe;
    } catch (const std::bad_alloc&) {
        complain_without_memory(kOutOfMemory);
    } catch (const std::system_error& error) {  // as of a thread that cannot be started
        complain(name, std::string("the system refuses: ") + error.what());
    } catch (const std::exception& error) {
        complain(name, std::string("internal error: ") + error.what());
    }
    return static_cast<int>(ErrorKind::resource);
}

// --help and its like; true when there was one.
bool answered(const Arguments& args, const std::vector<Command>& commands) {
    std::vector<Tool> tools;
    for (const Command& command : commands) tools.push_back(with_common(command.tool));
    if (args.flag("help"))
        print(help_text(args.tool()));
    else if (args.flag("version"))
        print(version_text(args.tool().name));
    else if (args.flag("help-man"))
        print(man_options(args.tool()));
    else if (args.given("completion"))
        print(completion_script(args.text("completion"), tools));
    else
        return false;
    return true;
}

// A first word that is no file and nearly a command's name was meant as one.
void refuse_near_command(const std::vector<Command>& commands, const std::vector<std::string>& words) {
    if (words.empty() || words.front().starts_with('-') || access(words.front().c_str(), F_OK) == 0) return;
    std::vector<std::string> names;
    for (const Command& command : commands) names.push_back(command.tool.command);
    const std::string meant = nearest(words.front(), names);
    const bool bare = words.front().find_first_of("./") == std::string::npos;
    require(meant.empty() || !bare, ErrorKind::usage,
            "there is no command " + regkit::quoted(words.front()) + " and no such file; did you mean " +
                meant + "?");
}

}  // namespace

int run(int argc, const char* const* argv, const Tool& tool, const Body& body) {
    return run(argc, argv, std::vector<Command>{{tool, body}});
}

int run(int argc, const char* const* argv, const std::vector<Command>& commands) {
    hold_standard_descriptors();
    install_signal_handlers();
    std::atexit(on_exit_amid_work);
    std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
    const Command* chosen = &commands.front();
    bool named = chosen->tool.command.empty();
    for (const Command& command : commands)
        if (!words.empty() && !command.tool.command.empty() && words.front() == command.tool.command) {
            chosen = &command;
            words.erase(words.begin());
            named = true;
            break;
        }
    const std::string& name = chosen->tool.name;
    std::snprintf(tool_name.data(), tool_name.size(), "%s", name.c_str());
    const std::vector<Option>& table = chosen->tool.options;
    const bool needs = std::any_of(table.begin(), table.end(), [](const Option& o) { return o.needed; });
    if (words.empty() && (needs || !chosen->tool.reads_stdin || isatty(STDIN_FILENO) != 0)) {
        std::fputs(usage_text(chosen->tool).c_str(), stderr);
        return static_cast<int>(ErrorKind::usage);
    }
    return guarded(name, [&] {
        if (!named) refuse_near_command(commands, words);
        const Arguments args(chosen->tool, words);
        if (answered(args, commands)) return;
        StderrLog log(name, static_cast<int>(args.integer("verbosity", 0, 9)));
        try {
            chosen->body(args, log);
        } catch (...) {
            log.summarise();
            throw;
        }
        log.summarise();
    });
}

}  // namespace regkit::cli
