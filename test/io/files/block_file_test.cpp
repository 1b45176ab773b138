// A file of blocks, whole and damaged at every byte.
#include "io/files/block_file.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "kernels/base/error.hpp"

using namespace regkit;

namespace {

constexpr std::string_view kMagic = "kind\n";

struct Scratch {
    std::string path =
        (std::filesystem::temp_directory_path() / ("regkit-blocks-" + std::to_string(getpid()))).string();
    ~Scratch() { std::filesystem::remove(path); }
    void put(const std::string& bytes) const { std::ofstream(path, std::ios::binary) << bytes; }
};

// The contents of all whole blocks.
std::vector<std::string> contents(const std::string& path, bool& at_end) {
    BlockReader reader(path, kMagic);
    std::vector<std::string> all;
    for (std::string content; reader.next(content);) all.push_back(content);
    at_end = reader.at_end();
    return all;
}

}  // namespace

TEST_CASE("blocks: what was packed is read, and nothing else") {
    const Scratch scratch;
    const std::vector<std::string> blocks = {"first", "", std::string(100000, 'x'), std::string("\0\1", 2)};
    std::string file(kMagic);
    std::vector<std::size_t> ends;
    for (const std::string& block : blocks) {
        file += packed_block(block);
        ends.push_back(file.size());
    }
    bool at_end = false;
    scratch.put(file);
    CHECK(contents(scratch.path, at_end) == blocks);
    CHECK(at_end);
    for (std::size_t size = kMagic.size(); size < file.size(); ++size) {  // cut short
        scratch.put(file.substr(0, size));
        const auto whole =
            std::count_if(ends.begin(), ends.end(), [&](std::size_t end) { return end <= size; });
        CHECK(std::ssize(contents(scratch.path, at_end)) == whole);
        CHECK(at_end == (size == kMagic.size() || std::find(ends.begin(), ends.end(), size) != ends.end()));
    }
    for (std::size_t at = kMagic.size(); at < file.size(); ++at) {  // one bit
        std::string damaged = file;
        damaged[at] = static_cast<char>(damaged[at] ^ 4);
        scratch.put(damaged);
        const auto before =
            std::count_if(ends.begin(), ends.end(), [&](std::size_t end) { return end <= at; });
        CHECK(std::ssize(contents(scratch.path, at_end)) == before);
        CHECK(!at_end);
    }
    scratch.put("another kind");
    CHECK_THROWS_AS(contents(scratch.path, at_end), Error);
}

TEST_CASE("a journal: goes on where it was cut, has one owner, and takes its last name") {
    const Scratch scratch, other{scratch.path + ".other"};
    {
        JournalFile journal(scratch.path);
        CHECK(journal.size() == 0);
        journal.append("0123456789");
        CHECK_THROWS_AS(JournalFile(scratch.path), Error);
    }
    JournalFile journal(scratch.path);
    CHECK(journal.size() == 10);
    journal.cut(4);
    journal.append("abc");
    journal.appear(other.path);
    CHECK(!std::filesystem::exists(scratch.path));
    std::ifstream in(other.path);
    CHECK(std::string(std::istreambuf_iterator<char>(in), {}) == "0123abc");
    std::filesystem::create_symlink(other.path, scratch.path);
    CHECK_THROWS_AS(JournalFile(scratch.path), Error);
}
