// The older functions of libcrypto are used, which need no memory, and their state is ours to hold. A file is
// hashed in pieces of a megabyte.
#include "io/files/sha256.hpp"

#include <fcntl.h>
// The plain functions need no memory. libcrypto's newer ones (EVP) set up a library of providers first, and
// OpenSSL 3.0 ends with a segmentation fault where an allocation fails in there.
#define OPENSSL_API_COMPAT 0x10101000L
#include <openssl/sha.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "base/descriptor.hpp"
#include "kernels/base/error.hpp"

namespace regkit {
void Sha256::Free::operator()(SHA256state_st* context) const {
    delete context;
}

Sha256::Sha256() : context_(new SHA256state_st) {
    require(SHA256_Init(context_.get()) == 1, ErrorKind::resource, "libcrypto offers no SHA-256");
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::add(const void* bytes, std::size_t count) {
    require(SHA256_Update(context_.get(), bytes, count) == 1, ErrorKind::resource, "SHA-256 failed");
}

std::string Sha256::hex() {
    unsigned char digest[SHA256_DIGEST_LENGTH];
    require(SHA256_Final(digest, context_.get()) == 1, ErrorKind::resource, "SHA-256 failed");
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (const unsigned char byte : digest) {
        text += kDigits[byte >> 4];
        text += kDigits[byte & 15];
    }
    return text;
}

std::string sha256_file(const std::string& path) {
    const int fd = open_file(path.c_str(), O_RDONLY);
    if (fd < 0) throw_errno("cannot open " + path);
    Sha256 hash;
    const auto buffer = std::make_unique<char[]>(1 << 20);
    for (;;) {
        const ssize_t got = read(fd, buffer.get(), 1 << 20);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            const int cause = errno;
            close_file(fd);
            errno = cause;
            throw_errno("cannot read " + path);
        }
        if (got == 0) break;
        hash.add(buffer.get(), static_cast<std::size_t>(got));
    }
    close_file(fd);
    return hash.hex();
}

}  // namespace regkit
