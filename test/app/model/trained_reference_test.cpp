#include "app/model/trained_reference.hpp"

#include <doctest/doctest.h>

#include <random>

#include "io/fasta/block_digest.hpp"
#include "test/support/scratch.hpp"

using namespace regkit;

namespace {

struct Words {
    std::vector<std::string> warnings, notices;
};

class Listener final : public Log {
  public:
    Words words;

  private:
    void write(LogLevel level, const std::string& text) override {
        (level == LogLevel::warning ? words.warnings : words.notices).push_back(text);
    }
};

// Contig a: a block of N, one of bases, 100,000 bases more; b: 50,000 bases; the model does not know b's.
struct Genome {
    test::Scratch dir;
    std::string a = std::string(1'000'000, 'N'), b;
    Model model;

    Genome() {
        std::mt19937 random(4);
        while (a.size() < 2'100'000) a += "ACGT"[random() % 4];
        while (b.size() < 50'000) b += "ACGT"[random() % 4];
        FastaFile fasta(write("trained.fa"));
        const auto nothing = [](std::int64_t, std::span<const std::uint8_t>) {};
        ContigDigests of_a = scan_digests(fasta, 0, nothing), of_b = scan_digests(fasta, 1, nothing);
        model.reference = {{"a", 2'100'000, of_a.md5, of_a.blocks}, {"b", 50'000, of_b.md5}};
    }
    std::string write(const std::string& name) const {
        return dir.write(name, ">a\n" + a + "\n>b\n" + b + "\n");
    }

    struct Part {
        int contig;
        std::int64_t begin, end;
    };
    // What is said of a genome in which these parts are read, one after the other.
    Words read(const std::vector<Part>& parts, bool all = false) const {
        static int number = 0;
        FastaFile fasta(write("x" + std::to_string(++number) + ".fa"));
        Listener log;
        TrainedReference trained(model, "m", fasta, log);
        if (all) trained.check_all();
        for (const Part& part : parts) trained.reading(part.contig, part.begin, part.end);
        CHECK(log.words.warnings.size() <= 1);
        for (const std::string& text : log.words.warnings)
            CHECK_MESSAGE(text.find(": not the reference that the model was trained on (") != text.npos,
                          text);
        return log.words;
    }
    bool warned(const std::vector<Part>& parts, const std::string& why = "", bool all = false) const {
        const Words words = read(parts, all);
        if (!words.warnings.empty())
            CHECK_MESSAGE(words.warnings[0].find(why) != std::string::npos, words.warnings[0]);
        return !words.warnings.empty();
    }
};

char other(char base) {
    return base == 'A' ? 'C' : 'A';
}

}  // namespace

TEST_CASE("the reference trained on: silence where it is the same, in any case of letters") {
    Genome g;
    for (char& base : g.a) base = static_cast<char>(base | 0x20);
    const Words words = g.read({{0, 0, 2'100'000}, {1, 0, 50'000}, {1, 7, 9}}, true);
    CHECK(words.warnings.empty());
    CHECK(words.notices.empty());
}

TEST_CASE("the reference trained on: one base in a block that is read whole") {
    Genome g;
    g.a[2'099'999] = other(g.a[2'099'999]);
    CHECK(g.warned({{0, 0, 2'100'000}}, "a:2000001-2100000 has other bases"));
    CHECK(g.warned({{0, 2'000'000, 2'100'000}}, "a:2000001-2100000"));
    CHECK_FALSE(g.warned({{0, 0, 2'000'000}}));
    CHECK_FALSE(g.warned({{0, 1'500'000, 2'050'000}}));  // one block is looked at: the first that is touched
    CHECK(g.warned({{0, 2'000'001, 2'000'002}}, "a:2000001-2100000"));
    CHECK(g.warned({{0, 0, 1'000}}, "", true));  // --check-reference
    CHECK(g.warned(
        {{0, 1'500'000, 1'500'001}, {0, 1'999'999, 2'100'000}}));  // whole blocks also after that one
}

TEST_CASE("the reference trained on: blocks of N tell nothing, the next one is read") {
    Genome g;
    g.a[1'234'567] = other(g.a[1'234'567]);
    CHECK(g.warned({{0, 10, 20}}, "a:1000001-2000000"));
    // A contig that the model holds no digests of: another contig tells the assembly.
    CHECK(g.warned({{1, 10, 20}}, "a:1000001-2000000"));
    // N where bases were, over all of a contig.
    Genome unknown;
    unknown.a.assign(unknown.a.size(), 'N');
    CHECK(unknown.warned({{0, 10, 20}}, "has other bases"));
}

TEST_CASE("the reference trained on: names, lengths, and M5 of a contig read whole") {
    Genome g;
    g.b[7] = other(g.b[7]);
    CHECK(g.warned({{1, 0, 50'000}}, "b has other bases"));
    CHECK_FALSE(g.warned({{1, 0, 49'999}}));
    CHECK(g.warned({}, "b has other bases", true));
    g.b += 'A';
    CHECK(g.warned({{1, 0, 10}}, "b has another length"));
    g.model.reference.pop_back();
    CHECK(g.warned({{1, 0, 10}}, "which has no contig b"));
    g.model.reference.clear();
    CHECK_FALSE(g.warned({{1, 0, 10}}, "", true));
}

TEST_CASE("the reference trained on: an older model holds no digests, which is told once") {
    Genome g;
    g.model.reference[0].blocks.clear();
    const Words words = g.read({{0, 5, 10}, {0, 20, 30}, {1, 5, 10}});
    CHECK(words.warnings.empty());
    REQUIRE(words.notices.size() == 1);
    CHECK(words.notices[0].find(
              "m: holds no digests of the bases of a: only names and lengths were compared") == 0);
    g.a[1'500'000] = other(g.a[1'500'000]);
    CHECK_FALSE(g.warned({{0, 5, 10}}));
    CHECK(g.warned({{0, 0, 2'100'000}}, "a has other bases"));
}
