#include "io/files/spool.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <random>
#include <string>

#include "kernels/base/error.hpp"
#include "test/support/scratch.hpp"

using namespace regkit;

TEST_CASE("a spool gives back what was appended, across its memory and its file") {
    test::Scratch scratch;
    setenv("TMPDIR", scratch.path("").c_str(), 1);
    std::mt19937 random(1);
    Spool spool;
    std::string all;
    while (all.size() < 3 * Spool::kMemory) {
        std::string piece(random() % 50000, static_cast<char>('a' + random() % 26));
        CHECK(spool.append(piece) == all.size());
        all += piece;
    }
    CHECK(spool.size() == all.size());
    for (int i = 0; i < 200; ++i) {
        const std::size_t offset = random() % all.size();
        std::string back(random() % (all.size() - offset), '\0');
        spool.read(offset, back);
        CHECK(back == all.substr(offset, back.size()));
    }
    std::string beyond(2, '\0');
    CHECK_THROWS_AS(spool.read(all.size() - 1, beyond), Error);
    CHECK(scratch.names().empty());  // unlinked at once
    unsetenv("TMPDIR");
}

TEST_CASE("a spool that finds no place says where it looked") {
    setenv("TMPDIR", "/nonexistent", 1);
    Spool spool;
    const std::string much(Spool::kMemory, 'x');
    CHECK_THROWS_WITH_AS(spool.append(much), doctest::Contains("/nonexistent/regkit-spool"), Error);
    unsetenv("TMPDIR");
}
