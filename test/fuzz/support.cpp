// What targets call: a scratch folder, parts of an input, expectations.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "kernels/base/error.hpp"
#include "test/fuzz/fuzz.hpp"

namespace {

// Goes when the process ends by itself. Where it crashes the folder stays; run.py removes its own $TMPDIR.
struct Scratch {
    std::string folder = (std::filesystem::temp_directory_path() / "regkit-fuzz.XXXXXX").string();
    Scratch() { expect(mkdtemp(folder.data()) != nullptr, "cannot make a scratch folder"); }
    ~Scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(folder, ignored);
    }
};

const std::string& scratch() {
    static const Scratch made;
    return made.folder;
}

}  // namespace

void expect(bool ok, const char* what) {
    if (ok) return;
    std::fprintf(stderr, "not as expected: %s\n", what);
    std::abort();
}

std::string put(const std::string& name, std::string_view content) {
    const std::string path = scratch() + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    expect(file >= 0, "cannot write to the scratch folder");
    while (!content.empty()) {
        const ssize_t done = write(file, content.data(), content.size());
        expect(done > 0, "cannot write to the scratch folder");
        content.remove_prefix(static_cast<std::size_t>(done));
    }
    close(file);
    return path;
}

std::string absent(const std::string& name) {
    const std::string path = scratch() + "/" + name;
    std::filesystem::remove_all(path);
    return path;
}

std::size_t choose(std::string_view& input, std::size_t count) {
    if (input.empty()) return 0;
    const auto first = static_cast<unsigned char>(input.front());
    input.remove_prefix(1);
    return first % count;
}

std::string_view next_part(std::string_view& input) {
    constexpr std::string_view kBetween = "@@@@\n";
    const std::size_t end = input.find(kBetween);
    const std::string_view part = input.substr(0, end);
    input.remove_prefix(end == input.npos ? input.size() : end + kBetween.size());
    return part;
}

bool try_input(Target target, std::string_view input) {
    try {
        target(input);
        return true;
    } catch (const regkit::Error& error) {
        expect(error.what()[0] != '\0', "an error without words");
        return false;
    }
}
