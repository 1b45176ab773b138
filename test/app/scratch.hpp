// A directory for one test, removed with all it holds.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace regkit {

class Scratch {
  public:
    explicit Scratch(const std::string& name)
        : directory_(std::filesystem::temp_directory_path() /
                     ("regkit-" + name + "-" + std::to_string(getpid()))) {
        std::filesystem::remove_all(directory_);
        std::filesystem::create_directories(directory_);
    }
    ~Scratch() { std::filesystem::remove_all(directory_); }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    std::string file(const std::string& name) const { return (directory_ / name).string(); }
    bool holds(const std::string& name) const { return std::filesystem::exists(directory_ / name); }
    std::string text(const std::string& name) const {
        std::ifstream in(directory_ / name, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    void write(const std::string& name, const std::string& bytes) const {
        std::ofstream(directory_ / name, std::ios::binary) << bytes;
    }

  private:
    std::filesystem::path directory_;
};

}  // namespace regkit
