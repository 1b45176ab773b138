// Two paths are compared by device and inode where both exist, and else by name without links, so that
// another spelling, a link or a path through another folder is found out. An input's indexes are guarded as
// well, and an output may not lie in an input folder nor hold one.
#include "io/files/output_check.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <new>
#include <system_error>

#include "io/files/atomic_paths.hpp"
#include "kernels/base/error.hpp"

namespace regkit {
namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 4> kIndexEndings = {".fai", ".gzi", ".tbi", ".csi"};

// Where a path leads: by device and inode what exists, by its name what does not yet.
struct Place {
    std::string path;
    fs::path name;  // without links; empty for a stream
    struct stat info {};
    bool exists = false;

    Place(const std::string& given, int stream) : path(given) {
        const bool named = stream == STDOUT_FILENO ? !is_standard_output(given) : given != "-";
        exists = (named ? stat(given.c_str(), &info) : fstat(stream, &info)) == 0;
        std::error_code error;
        if (named && !given.empty()) {
            const fs::path whole = fs::absolute(resolve_links(given), error);
            if (!error) name = fs::weakly_canonical(whole, error);
            // Where the way is barred nothing can be written either; without memory that is not known.
            if (error == std::errc::not_enough_memory) throw std::bad_alloc();
        }
        if (error) name.clear();
    }
    bool is_directory() const { return exists && S_ISDIR(info.st_mode); }
    bool is(const Place& other) const {
        // What is sent to /dev/null harms nobody.
        if (exists && other.exists)
            return S_ISREG(info.st_mode) && info.st_dev == other.info.st_dev &&
                   info.st_ino == other.info.st_ino;
        return !name.empty() && name == other.name;
    }
    bool lies_in(const Place& directory) const {
        if (!directory.is_directory() || name.empty() || directory.name.empty()) return false;
        const auto [end, rest] =
            std::mismatch(directory.name.begin(), directory.name.end(), name.begin(), name.end());
        return end == directory.name.end() && rest != name.end();
    }
    std::string shown() const { return is_standard_output(path) ? "standard output" : path; }
};

[[noreturn]] void refuse(const Place& output, const std::string& what) {
    throw Error(ErrorKind::usage, output.shown() + ": " + what + "; choose another output");
}

}  // namespace

void refuse_inputs_as_outputs(const std::vector<std::string>& outputs,
                              const std::vector<std::string>& inputs) {
    std::vector<Place> read;
    std::vector<std::pair<Place, const std::string*>> indexes;
    for (const std::string& input : inputs) {
        if (input.empty()) continue;
        read.emplace_back(input, STDIN_FILENO);
        if (input == "-" || read.back().is_directory()) continue;
        for (const char* ending : kIndexEndings)
            indexes.emplace_back(Place(input + ending, STDIN_FILENO), &input);
    }
    for (const std::string& path : outputs) {
        const Place output(path, STDOUT_FILENO);
        for (const Place& input : read) {
            if (output.is(input)) refuse(output, "is the same file as the input " + input.path);
            if (output.lies_in(input)) refuse(output, "lies inside the input " + input.path);
            if (input.lies_in(output)) refuse(output, "holds the input " + input.path);
        }
        for (const auto& [index, input] : indexes)
            if (output.is(index)) refuse(output, "is the index of the input " + *input);
    }
}

void refuse_equal_outputs(const std::vector<std::string>& outputs) {
    std::vector<Place> places;
    for (const std::string& path : outputs) {
        const Place place(path, STDOUT_FILENO);
        for (const Place& other : places)
            require(!place.is(other) && !(is_standard_output(path) && is_standard_output(other.path)),
                    ErrorKind::usage,
                    "the outputs '" + other.path + "' and '" + path +
                        "' would be the same file; give each its own");
        places.push_back(place);
    }
}

std::vector<std::string> index_names(const std::string& data) {
    if (data.empty() || is_special_output(data)) return {};
    return {data + ".tbi", data + ".csi", data + ".gzi"};
}

bool is_special_output(const std::string& path) {
    struct stat info {};
    return is_standard_output(path) ||
           (stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode));
}

}  // namespace regkit
