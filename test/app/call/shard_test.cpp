// Of any number of shards the pieces are all of the ranges, once, cut on the grid, and about equally large.
#include "app/call/shard.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "kernels/base/error.hpp"

using namespace regkit;

TEST_CASE("shards: all of the ranges, once, in order") {
    const std::vector<ContigRange> ranges = {{0, 0, 1003}, {0, 2000, 2010}, {2, 17, 5000}, {3, 0, 1}};
    std::int64_t bases = 0;
    for (const ContigRange& range : ranges) bases += range.end - range.begin;
    for (const int of : {1, 2, 3, 7, 100, 5000}) {
        std::vector<ContigRange> joined;
        std::size_t lasts = 0;
        for (int number = 1; number <= of; ++number) {
            std::int64_t mine = 0;
            for (const ShardRange& piece : shard_ranges(ranges, {number, of}, 10)) {
                const ContigRange& whole = ranges[static_cast<std::size_t>(piece.range)];
                CHECK(piece.begin < piece.end);
                CHECK((piece.begin == whole.begin || piece.begin % 10 == 0));
                CHECK((piece.end == whole.end || piece.end % 10 == 0));
                CHECK(piece.is_last == (piece.end == whole.end));
                lasts += piece.is_last;
                mine += piece.end - piece.begin;
                const bool goes_on = !joined.empty() && joined.back().contig == piece.contig &&
                                     joined.back().end == piece.begin;
                if (goes_on)
                    joined.back().end = piece.end;
                else
                    joined.push_back({piece.contig, piece.begin, piece.end});
            }
            CHECK(std::abs(mine - bases / of) <= 21);  // two cuts, each up to a cell before its place
        }
        CHECK(joined == ranges);
        CHECK(lasts == ranges.size());
    }
    CHECK(shard_ranges({}, {1, 3}, 10).empty());
}

TEST_CASE("shards: what names them") {
    CHECK(parse_shard("2/7").number == 2);
    CHECK(parse_shard("2/7").of == 7);
    for (const char* wrong : {"", "2", "0/7", "8/7", "-1/7", "1/0", "2/7/1", "a/b", "1/1000001", "1.5/2"}) {
        try {
            parse_shard(wrong);
            FAIL(wrong);
        } catch (const Error& error) {
            CHECK(error.kind() == ErrorKind::usage);
        }
    }
}
