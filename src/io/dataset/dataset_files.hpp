// The files inside a data set directory, and the columns and keys that its writer and its reader share.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "io/dataset/dataset.hpp"
#include "io/dataset/peak_index.hpp"

namespace regkit {

namespace dataset_file {
inline constexpr const char* kWindows = "windows.bed.gz";
inline constexpr const char* kPeaks = "peaks.bed.gz";
inline constexpr const char* kCoverage = "coverage.bed.gz";  // instead of kPeaks where the task is "coverage"
inline constexpr const char* kMarkers = "markers.tsv";
inline constexpr const char* kReference = "reference.dict";
inline constexpr const char* kDigests = "digests.bed";
inline constexpr const char* kDescription = "dataset.json";

// All that a data set's folder may hold, with the indices that any tool may have made.
std::vector<std::string> all();
}  // namespace dataset_file

inline constexpr int kDatasetVersion = 1;
inline constexpr const char* kMarkerHeader =
    "name\tclass\ttarget\tcell\tfile\tsha256\tpeaks\tcovered\tprevalence";

// A row of markers.tsv.
struct MarkerRow {
    Marker marker;
    std::string file;          // as the sheet has it
    std::string sha256;        // of that file
    std::int64_t peaks = 0;    // intervals in it
    std::int64_t covered = 0;  // bases of the reference that the data set's runs of the marker cover
};

// Writes a data set beside its final name. The parts may come in any order, peaks contig by contig; each
// once. Nothing is there under the final name before commit(). Errors as AtomicDirectory and AtomicFile.
class DatasetWriter {
  public:
    // `workers` compress; the bytes do not depend on them.
    DatasetWriter(const std::string& directory, bool force, int workers,
                  std::vector<ReferenceContig> reference, const LabelLayout& layout);
    ~DatasetWriter();

    void markers(const std::vector<MarkerRow>& rows);  // before peaks()
    void windows(const std::vector<DatasetWindow>& windows, std::int64_t window);
    // Runs of the next contigs in the reference's order, sorted by (begin, end, marker); of coverage with a
    // value each.
    void peaks(std::int32_t contig, std::span<const Peak> runs, std::span<const float> values = {});
    // Completes `description` with format, version, layout, counts and the reference's digest, and gives the
    // directory its name.
    void commit(nlohmann::ordered_json description);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace regkit
