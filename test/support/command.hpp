// Independent programs as oracles.
#pragma once

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace regkit::test {

struct Outcome {
    int code = 0;
    std::string output;  // standard output
};

// Runs a shell command.
inline Outcome run(const std::string& command) {
    FILE* pipe = popen(command.c_str(), "r");
    if (pipe == nullptr) throw std::runtime_error("popen failed");
    Outcome outcome;
    char buffer[65536];
    for (std::size_t got; (got = fread(buffer, 1, sizeof buffer, pipe)) > 0;)
        outcome.output.append(buffer, got);
    const int status = pclose(pipe);
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    return outcome;
}

// Ends the whole test program as skipped (77) where something it needs is absent. Programs that call this
// hold nothing but tests that need it.
inline void need(bool there, const std::string& what) {
    if (there) return;
    std::fprintf(stderr, "SKIPPED: %s is absent\n", what.c_str());
    std::_Exit(77);
}
inline void need_program(const std::string& name) {
    need(run("command -v " + name).code == 0, name);
}

}  // namespace regkit::test
