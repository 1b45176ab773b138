#include "app/variants/variant.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "io/fasta/fasta.hpp"

using namespace regkit;

namespace {

std::vector<std::uint8_t> codes_of(const std::string& bases) {
    std::vector<std::uint8_t> codes;
    for (const char base : bases) codes.push_back(encode_base(base));
    return codes;
}

FetchContig from(const std::string& bases) {
    return [codes = codes_of(bases)](std::int64_t begin, std::int64_t end, std::span<std::uint8_t> out) {
        REQUIRE(begin >= 0);
        REQUIRE(begin < end);
        REQUIRE(end <= static_cast<std::int64_t>(codes.size()));
        REQUIRE(static_cast<std::int64_t>(out.size()) == end - begin);
        std::copy(codes.begin() + begin, codes.begin() + end, out.begin());
    };
}

std::string text(const Haplotype& haplotype, const FetchContig& fetch, std::int64_t begin,
                 std::int64_t count) {
    std::vector<std::uint8_t> codes(static_cast<std::size_t>(count), 77);
    haplotype.codes(begin, fetch, codes);
    std::string bases;
    for (const std::uint8_t code : codes) bases += decode_base(code);
    return bases;
}

}  // namespace

TEST_CASE("alleles are told apart") {
    using enum AlleleKind;
    for (const char* allele : {"A", "acgt", "TTTTTTTTTTTT"})
        CHECK_MESSAGE(classify_allele(allele) == bases, allele);
    for (const char* allele : {"N", "AnC", "R", "ACGTY"})
        CHECK_MESSAGE(classify_allele(allele) == ambiguous, allele);
    for (const char* allele : {"<DEL>", "<NON_REF>", "<*>", "<DUP:TANDEM>"})
        CHECK_MESSAGE(classify_allele(allele) == symbolic, allele);
    for (const char* allele : {"]chr1:5]A", "A[<c>:5[", "A.", ".ACG", "A<INS>."})
        CHECK_MESSAGE(classify_allele(allele) == breakend, allele);
    CHECK(classify_allele("*") == star);
    for (const char* allele : {"", ".", "..", "<", "<>", "<DEL", "A*", "A-", "X", "A C", "1"})
        CHECK_MESSAGE(!classify_allele(allele), allele);
}

TEST_CASE("shared ends are trimmed, right before left") {
    const auto edit = [](const char* ref, const char* alt) { return trimmed_edit(100, ref, alt); };
    CHECK(edit("A", "C") == Edit{100, 1, codes_of("C")});
    CHECK(edit("CAA", "CA") == Edit{101, 1, {}});
    CHECK(edit("CA", "C") == edit("CAA", "CA"));
    CHECK(edit("C", "CTT") == Edit{101, 0, codes_of("TT")});
    CHECK(edit("GACT", "gTct") == Edit{101, 1, codes_of("T")});
    CHECK(edit("ACGT", "TGCA") == Edit{100, 4, codes_of("TGCA")});
    CHECK(edit("A", "A") == Edit{100, 0, {}});
    CHECK(edit("AT", "GCC") == Edit{100, 2, codes_of("GCC")});
    CHECK(edit("CTT", "C").shift() == -2);
}

TEST_CASE("only bases that both haplotypes have are compared") {
    const auto blocks = [](const char* ref, const char* alt, std::int64_t at, std::int64_t span) {
        return shared_blocks(trimmed_edit(at, ref, alt), span, 1000);
    };
    using Blocks = std::vector<SharedBlock>;
    CHECK(blocks("A", "C", 500, 100) == Blocks{{400, 400, 201}});
    CHECK(blocks("AC", "GT", 500, 10) == Blocks{{490, 490, 22}});
    CHECK(blocks("A", "C", 500, 0) == Blocks{{500, 500, 1}});
    CHECK(blocks("A", "C", 0, 100) == Blocks{{0, 0, 101}});
    CHECK(blocks("A", "C", 999, 100) == Blocks{{899, 899, 101}});
    CHECK(blocks("CTTT", "C", 500, 100) == Blocks{{401, 401, 100}, {504, 501, 100}});
    CHECK(blocks("C", "CTTT", 500, 100) == Blocks{{401, 401, 100}, {501, 504, 100}});
    CHECK(blocks("C", "CT", 500, 0).empty());
    CHECK(blocks("C", "CT", 999, 100) == Blocks{{900, 900, 100}});
    CHECK(blocks("C", "TC", 0, 100) == Blocks{{0, 1, 100}});
    CHECK(blocks("AT", "GCC", 500, 5) == Blocks{{495, 495, 5}, {502, 503, 5}});
}

TEST_CASE("phases") {
    CHECK(lead_for_shift(0, 10) == 0);
    CHECK(lead_for_shift(13, 10) == 3);
    CHECK(lead_for_shift(-20, 10) == 0);
    CHECK(lead_for_shift(-1, 10) == 9);
    CHECK(lead_for_shift(-7, 1) == 0);
    // A base that lies `shift` further along in ALT has the same place on the grid in both.
    for (std::int64_t shift = -25; shift <= 25; ++shift)
        for (std::int64_t x = 30; x < 50; ++x)
            CHECK((x + lead_for_shift(shift, 10)) % 10 == (x + shift) % 10);
}

