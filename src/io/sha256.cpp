#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "base/error.hpp"
#include "io/safetensors.hpp"

namespace regkit {
namespace {

class Sha256 {
  public:
    Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
        require(context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1, ErrorKind::resource,
                "libcrypto offers no SHA-256");
    }

    void add(const void* bytes, std::size_t count) {
        require(EVP_DigestUpdate(context_.get(), bytes, count) == 1, ErrorKind::resource, "SHA-256 failed");
    }
    void add(std::uint64_t value) { add(&value, sizeof value); }
    // With its length, so that no two sequences of texts hash alike.
    void add(const std::string& text) {
        add(std::uint64_t{text.size()});
        add(text.data(), text.size());
    }

    std::string hex() {
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned int size = 0;
        require(EVP_DigestFinal_ex(context_.get(), digest, &size) == 1, ErrorKind::resource, "SHA-256 failed");
        static constexpr char kDigits[] = "0123456789abcdef";
        std::string text;
        for (unsigned int i = 0; i < size; ++i) {
            text += kDigits[digest[i] >> 4];
            text += kDigits[digest[i] & 15];
        }
        return text;
    }

  private:
    std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
};

}  // namespace

std::string content_sha256(const TensorFile& file, const std::string& except) {
    Sha256 hash;
    for (const auto& [key, text] : file.metadata) {
        if (key == except) continue;
        hash.add(key);
        hash.add(text);
    }
    for (const NamedTensor& tensor : file.tensors) {
        hash.add(tensor.name);
        hash.add(std::uint64_t{tensor.shape.size()});
        for (const std::int64_t dimension : tensor.shape) hash.add(static_cast<std::uint64_t>(dimension));
        hash.add(tensor.values.data(), tensor.values.size() * sizeof(float));
    }
    return hash.hex();
}

std::string sha256_file(const std::string& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) throw_errno("cannot open " + path);
    Sha256 hash;
    const auto buffer = std::make_unique<char[]>(1 << 20);
    for (;;) {
        const ssize_t got = read(fd, buffer.get(), 1 << 20);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            const int cause = errno;
            close(fd);
            errno = cause;
            throw_errno("cannot read " + path);
        }
        if (got == 0) break;
        hash.add(buffer.get(), static_cast<std::size_t>(got));
    }
    close(fd);
    return hash.hex();
}

}  // namespace regkit
