// Regions are held against the reference as they were given, so that messages name them so.
#include "app/mutations/base_regions.hpp"

#include <algorithm>

#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kMaxTarget = 100'000;
constexpr std::int64_t kPiece = 1 << 14;  // bases of the reference read at a time

}  // namespace

std::vector<ContigRange> asked_regions(const std::vector<std::string>& texts, const std::string& file,
                                       const FastaFile& fasta, const std::string& purpose, Log& log) {
    std::vector<Region> regions = parse_regions(texts, region_rules(fasta, "--region"));
    if (!file.empty())
        for (Region& region : read_bed_regions(file, log)) regions.push_back(std::move(region));
    require(!regions.empty(), ErrorKind::input,
            (file == "-" ? "standard input" : file) + ": holds no region " + purpose);
    plan_regions(regions, false, fasta, 1, log);  // says what is wrong with them
    std::vector<ContigRange> ranges;
    for (const Region& region : regions)
        ranges.push_back(inside_contig({fasta.find(region.contig), region.begin, region.end}, fasta));
    return ranges;
}

ContigRange around_middle(const ContigRange& range, std::int64_t width) {
    if (width == 0) return range;
    const std::int64_t begin = range.begin + (range.end - range.begin) / 2 - width / 2;
    return {range.contig, begin, begin + width};
}

ContigRange inside_contig(const ContigRange& range, const FastaFile& fasta) {
    return {range.contig, std::max<std::int64_t>(0, range.begin),
            std::min(range.end, nth(fasta.contigs(), range.contig).length)};
}

void require_known(const std::vector<ContigRange>& ranges, CachedReference& reference,
                   const std::string& fasta, const std::string& purpose) {
    std::vector<std::uint8_t> codes;
    for (const ContigRange& range : ranges)
        for (std::int64_t begin = range.begin; begin < range.end; begin += kPiece) {
            const std::int64_t end = std::min(range.end, begin + kPiece);
            codes.resize(static_cast<std::size_t>(end - begin));
            reference.read(range.contig, begin, end, codes);
            if (std::any_of(codes.begin(), codes.end(), [](std::uint8_t c) { return c != kCodeN; })) return;
        }
    throw Error(ErrorKind::input, "the regions are all N in " + fasta + ": there is nothing " + purpose);
}

EffectTarget effect_target(const std::string& text, const FastaFile& fasta, Log& log) {
    const std::vector<Region> asked = parse_regions(text, region_rules(fasta, "--target"));
    const ContigRange range = plan_regions(asked, false, fasta, 1, log).front();
    const std::string name =
        to_string(Region{nth(fasta.contigs(), range.contig).name, range.begin, range.end});
    require(asked.size() == 1, ErrorKind::usage, "--target takes one region");
    require(range.end - range.begin <= kMaxTarget, ErrorKind::usage,
            "--target " + name + ": more than " + std::to_string(kMaxTarget) + " bases");
    return {range.contig, range.begin, range.end, name};
}

}  // namespace regkit