TEST_CASE("a haplotype's codes are those of the edited string") {
    const std::string contig = "ACGTACGTTTGCAACGTGAC";
    const FetchContig fetch = from(contig);
    const auto length = static_cast<std::int64_t>(contig.size());
    CHECK(text({length, 0, {}}, fetch, 0, 22) == contig + "NN");
    CHECK(text({length, 3, {}}, fetch, 0, 5) == "NNNAC");
    std::mt19937 random(7);
    for (int round = 0; round < 500; ++round) {
        const std::int64_t begin = random() % 21, removed = random() % (length - begin + 1);
        const std::string inserted = std::string("GATTACAGATTACA").substr(0, random() % 14);
        const Edit edit{begin, removed, codes_of(inserted)};
        const int lead = static_cast<int>(random() % 4);
        const Haplotype haplotype{length, lead, {&edit, 1}};
        std::string expected = contig;
        expected.replace(static_cast<std::size_t>(begin), static_cast<std::size_t>(removed), inserted);
        expected = std::string(static_cast<std::size_t>(lead), 'N') + expected;
        CHECK(haplotype.length() == static_cast<std::int64_t>(expected.size()));
        expected += std::string(50, 'N');
        const std::size_t from_base = random() % 20, count = 1 + random() % 30;
        CHECK(text(haplotype, fetch, static_cast<std::int64_t>(from_base),
                   static_cast<std::int64_t>(count)) == expected.substr(from_base, count));
    }
}

TEST_CASE("several edits: codes are those of the string edited from its end on, blocks hold the same bases") {
    std::mt19937 random(9);
    std::string contig;
    for (int i = 0; i < 300; ++i) contig += "ACGT"[random() % 4];
    const FetchContig fetch = from(contig);
    const auto length = static_cast<std::int64_t>(contig.size());
    for (int round = 0; round < 300; ++round) {
        std::vector<Edit> edits;
        for (std::int64_t at = static_cast<std::int64_t>(random() % 40); at < 290;) {
            const auto removed = static_cast<std::int64_t>(random() % 4);
            const std::string inserted = std::string("GATTACA").substr(0, random() % 4);
            edits.push_back({at, std::min(removed, length - at), codes_of(inserted)});
            at += removed + 1 + static_cast<std::int64_t>(random() % 60);
        }
        std::string expected = contig;
        for (auto edit = edits.rbegin(); edit != edits.rend(); ++edit) {
            std::string inserted;
            for (const std::uint8_t code : edit->inserted) inserted += decode_base(code);
            expected.replace(static_cast<std::size_t>(edit->begin), static_cast<std::size_t>(edit->removed),
                             inserted);
        }
        const Haplotype haplotype{length, 2, edits};
        CHECK(haplotype.length() == static_cast<std::int64_t>(expected.size()) + 2);
        CHECK(text(haplotype, fetch, 2, static_cast<std::int64_t>(expected.size())) == expected);
        const Edit& centre = edits[random() % edits.size()];
        const std::int64_t span = static_cast<std::int64_t>(random() % 80);
        std::int64_t bases = 0, lost = 0;
        for (const SharedBlock& block : shared_blocks(edits, centre, span, length)) {
            CHECK(block.length > 0);
            CHECK(block.ref_begin >= centre.begin - span);
            CHECK(block.ref_begin + block.length <= centre.begin + centre.removed + span);
            CHECK(block.alt_begin - block.ref_begin == shift_before(edits, block.ref_begin + block.length));
            bases += block.length;
            for (std::int64_t x = 0; x < block.length; ++x) {
                const bool changed = std::ranges::any_of(edits, [&](const Edit& e) {
                    return block.ref_begin + x >= e.begin && block.ref_begin + x < e.begin + e.removed;
                });
                if (changed) continue;
                CHECK(contig[static_cast<std::size_t>(block.ref_begin + x)] ==
                      expected[static_cast<std::size_t>(block.alt_begin + x)]);
            }
        }
        const std::int64_t begin = std::max<std::int64_t>(0, centre.begin - span),
                           end = std::min(length, centre.begin + centre.removed + span);
        for (const Edit& e : edits)
            if (e.shift() != 0)
                lost +=
                    std::max<std::int64_t>(0, std::min(end, e.begin + e.removed) - std::max(begin, e.begin));
        CHECK(bases == std::max<std::int64_t>(0, end - begin) - lost);
    }
}

TEST_CASE("windows hold the context, stay on the grid and batch") {
    const Context context{10, 120, 90};
    for (std::int64_t begin = 500; begin < 530; ++begin) {
        const Window w = window_for(begin, begin + 201, 5000, context);
        CHECK(w.out_begin <= begin);
        CHECK(w.out_end >= begin + 201);
        CHECK(w.begin == w.out_begin - 120);
        CHECK(w.end == w.out_end + 90);
        CHECK(w.begin % 10 == 0);
        CHECK(w.length() == 210 + 210);
        CHECK(w.out_length() == 210);
    }
    const Window left = window_for(0, 50, 5000, context);
    CHECK(left.begin == 0);
    CHECK(left.out_begin == 0);
    const Window right = window_for(4990, 5003, 5003, context);
    CHECK(right.end == 5010);
    CHECK(right.out_end == 5010);
    const Window tiny = window_for(0, 1, 1, context);
    CHECK(tiny.length() == 10);
    CHECK(tiny.out_length() == 10);
}
