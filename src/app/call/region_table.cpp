// A region is open from the first value or interval that could reach into it until none can any more; then
// its rows wait for those of the regions that begin before it.
#include "app/call/region_table.hpp"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "base/paths.hpp"
#include "base/printable.hpp"
#include "io/tracks/intervals.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {

NamedRegions read_named_regions(const std::string& path, Log& log) {
    IntervalReader reader(path, IntervalFormat::bed, log, nullptr, Blocks::ignore, Quote::yes,
                          BedGraph::refuse_named);
    NamedRegions regions;
    for (Interval interval; reader.next(interval);) {
        const std::string name = printable(reader.name());
        regions[std::string(interval.contig)].push_back(
            {interval.begin, interval.end, name.empty() ? "." : name});
    }
    require(!regions.empty(), ErrorKind::input, path + ": no regions in it");
    for (auto& [contig, here] : regions)
        std::stable_sort(here.begin(), here.end(), [](const NamedRegion& a, const NamedRegion& b) {
            return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
        });
    return regions;
}

std::vector<Region> with_margin(const NamedRegions& regions, const FastaFile& fasta, std::int64_t margin) {
    std::vector<Region> wider;
    for (const auto& [contig, here] : regions) {
        const std::int64_t length = nth(fasta.contigs(), fasta.require_contig(contig)).length;
        for (const NamedRegion& region : here) {
            // One that does not lie on the contig stays as it is, to be refused.
            const std::int64_t more = region.begin < length ? margin : 0;
            wider.push_back({contig, std::max<std::int64_t>(0, region.begin - more),
                             std::max(region.end, std::min(length, region.end + more))});
        }
    }
    return wider;
}

RegionTable::RegionTable(const std::string& path, NamedRegions regions, const TrackOptions& options,
                         bool spread, ThreadPool& pool)
    : file_(path, has_gz_ending(path)),
      regions_(std::move(regions)),
      markers_(options.markers),
      spread_(spread),
      round_(options.decimals),
      pool_(pool) {
    for (const std::string& line : options.header) file_.write("##" + printable(line) + "\n");
    file_.write(std::string("#chrom\tstart\tend\tname\tmarker\tbases\tmean\tmax\tsites") +
                (spread_ ? "\tspread\n" : "\n"));
}

void RegionTable::begin_contig(int number, const std::string& name) {
    if (number == number_) return;
    end_contig();
    number_ = number;
    contig_ = name;
    const auto found = regions_.find(name);
    here_ = found == regions_.end() ? nullptr : &found->second;
    next_ = 0;
}

void RegionTable::end_contig() {
    settle(INT64_MAX);
    if (here_) seen_.insert(contig_);
}

void RegionTable::open_before(std::int64_t position) {
    for (; here_ && next_ < here_->size() && (*here_)[next_].begin < position; ++next_) {
        Row& row = rows_.emplace_back();
        row.region = &(*here_)[next_];
        row.markers.resize(markers_.size());
        open_.push_back(&row);
    }
}

void RegionTable::values(KnownStretch known, std::int64_t cell, std::span<const float> values,
                         std::int64_t row) {
    open_before(known.end);
    struct Part {
        Row* row;
        std::int64_t begin, end;
    };
    std::vector<Part> parts;
    for (Row* open : open_) {
        const std::int64_t begin = std::max(known.begin, open->region->begin),
                           end = std::min(known.end, open->region->end);
        if (begin >= end) continue;
        open->bases += end - begin;
        parts.push_back({open, begin, end});
    }
    if (parts.empty()) return;
    const std::int64_t first = known.begin / cell;
    pool_.run(std::ssize(markers_), [&](std::int64_t m, int) {
        for (const Part& part : parts) {
            Sums& sums = nth(part.row->markers, m);
            for (std::int64_t at = part.begin; at < part.end;) {
                const std::int64_t end = std::min(part.end, (at / cell + 1) * cell);
                const auto here = static_cast<std::size_t>(m * row + at / cell - first);
                const float value = values[here];
                sums.sum += static_cast<double>(value) * static_cast<double>(end - at);
                if (spread_)
                    sums.spread +=
                        static_cast<double>(values[here + markers_.size() * static_cast<std::size_t>(row)]) *
                        static_cast<double>(end - at);
                sums.max = std::max(sums.max, value);
                at = end;
            }
        }
    });
}

void RegionTable::interval(const CalledInterval& called) {
    open_before(called.end);
    for (Row* open : open_)
        if (open->region->begin < called.end && open->region->end > called.begin)
            ++nth(open->markers, called.marker).intervals;
}

void RegionTable::settle(std::int64_t position) {
    open_before(position);
    std::erase_if(open_, [position](Row* open) { return open->settled = open->region->end <= position; });
    for (; !rows_.empty() && rows_.front().settled; rows_.pop_front()) write(rows_.front());
}

void RegionTable::write(const Row& row) {
    const auto append_mean = [&](double sum) {
        round_.append(line_, round_.scaled(static_cast<float>(sum / static_cast<double>(row.bases))));
    };
    const std::string place = contig_ + "\t" + std::to_string(row.region->begin) + "\t" +
                              std::to_string(row.region->end) + "\t" + row.region->name + "\t";
    for (std::size_t m = 0; m < markers_.size(); ++m) {
        const Sums& sums = row.markers[m];
        line_ = place + markers_[m] + "\t" + std::to_string(row.bases) + "\t";
        if (row.bases == 0) {
            line_ += spread_ ? "NA\tNA\tNA\tNA" : "NA\tNA\tNA";
        } else {
            append_mean(sums.sum);
            line_ += "\t";
            round_.append(line_, round_.scaled(sums.max));
            line_ += "\t" + std::to_string(sums.intervals);
            if (spread_) {
                line_ += "\t";
                append_mean(sums.spread);
            }
        }
        file_.write(line_ + "\n");
    }
}

std::int64_t RegionTable::finish(OutputSet& outputs) {
    end_contig();
    std::int64_t missing = 0, longest = 0;
    for (const auto& [contig, here] : regions_) {
        for (const NamedRegion& region : here) longest = std::max(longest, region.end);
        if (seen_.contains(contig)) continue;
        missing += std::ssize(here);
        begin_contig(number_ + 1, contig);
        end_contig();
    }
    file_.add_to(outputs, longest);
    return missing;
}

}  // namespace regkit
