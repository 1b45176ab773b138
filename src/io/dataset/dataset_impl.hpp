// What a Dataset holds. Internal to this folder.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "io/dataset/dataset.hpp"
#include "io/dataset/dataset_files.hpp"
#include "io/dataset/peak_index.hpp"
#include "io/files/text_reader.hpp"

namespace regkit {

inline constexpr std::array<const char*, kSplits> kSplitNames{"train", "valid", "test"};

struct Dataset::Impl {
    std::string path, fasta, digest;
    LabelLayout layout;
    std::int64_t window = 0;
    std::vector<Marker> markers;
    std::vector<std::string> names;     // per marker, as the files have them
    std::vector<std::string> notices;   // of names that are spelled otherwise
    std::vector<std::int64_t> covered;  // per marker, as markers.tsv says
    std::vector<ReferenceContig> reference;
    std::vector<DatasetWindow> windows;
    std::vector<PeakIndex> peaks;  // per contig
    std::int64_t peak_rows = 0;
    std::unordered_map<std::string, std::int32_t> contig_number;

    std::string file(const char* name) const { return path + "/" + name; }
    bool coverage() const { return layout.task == "coverage"; }
    const char* peaks_file() const { return coverage() ? dataset_file::kCoverage : dataset_file::kPeaks; }

    void load_layout(const nlohmann::json& json, const std::string& name);
    void load_reference();
    // Older data sets have none.
    void load_digests(const nlohmann::json& json, const std::string& name);
    void load_markers();
    // The number of the contig in column 1; sorted files name each once, in the reference's order.
    std::int32_t contig_of(const LineReader& lines, std::string_view name, std::int32_t last) const;
    void load_windows(const nlohmann::json& counts, const std::string& name);
    // Peaks, or runs of bins with their coverage.
    void load_peaks(std::int64_t expected);
    float coverage_of(const LineReader& lines, std::string_view text, const Peak& run) const;
    nlohmann::json read_description();
    void need(const char* name) const;
    void load();
};

}  // namespace regkit
