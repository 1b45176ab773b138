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

#include "app/call/call_events.hpp"
#include "app/call/part_header.hpp"
#include "io/files/block_file.hpp"
#include "io/tracks/track_writer.hpp"
#include "kernels/base/thread_pool.hpp"

namespace regkit {

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
    // `rows`: of values (PartHeader::value_rows).
    PartWriter(std::int64_t rows, int decimals, Write write, CallEvents* then, ThreadPool& pool);

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
    std::int64_t rows_;
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
