// The part file of a call that runs: of a shard it is the output, of a call that may be killed it is what the
// next run goes on from.
#pragma once

#include <memory>
#include <string>

#include "app/call/call_events.hpp"
#include "app/call/part_file.hpp"
#include "io/files/atomic_file.hpp"
#include "io/files/block_file.hpp"
#include "kernels/base/thread_pool.hpp"

namespace regkit {

class CallPart {
  public:
    struct Files {
        std::string output;   // of a shard; empty: none
        std::string journal;  // stays when the run is killed, and what it holds is gone on from; empty: none
    };
    // Of the two files at least one. What an earlier run has found is told to `then`, as is what follows,
    // unless it is null; it must outlive this. Error(mismatch): the journal is of another call.
    CallPart(const PartHeader& header, Files files, CallEvents* then, ThreadPool& pool);

    // Where to go on: the beginning, or the last place that an earlier run has reached.
    const PartPlace& start() const { return start_; }
    // For all that is found.
    CallEvents& events() { return *writer_; }
    void reached(const PartPlace& place);
    // All was told, and other outputs have appeared: so does the shard's, and the journal goes.
    void finish();

  private:
    void go_on(const PartHeader& header, CallEvents* then);

    Files files_;
    std::unique_ptr<JournalFile> journal_;
    std::unique_ptr<AtomicFile> output_;  // where there is no journal
    std::unique_ptr<PartWriter> writer_;
    PartPlace start_, place_;
    std::uint64_t kept_ = 0;    // bytes of the journal
    bool is_complete_ = false;  // the earlier run was killed when all was done
};

}  // namespace regkit
