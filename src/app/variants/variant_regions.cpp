// What kind of file -R or -T names is told by its ending, as bcftools does, since in BED positions count from
// 0 and in the others from 1. Regions are ordered and merged for the index; targets become sorted lists in
// which each record's position is looked up.
#include "app/variants/variant_regions.hpp"

#include <algorithm>

#include "app/model/regions.hpp"
#include "base/paths.hpp"
#include "base/text.hpp"
#include "io/files/text_reader.hpp"
#include "io/vcf/vcf.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/number.hpp"

namespace regkit {
namespace {

bool has_ending(const std::string& path, std::string_view ending) {
    return lower_case(without_gz_ending(path)).ends_with(ending);
}

bool is_variants(const std::string& path) {
    return has_ending(path, ".vcf") || has_ending(path, ".bcf");
}

std::vector<Region> read_positions(const std::string& path, Log& log) {
    VcfReader reader(path, &log);
    VcfRecord record;
    std::vector<Region> regions;
    while (reader.next(record) == VcfReader::Got::record)
        regions.push_back({std::string(record.contig()), record.position(), record.position() + 1});
    return regions;
}

std::vector<Region> read_columns(const std::string& path) {
    LineReader reader(path, nullptr, LineReader::Bytes::any);
    bool positions = false;  // a VCF by another name: its third column is no END
    std::vector<Region> regions;
    std::vector<std::string_view> fields;
    for (std::string_view line; reader.next(line);) {
        positions = positions || line.starts_with("##fileformat=VCF");
        if (line.empty() || line.starts_with('#')) continue;
        split_fields(line, '\t', fields);
        const auto begin = fields.size() < 2 ? std::nullopt : parse_int(fields[1], 0, INT64_MAX / 2);
        if (!begin)
            reader.fail(
                "no position in the second of its columns, which are CHROM, POS and perhaps END, separated "
                "by tabs");
        const auto end =
            positions || fields.size() < 3 ? std::nullopt : parse_int(fields[2], 0, INT64_MAX / 2);
        if (end && *end < *begin) reader.fail("the end lies before the start");
        regions.push_back({std::string(fields[0]), *begin - 1, end.value_or(*begin)});
    }
    return regions;
}

}  // namespace

std::vector<Region> ordered_regions(std::vector<Region> regions) {
    std::unordered_map<std::string, std::size_t> order;
    for (const Region& region : regions) order.emplace(region.contig, order.size());
    std::stable_sort(regions.begin(), regions.end(), [&](const Region& a, const Region& b) {
        const std::size_t first = order.at(a.contig), second = order.at(b.contig);
        return first != second ? first < second : a.begin < b.begin;
    });
    std::vector<Region> merged;
    for (Region& region : regions) {
        if (!merged.empty() && merged.back().contig == region.contig && region.begin <= merged.back().end)
            merged.back().end = std::max(merged.back().end, region.end);
        else
            merged.push_back(std::move(region));
    }
    return merged;
}

std::vector<Region> read_regions_file(const std::string& path, Log& log) {
    if (has_ending(path, ".bed")) return read_bed_regions(path, log);
    std::vector<Region> regions = is_variants(path) ? read_positions(path, log) : read_columns(path);
    if (regions.empty()) log.warn("empty-file", path + ": holds no interval");
    return regions;
}

PositionSet::PositionSet(const std::vector<Region>& regions) {
    for (const Region& region : ordered_regions(regions)) on_[region.contig].push_back(region);
}

bool PositionSet::contains(std::string_view contig, std::int64_t position) const {
    position = std::max<std::int64_t>(position, 0);  // POS 0, the telomere, lies at the contig's first base
    const auto found = on_.find(std::string(contig));
    if (found == on_.end()) return false;
    const auto after =
        std::upper_bound(found->second.begin(), found->second.end(), position,
                         [](std::int64_t at, const Region& region) { return at < region.begin; });
    return after != found->second.begin() && position < std::prev(after)->end;
}

}  // namespace regkit
