// The outputs of one run appear together.
#pragma once

#include <string>
#include <vector>

#include "io/files/atomic_file.hpp"

namespace regkit {

// Files whose bytes are all written, committed together: nothing has its final name before all of them are
// complete and on the disk, and a run that fails before then leaves every old file as it was. A kill in the
// middle of commit() can leave new data beside old data and data without an index, but never new data beside
// an old index: those go first. What was added and not committed goes with the object.
class OutputSet {
  public:
    OutputSet() = default;
    OutputSet(OutputSet&&) noexcept = default;
    OutputSet& operator=(OutputSet&&) = delete;

    // Finishes the file (AtomicFile::finish) and keeps it; files appear in the order in which they were
    // added. Of standard output, a device or a FIFO commit() writes the last bytes, once all files have
    // appeared: what looks complete there is the output of a run that did not fail. Errors are AtomicFile's.
    void add(AtomicFile file);
    // The same of a file that readers look for an index of: an older .tbi, .csi or .gzi beside it, or beside
    // the name that was asked for where that is a symbolic link, is removed before anything appears. Its own
    // index is added after it. Of any other file this is done where it takes the place of a compressed one,
    // whose index that was.
    void add_indexable(AtomicFile data);
    // The same of a file that another one, of this ending behind the whole name, describes.
    void add_described(AtomicFile data, const std::string& ending);
    void commit();

  private:
    void has_beside(const AtomicFile& data, const std::string& ending);
    void has_indexes(const AtomicFile& data);

    std::vector<AtomicFile> files_, streams_;
    std::vector<std::string> beside_;  // files to be removed before data appear
};

}  // namespace regkit
