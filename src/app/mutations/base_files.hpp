// What the commands that say something of every base write alike: tables with a row a base, tracks, and
// arrays of contributions for motif discovery.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/model/regions.hpp"
#include "app/mutations/mutation_file.hpp"
#include "app/variants/allele_run.hpp"
#include "io/files/atomic_file.hpp"
#include "io/files/bgzf_writer.hpp"
#include "io/files/output_set.hpp"
#include "io/tracks/track_set.hpp"
#include "kernels/base/thread_pool.hpp"

namespace regkit {

// One output of such a command, whatever it takes.
class BaseOutput {
  public:
    virtual ~BaseOutput() = default;
    virtual void flush() {}  // what is complete is visible to a reader of the pipe
    virtual void add_to(OutputSet& outputs) = 0;
};

// Text with contig and position (from 1) in its first columns, plain or bgzip; what the run says of itself
// stands first. Error(usage) where it is to be indexed and is no bgzip.
class TableFile {
  public:
    TableFile(const MutationFile& file, AlleleRun& run, bool indexed);
    void write(std::string_view text);
    void flush();
    void add_to(OutputSet& outputs);

  private:
    std::optional<AtomicFile> plain_;
    std::optional<BgzfWriter> bgzip_;
    bool indexed_;
    std::int64_t longest_;
};

// "chr1\t1000\t", the first columns of a table.
class RowStart {
  public:
    explicit RowStart(AlleleRun& run) : run_(run) {}
    void append_to(std::string& text, int contig, std::int64_t position);

  private:
    AlleleRun& run_;
    int contig_ = -1;
    std::string name_;
};

// A value a base of each of some markers. Bases ascend; those that are left out have no value.
class BaseTrack {
  public:
    // `run` and `pool` must outlive it.
    BaseTrack(const MutationFile& file, AlleleRun& run, std::vector<std::string> markers, ThreadPool& pool);
    void add(int contig, std::int64_t position, std::span<const float> values);
    void flush();
    void add_to(OutputSet& outputs);

  private:
    void hand_over();

    AlleleRun& run_;
    std::unique_ptr<TrackSet> tracks_;
    int contig_ = -1, number_ = -1;
    std::int64_t begin_ = 0;
    std::vector<std::vector<float>> values_;  // of each marker, from `begin_` on
    std::vector<float> rows_;
};

std::vector<std::string> names_of(const std::vector<Marker>& markers);

// That of all the regions. Error(usage) where they differ, naming the output that needs one.
std::int64_t one_length(const std::vector<ContigRange>& regions, const std::string& output);

// Examples of `length` bases, as .npz files hold them. `paths` are one name of paths_of, or with modisco
// three.
struct ContributionArrays {
    std::int64_t examples = 0, length = 0;
    std::span<const std::int8_t> sequences;  // [example][A, C, G, T][place]
    std::span<const float> contributions;    // alike
    std::span<const float> projected;        // [example][place]
};
void write_arrays(const ContributionArrays& arrays, std::span<const std::string> paths, OutputSet& outputs);

}  // namespace regkit
