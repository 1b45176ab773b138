// Each library is asked at run time where it can tell its version, so that a shared one that was exchanged
// shows.
#include "io/files/libraries.hpp"

#include <htslib/hts.h>
#include <libdeflate.h>
#include <openssl/crypto.h>
#include <zlib.h>

namespace regkit {

std::vector<std::string> io_libraries() {
    return {std::string("htslib ") + hts_version(), std::string("zlib ") + zlibVersion(),
            "libdeflate " LIBDEFLATE_VERSION_STRING, std::string(OpenSSL_version(OPENSSL_VERSION))};
}

}  // namespace regkit
