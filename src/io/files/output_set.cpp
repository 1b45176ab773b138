// The order of commit() is the point: indexes of files to be replaced go first and are gone on the disk, then
// files get their names one after the other, then directories are synced, and streams end last. So whatever a
// kill leaves, no new data lies beside an old index. A failure on the way tells which outputs are in place
// already.
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

// Removes the indexes beside `data`. Of a symbolic link what it leads to: a new index is written there as
// well. Adds the directories that changed.
void remove_indexes(const std::string& data, std::set<std::string>& changed) {
    for (const char* ending : kIndexEndings) {
        if (access((data + ending).c_str(), F_OK) != 0) continue;
        const std::string index = canonical_path(data + ending);
        if (unlink(index.c_str()) == 0)
            changed.insert(directory_of(index));
        else if (errno != ENOENT)
            throw_errno(index + ": cannot remove the index of the file to be replaced");
    }
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

void OutputSet::has_indexes(const AtomicFile& data) {
    indexable_.push_back(data.path());
    if (data.asked_path() != data.path()) indexable_.push_back(data.asked_path());
}

void OutputSet::commit() {
    for (const AtomicFile& file : files_)
        if (is_compressed(file.path())) has_indexes(file);
    std::set<std::string> changed;  // directories
    for (const std::string& data : indexable_) remove_indexes(data, changed);
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
    indexable_.clear();
}

}  // namespace regkit
