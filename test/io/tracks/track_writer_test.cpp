#include "io/tracks/track_writer.hpp"

#include <doctest/doctest.h>

#include <string>

#include "kernels/base/error.hpp"

using namespace regkit;

TEST_CASE("-O takes what the end of a name would be") {
    const auto named = [](const std::string& word) {
        const TrackWord said = track_word(word);
        return std::string(said.format->name) + (said.gz ? " gz" : "");
    };
    CHECK(named("bw") == "bigwig");
    CHECK(named("bigWig") == "bigwig");
    CHECK(named("bb") == "bigbed");
    CHECK(named("bg") == "bedgraph");
    CHECK(named("bdg.gz") == "bedgraph gz");
    CHECK(named("narrowPeak") == "narrowpeak");
    CHECK(named("narrowPeak.bgz") == "narrowpeak gz");
    CHECK(named("BED.GZ") == "bed gz");
    CHECK(named("tsv") == "tsv");
    for (const char* bad :
         {"", "gz", ".bed", "x.bed", "bed.", "bed.gz.gz", "bw.gz", "bigbed.bgz", "vcf", "beds"})
        CHECK_THROWS_AS_MESSAGE(track_word(bad), Error, bad);
    CHECK(track_words().size() > 10);
    for (const std::string& word : track_words()) {  // and the name that ends so tells the same
        CHECK(track_word(word).format == track_format_of("x." + word));
        CHECK(track_word(word).gz == word.ends_with(".gz"));
    }
    CHECK(track_format_of("a/x.BED.bgz") == &track_format("bed"));
    CHECK(track_format_of("x.gz") == nullptr);
}
