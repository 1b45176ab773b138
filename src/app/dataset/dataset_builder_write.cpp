// The last stage of a data set: its files. Peaks of all markers are put in order contig by contig, so that no
// more than one contig's are held twice, and dataset.json tells what was read, chosen and left out, and by
// which command.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/dataset/coverage_set.hpp"
#include "app/dataset/dataset_builder.hpp"
#include "app/dataset/interval_set.hpp"
#include "app/dataset/window_split.hpp"
#include "base/paths.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "io/dataset/dataset_files.hpp"
#include "kernels/base/thread_pool.hpp"

namespace regkit {

void DatasetBuilder::write(const RegionSplit& regions) {
    std::vector<ReferenceContig> reference;
    for (std::size_t i = 0; i < contig_count(); ++i)
        reference.push_back({fasta_.contigs()[i].name, length(i), scans_[i].digests.md5});
    for (const DatasetWindow& w : windows_) {
        const auto contig = static_cast<std::size_t>(w.contig);
        if (reference[contig].blocks.empty()) reference[contig].blocks = scans_[contig].digests.blocks;
    }
    DatasetWriter writer(p_.output, p_.force, p_.workers, std::move(reference), grid_.layout);
    std::vector<MarkerRow> rows;
    for (std::size_t i = 0; i < sources_.size(); ++i)
        rows.push_back(coverage() ? row_of(sources_[i], coverage_[i]) : row_of(sources_[i], sets_[i]));
    writer.markers(rows);
    writer.windows(windows_, p_.window);
    write_peaks(writer);
    writer.commit(describe(regions));
}

void DatasetBuilder::write_peaks(DatasetWriter& writer) {
    const auto batch = static_cast<std::size_t>(pool_.workers());
    std::vector<std::vector<Peak>> runs(batch);
    std::vector<std::vector<float>> values(batch);
    for (std::size_t first = 0; first < contig_count(); first += batch) {
        const std::size_t count = std::min(batch, contig_count() - first);
        pool_.run(static_cast<std::int64_t>(count), [&](std::int64_t number, int) {
            const auto i = static_cast<std::size_t>(number);
            const auto contig = static_cast<std::int32_t>(first + i);
            runs[i].clear();
            values[i].clear();
            coverage() ? gather_coverage(contig, runs[i], values[i]) : gather(contig, runs[i]);
        });
        for (std::size_t i = 0; i < count; ++i)
            writer.peaks(static_cast<std::int32_t>(first + i), runs[i], values[i]);
    }
}

bool DatasetBuilder::comes_first(const Peak& a, const Peak& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end != b.end ? a.end < b.end : a.marker < b.marker;
}

void DatasetBuilder::gather(std::int32_t contig, std::vector<Peak>& runs) const {
    for (std::size_t marker = 0; marker < sets_.size(); ++marker) {
        const auto [first, last] = sets_[marker].on(contig);
        for (const BaseRun* run = first; run != last; ++run)
            runs.push_back({run->begin, run->end, static_cast<std::int32_t>(marker)});
    }
    std::sort(runs.begin(), runs.end(), comes_first);
}

void DatasetBuilder::gather_coverage(std::int32_t contig, std::vector<Peak>& runs,
                                     std::vector<float>& values) const {
    std::vector<std::pair<Peak, float>> all;
    const auto bin = static_cast<std::int32_t>(grid_.layout.bin);
    for (std::size_t marker = 0; marker < coverage_.size(); ++marker) {
        const auto [first, last] = coverage_[marker].on(contig);
        for (const CoverageRun* run = first; run != last; ++run)
            all.push_back(
                {{run->begin * bin, run->end * bin, static_cast<std::int32_t>(marker)}, run->value});
    }
    std::sort(all.begin(), all.end(),
              [](const auto& a, const auto& b) { return comes_first(a.first, b.first); });
    for (const auto& [run, value] : all) {
        runs.push_back(run);
        values.push_back(value);
    }
}

nlohmann::ordered_json DatasetBuilder::describe(const RegionSplit& split) const {
    const auto texts = [&split](Split of) {
        std::vector<std::string> list;
        for (const Region& region : split.regions(of)) list.push_back(to_string(region));
        return list;
    };
    nlohmann::ordered_json json;
    if (p_.provenance) {
        json["version"] = version();
        json["command"] = p_.command;
    }
    json["task"] = grid_.layout.task;
    json["window"] = p_.window;
    json["reference"] = {{"fasta", absolute_path(p_.fasta)}};
    json["filters"] = {{"max_n", p_.max_n}, {"max_mask", p_.max_mask}};
    json["filters"]["masks"] = nlohmann::ordered_json::array();
    for (std::size_t i = 0; i < p_.masks.size(); ++i)
        json["filters"]["masks"].push_back({{"file", p_.masks[i]}, {"sha256", mask_sha256_[i]}});
    if (summary_.filters_labels) json["filters"]["keep_if"] = keep_if_;
    if (p_.split.empty())
        json["split"] = {{"method", "regions"},
                         {"train", texts(Split::train)},
                         {"valid", texts(Split::valid)},
                         {"test", texts(Split::test)}};
    else
        json["split"] = {{"method", p_.split}, {"block", p_.split_block}};
    json["seed"] = p_.seed;
    json["dropped"] = {{"contig_end", summary_.short_end},
                       {"n", summary_.too_much_n},
                       {"mask", summary_.masked},
                       {"two_splits", summary_.straddling},
                       {"no_split", summary_.unassigned}};
    if (summary_.filters_labels) json["dropped"]["no_label"] = summary_.unlabelled;
    json["intervals_read"] = summary_.intervals;
    const LeftOut& left = summary_.left_out;
    json["intervals_left_out"] = {
        {"no_length", left.empty}, {"missing_contig", left.elsewhere}, {"behind_end", left.behind}};
    if (coverage()) json["intervals_left_out"]["nan"] = left.no_data;
    json["intervals_clipped"] = left.clipped;
    if (!coverage()) json["summits_outside_peak"] = summary_.summits_outside;
    return json;
}

}  // namespace regkit
