#include "kernels/status.hpp"

#include <cstring>

namespace regkit {

Status Status::error(Code code, const char* text) {
    Status status;
    status.code = code;
    std::strncpy(status.message, text, sizeof status.message - 1);
    return status;
}

Status Status::unsupported() {
    return error(Code::unsupported, "this back end does not have the operation; use --device cpu");
}

}  // namespace regkit
