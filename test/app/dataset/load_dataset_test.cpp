// Data sets that are read again: with another reference, from an older version, damaged.
#include <cstring>

#include "app/model/genome_of.hpp"
#include "test/app/dataset/workshop.hpp"

namespace fs = std::filesystem;
using namespace regkit;
using namespace regkit::test;

TEST_CASE("a data set notices a FASTA of the same names and lengths and other bases, block by block") {
    Workshop w;
    // Contig a has two blocks and a bit, and a window in each; b has none.
    std::string a(2'100'000, 'N'), b = "ACGT";
    for (const std::size_t begin : {100'000u, 1'500'000u, 2'050'000u})
        for (std::size_t i = 0; i < 100; ++i) a[begin + i] = "ACGT"[i * 7 % 4];
    const auto fasta = [&](const std::string& name) {
        return regkit::FastaFile(w.dir.write(name, ">a\n" + a + "\n>b\n" + b + "\n"));
    };
    w.p.fasta = fasta("two.fa").path();
    w.p.peaks = {w.dir.write("m.bed", "a\t100000\t100010\n")};
    w.p.valid = {"a:1000001-2000000"};
    w.p.test = {"a:2000001-2100000"};
    w.build();
    const Dataset d = Dataset::load(w.p.output);
    REQUIRE(d.windows().size() == 3);
    CHECK(d.reference()[0].blocks.size() == 3);
    CHECK(d.reference()[1].blocks.empty());
    const auto differs = [&](regkit::FastaFile file, Split split) {
        try {
            const bool compared = d.check_windows(file, d.select(split));
            CHECK(compared);
            return std::string();
        } catch (const Error& error) {
            CHECK(error.kind() == ErrorKind::mismatch);
            return std::string(error.what());
        }
    };
    a[1'999'999] = 'C';
    for (const Split split : {Split::train, Split::test}) CHECK(differs(fasta("late.fa"), split).empty());
    CHECK(differs(fasta("late.fa"), Split::valid)
              .find("contig a has other bases than in the reference of " + w.p.output +
                    ", first in a:1000001-2000000; ") != std::string::npos);
    regkit::FastaFile late(w.dir.path("late.fa"));
    CHECK_THROWS_AS(d.check_reference(late, true), Error);
    CHECK_NOTHROW(d.check_reference(late, false));
    a[1'999'999] = 'R';  // N to the tools, as it was
    a[100'001] = static_cast<char>(a[100'001] | 0x20);
    regkit::FastaFile same = fasta("same.fa");
    CHECK_NOTHROW(d.check_reference(same, true));
    CHECK_NOTHROW(regkit::load_genome(d, same));
    b = "ACGA";
    regkit::FastaFile elsewhere = fasta("elsewhere.fa");
    CHECK_NOTHROW(regkit::load_genome(d, elsewhere));
    CHECK_THROWS_AS(d.check_reference(elsewhere, true), Error);
    a[2'099'999] = 'G';
    regkit::FastaFile end = fasta("end.fa");
    CHECK_THROWS_AS(regkit::load_genome(d, end), Error);

    // As an older regkit wrote it: names and lengths, and M5 where a contig is read whole.
    std::string description = w.dir.read("x.regds/dataset.json");
    description.erase(description.find(",\n    \"blocks\": 3"), 17);
    w.dir.write("x.regds/dataset.json", description);
    fs::remove(w.dir.path("x.regds/digests.bed"));
    const Dataset older = Dataset::load(w.p.output);
    CHECK_FALSE(older.check_windows(end, older.select(Split::test)));
    CHECK_THROWS_AS(regkit::load_genome(older, end), Error);
    CHECK_NOTHROW(older.check_reference(end, false));
}

TEST_CASE("names of markers that an older version stored are cleaned, and told") {
    Workshop w;
    w.build();
    const auto replaced = [](std::string text, const std::string& from, const std::string& to) {
        for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
            text.replace(at, from.size(), to);
        return text;
    };
    w.dir.write("x.regds/markers.tsv", replaced(w.dir.read("x.regds/markers.tsv"), "\nm1\t", "\nm 1\x1b\t"));
    w.dir.write("x.regds/peaks.bed.gz",
                "a\t10\t45\tm 1\x1b\na\t995\t1000\tm2\nb\t0\t250\tm 1\x1b\nb\t5\t9\tm2\n");
    const Dataset d = Dataset::load(w.p.output, w.log);
    CHECK((d.markers()[0].name == "m_1_x1b" && d.markers()[1].name == "m2"));
    CHECK(w.log.count("marker-name") == 1);
    std::vector<LabelRun> runs;
    d.labels(0, 0, 100, runs);
    CHECK((runs.size() == 1 && runs[0].marker == 0 && runs[0].end == 45));
}

TEST_CASE("a data set that was tampered with is an error that names the file") {
    Workshop w;
    w.build();
    const std::vector<std::pair<std::string, std::string>> edits{
        {"dataset.json", "{"},
        {"dataset.json", "{}"},
        {"dataset.json", "[]"},
        {"reference.dict", "@HD\tVN:1.6\n"},
        {"reference.dict",
         "@SQ\tSN:a\tLN:1000\tM5:0123456789abcdef0123456789abcdef\n@SQ\tSN:b\tLN:250\tM5:0123456789abcdef0123456789abcdef\n"},
        {"reference.dict", "@SQ\tSN:a\tLN:0\tM5:0123456789abcdef0123456789abcdef\n"},
        {"markers.tsv", ""},
        {"markers.tsv", "name\n"},
        {"digests.bed", ""},
        {"digests.bed", "a\t0\t1000\t0123456789abcdef\n"},
        {"digests.bed", "a\t0\t1000\t0123456789abcde\nb\t0\t250\t0123456789abcdef\n"},
        {"digests.bed", "a\t0\t999\t0123456789abcdef\nb\t0\t250\t0123456789abcdef\n"},
        {"digests.bed", "a\t0\t1000\t0123456789abcdef\nc\t0\t250\t0123456789abcdef\n"},
        {"digests.bed", "a\t0\t1000\t0123456789abcdef\na\t0\t1000\t0123456789abcdef\n"},
        {"windows.bed.gz", ""},
        {"windows.bed.gz", "a\t0\t100\ttrain\n"},
        {"windows.bed.gz", "a\t0\t100\tother\n"},
        {"windows.bed.gz", "a\t900\t1001\ttrain\n"},
        {"windows.bed.gz", "c\t0\t100\ttrain\n"},
        {"windows.bed.gz", "b\t0\t100\ttrain\na\t0\t100\ttrain\n"},
        {"peaks.bed.gz", ""},
        {"peaks.bed.gz", "a\t10\t20\tm1\n"},
        {"peaks.bed.gz", "a\t10\t20\tm1\na\t20\t30\tm1\n"},
        {"peaks.bed.gz", "a\t10\t20\tm3\n"},
        {"peaks.bed.gz", "a\t10\t1020\tm1\n"},
        {"peaks.bed.gz", "a\t10\t9\tm1\n"},
        {"peaks.bed.gz", "a\t10\n"}};
    for (const auto& [name, content] : edits) {
        const std::string good = w.dir.read("x.regds/" + name);
        w.dir.write("x.regds/" + name, content);
        try {
            Dataset::load(w.p.output);
            FAIL("loaded with another " << name << ": " << content);
        } catch (const Error& error) {
            CHECK(error.kind() == ErrorKind::input);
            CHECK_MESSAGE(std::strstr(error.what(), "x.regds/") != nullptr, error.what());
        }
        w.dir.write("x.regds/" + name, good);
    }
    for (const char* name : {"windows.bed.gz", "peaks.bed.gz"}) {
        const std::string good = w.dir.read(std::string("x.regds/") + name);
        w.dir.write(std::string("x.regds/") + name, good.substr(0, good.size() - 28));
        CHECK_THROWS_AS(Dataset::load(w.p.output), Error);
        w.dir.write(std::string("x.regds/") + name, good);
    }
    CHECK_NOTHROW(Dataset::load(w.p.output));
    const std::string digests = w.dir.read("x.regds/digests.bed");
    fs::remove(w.dir.path("x.regds/digests.bed"));
    CHECK_THROWS_AS(Dataset::load(w.p.output), Error);
    w.dir.write("x.regds/digests.bed", digests);
    CHECK_NOTHROW(Dataset::load(w.p.output));
    fs::remove(w.dir.path("x.regds/markers.tsv"));
    CHECK_THROWS_AS(Dataset::load(w.p.output), Error);
    CHECK_THROWS_AS(Dataset::load(w.dir.path("absent")), Error);
}
