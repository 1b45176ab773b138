// A file of blocks that one run appends to and another reads: each is compressed and has a checksum, so that
// what a killed run was about to write is told from what it had written.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace regkit {

// The content as it lies in a file, at most 1 GiB of it: its sizes compressed and plain, the CRC-32 of the
// compressed bytes, and these.
std::string packed_block(std::string_view content);

class BlockReader {
  public:
    // Error(resource) when the file cannot be read, Error(input) when it does not begin with `magic`.
    BlockReader(std::string path, std::string_view magic);
    ~BlockReader();
    BlockReader(const BlockReader&) = delete;
    BlockReader& operator=(const BlockReader&) = delete;

    // The next block's content; false at the end of the file, or where what follows is no whole block.
    bool next(std::string& content);
    // Whether that was the end of the file.
    bool at_end() const { return position_ == size_; }
    // Behind the last block that was read.
    std::uint64_t position() const { return position_; }
    // What next() reads begins there: a position() of before.
    void go_to(std::uint64_t position) { position_ = position; }
    const std::string& path() const { return path_; }

  private:
    std::string path_;
    int descriptor_ = -1;
    std::uint64_t position_ = 0, size_ = 0;
    std::string packed_;
};

// A file that is written front to back and stays when its run is killed. One run at a time has it.
class JournalFile {
  public:
    // Made where it is missing. Error(resource): it cannot be, it is a symbolic link, or another run has it.
    explicit JournalFile(std::string path);
    ~JournalFile();
    JournalFile(const JournalFile&) = delete;
    JournalFile& operator=(const JournalFile&) = delete;

    const std::string& path() const { return path_; }
    std::uint64_t size() const { return size_; }
    // Whether it begins with `magic`, or is shorter and the beginning of it.
    bool begins(std::string_view magic) const;
    // What lies behind `size` goes, and append() goes on there. Errors of both are Error(resource).
    void cut(std::uint64_t size);
    void append(std::string_view bytes);
    // It is on the disk and has this name instead.
    void appear(const std::string& name);
    void remove();

  private:
    std::string path_;
    int descriptor_ = -1;
    std::uint64_t size_ = 0;
};

}  // namespace regkit
