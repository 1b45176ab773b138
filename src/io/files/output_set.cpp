// The order of commit() is the point: indexes (and descriptions) of files to be replaced go first and are
// gone on the disk, then files get their names one after the other, then directories are synced, and streams
// end last. So whatever a kill leaves, no new data lies beside an old index. A failure on the way tells which
// outputs are in place already.
#include "io/files/output_set.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <set>

#include "base/descriptor.hpp"
#include "base/paths.hpp"
#include "io/files/atomic_paths.hpp"
#include "kernels/base/error.hpp"

namespace regkit {
namespace {

constexpr std::array<const char*, 3> kIndexEndings = {".tbi", ".csi", ".gzi"};

// Whether there is a file that is compressed, of which an index that lies beside it may be. Who may replace a
// file may not always read it.
bool is_compressed(const std::string& path) {
    const int fd = open_file(path.c_str(), O_RDONLY | O_NONBLOCK);
    if (fd < 0 && (errno == ENOENT || errno == EACCES)) return false;
    if (fd < 0) throw_errno(path + ": cannot read the file to be replaced");
    std::array<char, 2> begin{};
    const ssize_t got = read_at(fd, 0, begin);
    const int cause = errno;
    close_file(fd);
    errno = cause;
    if (got < 0) throw_errno(path + ": cannot read the file to be replaced");
    return begin[0] == '\x1f' && begin[1] == '\x8b';
}

// Of a symbolic link what it leads to: a new one is written there as well. Adds the directory that changed.
void remove_old(const std::string& beside, std::set<std::string>& changed) {
    if (access(beside.c_str(), F_OK) != 0) return;
    const std::string old = canonical_path(beside);
    if (unlink(old.c_str()) == 0)
        changed.insert(directory_of(old));
    else if (errno != ENOENT)
        throw_errno(old + ": cannot remove what lies beside the file to be replaced");
}

}  // namespace

void OutputSet::add(AtomicFile file) {
    if (file.is_stdout()) {
        streams_.push_back(std::move(file));
        return;
    }
    file.finish();
    files_.push_back(std::move(file));
}

void OutputSet::add_indexable(AtomicFile data) {
    if (!data.is_stdout()) has_indexes(data);
    add(std::move(data));
}

void OutputSet::add_described(AtomicFile data, const std::string& ending) {
    if (!data.is_stdout()) has_beside(data, ending);
    add(std::move(data));
}

void OutputSet::has_beside(const AtomicFile& data, const std::string& ending) {
    beside_.push_back(data.path() + ending);
    if (data.asked_path() != data.path()) beside_.push_back(data.asked_path() + ending);
}

void OutputSet::has_indexes(const AtomicFile& data) {
    for (const char* ending : kIndexEndings) has_beside(data, ending);
}

void OutputSet::commit() {
    for (const AtomicFile& file : files_)
        if (is_compressed(file.path())) has_indexes(file);
    std::set<std::string> changed;  // directories
    for (const std::string& old : beside_) remove_old(old, changed);
    // On the disk first: a power cut must not undo the removal and keep what follows.
    for (const std::string& directory : changed) sync_directory(directory, directory);
    std::string last;
    const auto telling_last = [&](const auto& step) {
        try {
            step();
        } catch (const Error& error) {
            if (last.empty()) throw;
            throw Error(error.kind(),
                        std::string(error.what()) + "; the outputs up to " + last + " are in place already");
        }
    };
    for (AtomicFile& file : files_) {
        telling_last([&] { file.appear(); });
        last = file.path();
    }
    changed.clear();
    for (const AtomicFile& file : files_)
        if (changed.insert(directory_of(file.path())).second)
            sync_directory(directory_of(file.path()), file.path());
    for (AtomicFile& stream : streams_) telling_last([&] { stream.finish(); });
    files_.clear();
    streams_.clear();
    beside_.clear();
}

}  // namespace regkit
