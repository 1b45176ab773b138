// The true libnccl.so.2, on a machine that has it: what regkit calls is there. Nothing here needs a GPU.
#include "kernels/cuda/all_reduce/nccl.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace regkit::cuda;

int main() {
    const char* const built_with = REGKIT_NCCL;
    if (*built_with) setenv("REGKIT_NCCL_LIBRARY", built_with, 0);
    std::string why;
    const Nccl* const nccl = load_nccl(why);
    if (!nccl) {
        std::printf("SKIPPED: no NCCL on this machine (%s)\n", why.c_str());
        return 77;
    }
    NcclId first{}, second{};
    const bool made = nccl->get_unique_id(&first) == NcclResult::success &&
                      nccl->get_unique_id(&second) == NcclResult::success;
    if (!made || std::memcmp(&first, &second, sizeof first) == 0) {
        std::printf("no two unique ids\n");
        return 1;
    }
    if (!std::strstr(nccl->get_error_string(NcclResult::system_error), "system error")) {
        std::printf("error 2 is '%s'\n", nccl->get_error_string(NcclResult::system_error));
        return 1;
    }
    std::printf("NCCL %s: all functions found\n", nccl_version_text(nccl->version).c_str());
}
