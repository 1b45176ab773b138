// SHA-256 in pieces, through libcrypto.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

struct SHA256state_st;

namespace regkit {

// Throws Error(resource) when libcrypto offers none.
class Sha256 {
  public:
    Sha256();
    ~Sha256();
    Sha256(Sha256&&) noexcept;
    Sha256& operator=(Sha256&&) noexcept;

    void add(const void* bytes, std::size_t count);
    std::string hex();  // once, at the end

  private:
    struct Free {
        void operator()(SHA256state_st* context) const;
    };
    std::unique_ptr<SHA256state_st, Free> context_;
};

// Of a file, hexadecimal. Error(resource) where it cannot be read.
std::string sha256_file(const std::string& path);

}  // namespace regkit
