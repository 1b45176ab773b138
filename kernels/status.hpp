// What a back end says of an operation. Plain data, since no exception crosses the boundary to the plug-in.
#pragma once

namespace regkit {

struct [[nodiscard]] Status {
    enum class Code : int { ok, unsupported, out_of_memory, device_error };
    Code code = Code::ok;
    char message[240] = {};

    bool ok() const { return code == Code::ok; }

    static Status error(Code code, const char* text);
    static Status unsupported();
};

}  // namespace regkit
