// What one shard of a call has found, as a file: everything that CallEvents tells, until all shards are
// there, and what it takes to make tracks of it. A run that may be killed keeps the same file beside its
// outputs.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/call/call_cutoffs.hpp"
#include "app/call/call_events.hpp"
#include "base/marker.hpp"
#include "io/fasta/fasta.hpp"
#include "io/files/block_file.hpp"
#include "io/tracks/track_writer.hpp"
#include "kernels/base/thread_pool.hpp"

namespace regkit {

struct PartHeader {
    int shard = 1, shards = 1;  // which of how many, from 1
    bool holds_values = false, holds_runs = false;
    std::string model_path, model_digest, reference_path, reference_digest;
    bool coverage = false;  // instead of probabilities
    std::vector<Marker> markers;
    std::vector<MarkerCalls> calls;
    SiteOptions sites;
    std::int64_t cell = 1, width = 1;     // bases an output of the model, bases a value
    int decimals = 4;                     // that values are rounded to
    std::string modes;                    // whatever else of the options changes values, as text
    std::string ranges;                   // digest of the stretches of the reference that the call is about
    std::vector<std::string> provenance;  // lines of outputs' headers
    std::vector<Contig> contigs;          // of the reference
};
// All that must be equal in the parts of one call: a line of text.
std::string call_key(const PartHeader& header);

// How far a call has come, and a run may go on from.
struct PartPlace {
    std::int64_t range = 0, position = 0;  // number of the stretch, base of its contig
    std::int64_t bases = 0, n_bases = 0;   // CallSummary, so far
    bool operator==(const PartPlace&) const = default;
};

// Writes blocks; what it is told goes on to `then`, too, unless that is null.
class PartWriter final : public CallEvents {
  public:
    using Write = std::function<void(std::string_view)>;
    PartWriter(int markers, int decimals, Write write, CallEvents* then, ThreadPool& pool);

    void header(const PartHeader& header);  // first, in a new file
    void begin_contig(const CallContig& contig) override;
    void values(std::int64_t begin, std::int64_t span, std::int64_t count, std::span<const float> values,
                std::int64_t row) override;
    void called(std::int64_t begin, std::span<const KnownStretch> stretches,
                const CalledRuns& called) override;
    void end_region() override;
    // All before it is told, nothing of what follows.
    void reached(const PartPlace& place);
    void finish(const PartPlace& place);

  private:
    std::int64_t markers_;
    Rounding round_;
    Write write_;
    CallEvents* then_;
    ThreadPool& pool_;
};

class PartReader {
  public:
    // Error(input): not such a file. Without a whole header has_header() is false: a run was killed at once.
    explicit PartReader(const std::string& path);

    const std::string& path() const { return reader_.path(); }
    bool has_header() const { return has_header_; }
    const PartHeader& header() const { return header_; }

    struct End {
        PartPlace place;
        std::uint64_t position = 0;  // in the file, behind that place
        bool is_complete = false;    // finish() was called, and nothing follows
    };
    // Tells all up to the last place that was reached. Error(input) for blocks that make no sense.
    End replay(CallEvents& events);

    static constexpr std::string_view kMagic = "regkit part 1\n";

  private:
    End last_place();

    BlockReader reader_;
    bool has_header_ = false;
    PartHeader header_;
    std::uint64_t first_ = 0;  // position of the first event
};

}  // namespace regkit
