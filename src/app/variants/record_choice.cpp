// What the user typed must be there, in the variants or in the reference; what a file names may be missing.
// Either way a contig that only goes by another name is told of, since taking nothing is rarely meant.
#include "app/variants/record_choice.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "io/fasta/contig_alias.hpp"
#include "io/vcf/vcf_shards.hpp"
#include "kernels/base/error.hpp"

namespace regkit {

namespace {

std::vector<Region> widened(std::vector<Region> regions, std::int64_t around) {
    for (Region& region : regions) {
        region.begin = std::max<std::int64_t>(0, region.begin - around);
        region.end = region.end > INT64_MAX - around ? region.end : region.end + around;
    }
    return regions;
}

}  // namespace

RecordChoice::RecordChoice(const AnnotateParameters& parameters, VcfReader& reader,
                           const FastaFile& reference, Log& log, std::int64_t around)
    : p_(parameters), reader_(reader), reference_(reference), log_(log) {
    if (p_.shard) {
        stretches_ = shard_stretches(p_.input, p_.shard->number, p_.shard->of);
        reader_.fetch(ordered_regions(widened(stretches_, around)));
    }
    if (!p_.regions.empty() || !p_.regions_file.empty()) {
        reader_.fetch({});  // the index knows names that the header may not
        std::vector<Region> regions = ordered_regions(asked_regions(p_.regions, p_.regions_file, "--region"));
        if (around > 0) {
            for (const Region& region : regions) regions_[region.contig].push_back(region);
            regions = ordered_regions(widened(std::move(regions), around));
        }
        reader_.fetch(regions);
    }
    if (!p_.targets.empty() || !p_.targets_file.empty())
        targets_.emplace(asked_regions(p_.targets, p_.targets_file, "--targets"));
    if (!p_.excluded.empty() || !p_.excluded_file.empty())
        excluded_.emplace(asked_regions(p_.excluded, p_.excluded_file, "--targets"));
}

bool RecordChoice::reads_for_itself(const VcfRecord& record) const {
    if (p_.shard)
        return std::ranges::any_of(stretches_, [&](const Region& stretch) {
            return stretch.contig == record.contig() && stretch.begin <= record.position() &&
                   record.position() < stretch.end;
        });
    if (regions_.empty()) return true;
    const auto here = regions_.find(record.contig());
    if (here == regions_.end()) return false;
    // They ascend and do not touch: the last that begins before the record ends is the only one to ask.
    const auto behind = std::ranges::lower_bound(here->second, record.index_end(), {}, &Region::begin);
    return behind != here->second.begin() && std::prev(behind)->end > record.index_begin();
}

bool RecordChoice::takes(const VcfRecord& record) const {
    const auto lies_in = [&](const PositionSet& set) {
        return set.contains(record.contig(), record.position());
    };
    return (!targets_ || lies_in(*targets_)) && (!excluded_ || !lies_in(*excluded_));
}

RegionRules RecordChoice::rules(const char* called) const {
    return {.has_contig =
                [this](const std::string& name) {
                    return reader_.has_contig(name) || reference_.find(name) >= 0;
                },
            .called = called,
            .one = OnePosition::alone};
}

// Where a contig that the variants do not know is known by another name: " ..., which the variants call
// chr1".
std::string RecordChoice::other_name(const std::string& contig) const {
    for (const std::string& other : other_conventions(contig))
        if (reader_.has_contig(other)) return ", which the variants call " + other;
    for (const std::string& other : other_conventions(contig))
        if (reference_.find(other) >= 0) return ", which " + p_.fasta + " calls " + other;
    return {};
}

// A header may lack contigs that records lie on: it is only told that this one goes by another name.
void RecordChoice::tell_other_name(const std::string& where, const std::string& contig) const {
    if (reader_.has_contig(contig)) return;
    for (const std::string& other : other_conventions(contig))
        if (reader_.has_contig(other))
            log_.warn("other-name", where + ": the variants list no contig " + contig + ", but " + other);
}

std::vector<Region> RecordChoice::asked_regions(const std::vector<std::string>& texts,
                                                const std::string& file, const char* called) const {
    std::vector<Region> regions = parse_regions(texts, rules(called));
    for (const Region& region : regions) {
        require(rules(called).has_contig(region.contig), ErrorKind::mismatch,
                std::string(called) + " " + to_string(region) + ": neither the variants nor " + p_.fasta +
                    " have such a contig" + other_name(region.contig));
        tell_other_name(called, region.contig);
    }
    if (file.empty()) return regions;
    std::string last;
    for (Region& region : read_regions_file(file, log_)) {
        if (region.contig != last) tell_other_name(file, region.contig);
        last = region.contig;
        regions.push_back(std::move(region));
    }
    return regions;
}

}  // namespace regkit
