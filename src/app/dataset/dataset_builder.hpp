// How regds-build makes a data set, stage by stage. Internal to this folder.
#pragma once

#include <mutex>
#include <nlohmann/json.hpp>

#include "app/dataset/build_dataset.hpp"
#include "app/dataset/coverage_set.hpp"
#include "app/dataset/interval_set.hpp"
#include "app/dataset/marker_sheet.hpp"
#include "app/dataset/window_grid.hpp"
#include "app/dataset/window_split.hpp"
#include "base/log.hpp"
#include "io/dataset/dataset_files.hpp"
#include "io/dataset/label_runs.hpp"
#include "io/fasta/contig_alias.hpp"
#include "io/fasta/packed_genome.hpp"
#include "kernels/base/thread_pool.hpp"

namespace regkit {

// What one pass over a contig tells.
struct ContigScan {
    ContigDigests digests;
    std::vector<BaseRun> n;  // bases that are N
};

class DatasetBuilder {
  public:
    DatasetBuilder(const BuildDatasetParameters& parameters, Log& log, const TellWork& tell)
        : p_(parameters),
          log_(log),
          tell_(tell),
          grid_{label_layout(parameters), parameters.window},
          pool_(parameters.workers),
          fasta_(parameters.fasta),
          alias_(parameters.alias) {}

    BuildDatasetSummary build();

  private:
    std::size_t contig_count() const { return fasta_.contigs().size(); }
    bool coverage() const { return grid_.layout.task == "coverage"; }
    std::int64_t length(std::size_t contig) const { return fasta_.contigs()[contig].length; }

    // The markers of which a window must have a label to be kept.
    void choose_wanted();

    // --force replaces a data set, but nothing else.
    void refuse_inputs() const;
    Blocks blocks() const { return p_.use_blocks ? Blocks::use : Blocks::ignore; }

    // Masks are of whole genomes: what lies elsewhere masks nothing.
    void read_masks();

    // One pool for contigs and files, the longest task first, so that no worker is left with a long one at
    // the end.
    void scan_and_read();
    template <class Set>
    void count(std::size_t marker, const Set& set) {
        summary_.intervals += set.intervals;
        summary_.peaks += static_cast<std::int64_t>(set.runs.size());
        summary_.left_out += set.left_out;
        tell_left_out(sources_[marker].path, set.intervals, set.left_out, log_);
    }

    // What a worker got done: bases and files, and what share of all the work they cost.
    void tell(std::int64_t bases, std::int64_t files, double share);
    void read_marker(std::size_t marker);
    void scan_contig(FastaFile& reader, std::size_t contig, double all_cost);

    // Calls emit(first, last, value) for the runs of equal labels of a marker, in bins from the contig's
    // first base on.
    template <class Emit>
    void for_labels(std::size_t marker, std::int32_t contig, Emit&& emit) const {
        if (coverage()) {
            const auto [first, last] = coverage_[marker].on(contig);
            for (const CoverageRun* run = first; run != last; ++run)
                emit(std::int64_t{run->begin}, std::int64_t{run->end}, run->value);
            return;
        }
        const auto [first, last] = sets_[marker].on(contig);
        for_label_runs(first, last, grid_.layout.bin, grid_.layout.needed(),
                       [&](std::int64_t from, std::int64_t to) { emit(from, to, 1.0f); });
    }

    // The windows in which a wanted marker has a label.
    void find_labelled();
    void choose_windows(const RegionSplit& regions);

    // Over the output positions of the training windows.
    void measure_prevalence();
    void write(const RegionSplit& regions);
    template <class Set>
    static MarkerRow row_of(const MarkerSource& source, const Set& set) {
        return {source.marker, source.file, set.sha256, set.intervals, set.covered};
    }

    // As many contigs at a time as there are workers: gathered and sorted side by side, written in order.
    void write_peaks(DatasetWriter& writer);
    static bool comes_first(const Peak& a, const Peak& b);
    void gather(std::int32_t contig, std::vector<Peak>& runs) const;
    void gather_coverage(std::int32_t contig, std::vector<Peak>& runs, std::vector<float>& values) const;
    nlohmann::ordered_json describe(const RegionSplit& split) const;

    const BuildDatasetParameters& p_;
    Log& log_;
    const TellWork& tell_;
    std::mutex telling_;
    WorkDone work_;
    WindowGrid grid_;
    ThreadPool pool_;
    FastaFile fasta_;
    ContigAlias alias_;
    std::vector<MarkerSource> sources_;
    IntervalSet mask_;
    std::vector<std::string> mask_sha256_;
    std::vector<ContigScan> scans_;  // per contig
    std::vector<IntervalSet> sets_;  // per marker, or
    std::vector<CoverageSet> coverage_;
    std::vector<std::string> keep_if_;
    std::vector<std::size_t> wanted_;          // markers that keep_if_ names
    std::vector<std::vector<bool>> labelled_;  // per contig and window of the grid
    std::vector<DatasetWindow> windows_;
    BuildDatasetSummary summary_;
};
}  // namespace regkit
