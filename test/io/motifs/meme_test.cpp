#include "io/motifs/meme.hpp"

#include <doctest/doctest.h>

#include "kernels/base/error.hpp"
#include "test/support/scratch.hpp"

using namespace regkit;
using regkit::test::Scratch;

namespace {

const std::string kStart = "MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\n";
const std::string kRows = " 0.25 0.25 0.5 0\n0 0 0 1\n";

std::string failure(const std::string& text) {
    const Scratch dir;
    try {
        read_meme(dir.write("m.meme", text));
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::input);
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("motifs are read with their names, sites and background") {
    const Scratch dir;
    const MotifFile file = read_meme(dir.write(
        "m.meme", "\n" + kStart +
                      "Background letter frequencies (from unknown source):\n A 0.3 C 0.2 G 0.2 T 0.3\n\n" +
                      "MOTIF MA0139.1 CTCF\nletter-probability matrix: alength= 4 w= 2 nsites= 612 E= 0\n" +
                      kRows + "URL http://jaspar.genereg.net/matrix/MA0139.1\n\n" +
                      "MOTIF only.id\nlog-odds matrix: alength= 4 w= 1\n1 2 3 4\n" +
                      "letter-probability matrix: w=1\n\t0.333 0.333 0.333 0.000\r\n"));
    CHECK(file.background == BaseProbabilities{0.3, 0.2, 0.2, 0.3});
    REQUIRE(file.motifs.size() == 2);
    CHECK(file.motifs[0].full_name() == "MA0139.1 CTCF");
    CHECK(file.motifs[0].sites == 612);
    CHECK(file.motifs[0].positions == std::vector<BaseProbabilities>{{0.25, 0.25, 0.5, 0}, {0, 0, 0, 1}});
    CHECK(file.motifs[1].full_name() == "only.id");
    CHECK(file.motifs[1].sites == 0);
    REQUIRE(file.motifs[1].positions.size() == 1);
    CHECK(file.motifs[1].positions[0][1] == doctest::Approx(1.0 / 3));
}

TEST_CASE("a motif is a target's by its name, a part of it, or its identifier") {
    const auto is_of = [](const char* id, const char* name, const char* target) {
        return Motif{id, name}.is_of(target);
    };
    CHECK(is_of("MA0139.1", "CTCF", "CTCF"));
    CHECK(is_of("MA0139.1", "CTCF", "ctcf"));
    CHECK_FALSE(is_of("MA1102.2", "CTCFL", "CTCF"));
    CHECK_FALSE(is_of("MA0139.1", "CTCF", "CTCFL"));
    CHECK(is_of("MA0059.1", "MAX::MYC", "Max"));
    CHECK(is_of("MA0059.1", "MAX::MYC", "MYC"));
    CHECK(is_of("MA1132.1", "JUN::JUNB(var.2)", "JUNB"));
    CHECK(is_of("CTCF_HUMAN.H11MO.0.A", "", "CTCF"));
    CHECK(is_of("CTCF.H12CORE.0.P.B", "", "CTCF"));
    CHECK_FALSE(is_of("MA0139.1", "CTCF", "MA0139"));
    CHECK_FALSE(is_of("MA0139.1", "CTCF", ""));
}

TEST_CASE("what is no motif is told with its line") {
    const std::string motif = "MOTIF x\nletter-probability matrix: alength= 4 w= 2\n";
    CHECK(failure("").find("holds no motif") != std::string::npos);
    CHECK(failure(">CTCF\nA [1 2]\n").find(":1: does not begin with 'MEME version'") != std::string::npos);
    CHECK(failure(kStart).find("holds no motif") != std::string::npos);
    CHECK(failure("MEME version 4\nALPHABET= ACDEFGHIKLMNPQRSTVWY\n").find(":2: the alphabet") !=
          std::string::npos);
    CHECK(failure(kStart + "MOTIF x\nMOTIF y\n").find(":8: motif 'x' has no letter") != std::string::npos);
    CHECK(failure(kStart + "MOTIF x\n").find("motif 'x' has no letter") != std::string::npos);
    CHECK(failure(kStart + motif + "0.2 0.2 0.2 0.2\n").find(":9: the four probabilities") !=
          std::string::npos);
    CHECK(failure(kStart + motif + "0.5 0.5 0\n").find(":9: no four") != std::string::npos);
    CHECK(failure(kStart + motif + "0.5 0.5 0 nan\n").find(":9: no four") != std::string::npos);
    CHECK(failure(kStart + motif + "1.5 -0.5 0 0\n").find(":9: no four") != std::string::npos);
    CHECK(failure(kStart + motif + "1 0 0 0\n").find("has 1 position, and w says") != std::string::npos);
    CHECK(failure(kStart + motif + kRows + "letter-probability matrix: w= 2\n" + kRows)
              .find(":11: a second matrix") != std::string::npos);
    CHECK(failure(kStart + "letter-probability matrix: w= 2\n" + kRows).find("before the first motif") !=
          std::string::npos);
    CHECK(failure(kStart + "MOTIF x\nletter-probability matrix: alength= 20\n").find("other letters") !=
          std::string::npos);
    CHECK(failure(kStart + "Background letter frequencies\nA 0.5 C 0.5\n").find(":8: no positive") !=
          std::string::npos);
    CHECK(failure(kStart + motif + kRows) == "");
}

TEST_CASE("motifs that are written are read again") {
    MotifFile file;
    file.background = {0.3, 0.2, 0.2, 0.3};
    file.motifs = {{"CTCF.GM12878.1", "", 41.4, {{0.25, 0.25, 0.5, 0}, {0.123456, 0.3, 0.076544, 0.5}}},
                   {"a b", "two\twords", 0, {{0, 0, 0, 1}}}};
    const Scratch dir;
    const std::string text = meme_text(file);
    CHECK(
        text.starts_with("MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\nBackground letter frequencies\n"
                         "A 0.30000 C 0.20000 G 0.20000 T 0.30000\n\nMOTIF CTCF.GM12878.1\n"
                         "letter-probability matrix: alength= 4 w= 2 nsites= 41\n"
                         " 0.250000 0.250000 0.500000 0.000000\n"));
    const MotifFile again = read_meme(dir.write("m.meme", text));
    REQUIRE(again.motifs.size() == 2);
    CHECK(again.background == file.background);
    CHECK(again.motifs[0].id == "CTCF.GM12878.1");
    CHECK(again.motifs[0].is_of("CTCF"));
    CHECK(again.motifs[0].sites == 41);
    CHECK(again.motifs[0].positions == file.motifs[0].positions);
    CHECK(again.motifs[1].full_name() == "a_b two_words");
}
