// A library that is loaded when it is first needed, since the plug-in serves machines with and without it.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

namespace regkit::cuda {

// Stays loaded, whatever becomes of this.
class SharedLibrary {
  public:
    // Where the system finds `name`; and where not, among CUDA's own libraries.
    static SharedLibrary beside_cuda(const std::string& name);
    // There alone: a path, or a name for the system.
    static SharedLibrary at(const std::string& name);

    explicit operator bool() const { return why_.empty(); }
    // Why it is not loaded, or which function it lacks, in words; empty as long as all is well.
    const std::string& why() const { return why_; }

    // Sets `function`; null, and a reason, where the library has none of that name.
    template <typename Function>
    void find(const char* name, Function*& function) {
        function = reinterpret_cast<Function*>(address(name));
    }

  private:
    explicit SharedLibrary(std::string name) : name_(std::move(name)) {}
    void open(const std::string& path);  // unless it is open
    void* address(const char* name);

    std::string name_, why_ = "not opened";
    void* handle_ = nullptr;
};

// "9.19.0"
std::string version_text(std::size_t major, std::size_t minor, std::size_t patch);

}  // namespace regkit::cuda
