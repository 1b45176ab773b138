// How a library of NVIDIA's does one operation, chosen once and used for all runs of it.
#pragma once

#include <cstdint>

namespace regkit::cuda {

class LibraryPlan {
  public:
    explicit LibraryPlan(std::int64_t workspace) : workspace_(workspace) {}
    virtual ~LibraryPlan() = default;
    LibraryPlan(const LibraryPlan&) = delete;
    LibraryPlan& operator=(const LibraryPlan&) = delete;

    std::int64_t workspace() const { return workspace_; }  // bytes of device memory while it runs

  private:
    std::int64_t workspace_;
};

}  // namespace regkit::cuda
