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
