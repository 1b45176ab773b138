#include "app/regions.hpp"

#include <algorithm>
#include <tuple>

#include "base/error.hpp"
#include "base/number.hpp"
#include "io/text_reader.hpp"

namespace regkit {

std::vector<Region> read_bed_regions(const std::string& path) {
    LineReader lines(path);
    std::vector<Region> regions;
    std::vector<std::string_view> fields;
    for (std::string_view line; lines.next(line);) {
        if (line.empty() || line.starts_with('#') || line.starts_with("track") || line.starts_with("browser")) continue;
        if (line.find('\t') != std::string_view::npos) split_fields(line, '\t', fields);
        else split_blanks(line, fields);
        if (fields.size() < 3) lines.fail("a BED line has at least 3 columns: contig, start, end");
        const auto begin = parse_int(fields[1], 0, INT64_MAX - 1);
        const auto end = parse_int(fields[2], 0, INT64_MAX - 1);
        if (!begin || !end) lines.fail("start and end must be whole numbers from 0 on");
        if (*end <= *begin) lines.fail("the end must lie behind the start");
        regions.push_back({std::string(fields[0]), *begin, *end});
    }
    return regions;
}

std::vector<ContigRange> plan_regions(const std::vector<Region>& regions, bool all, const FastaFile& fasta, Log& log) {
    const std::vector<Contig>& contigs = fasta.contigs();
    std::vector<ContigRange> ranges;
    if (all) {
        for (std::size_t i = 0; i < contigs.size(); ++i)
            if (contigs[i].length > 0) ranges.push_back({static_cast<int>(i), 0, contigs[i].length});
        return ranges;
    }
    for (const Region& region : regions) {
        const int contig = fasta.require_contig(region.contig);
        const std::int64_t length = contigs[static_cast<std::size_t>(contig)].length;
        require(region.begin < length, ErrorKind::input,
                "region " + to_string(region) + " begins behind the end of the contig, which has " +
                    std::to_string(length) + " bases");
        if (region.end > length && region.end != kContigEnd)
            log.warn("region-clipped", "region " + to_string(region) + " ends behind the contig's end at " +
                                           std::to_string(length) + "; clipped");
        ranges.push_back({contig, region.begin, std::min(region.end, length)});
    }
    std::sort(ranges.begin(), ranges.end(), [](const ContigRange& a, const ContigRange& b) {
        return std::tie(a.contig, a.begin, a.end) < std::tie(b.contig, b.begin, b.end);
    });
    std::vector<ContigRange> merged;
    for (const ContigRange& range : ranges) {
        if (!merged.empty() && merged.back().contig == range.contig && range.begin <= merged.back().end)
            merged.back().end = std::max(merged.back().end, range.end);
        else
            merged.push_back(range);
    }
    return merged;
}

}  // namespace regkit
