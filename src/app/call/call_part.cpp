// A journal is cut behind the last place that was reached whole, so that what a killed run was about to write
// is not told twice.
#include "app/call/call_part.hpp"

#include <utility>

#include "kernels/base/error.hpp"

namespace regkit {
namespace {

class Nobody final : public CallEvents {
  public:
    void begin_contig(const CallContig&) override {}
    void values(std::int64_t, std::int64_t, std::int64_t, std::span<const float>, std::int64_t) override {}
    void called(std::int64_t, std::span<const KnownStretch>, const CalledRuns&) override {}
    void end_region() override {}
};

}  // namespace

CallPart::CallPart(const PartHeader& header, Files files, CallEvents* then, ThreadPool& pool)
    : files_(std::move(files)) {
    PartWriter::Write write;
    if (files_.journal.empty()) {
        output_ = std::make_unique<AtomicFile>(files_.output);
        write = [this](std::string_view bytes) { output_->write(bytes); };
    } else {
        journal_ = std::make_unique<JournalFile>(files_.journal);
        go_on(header, then);
        write = [this](std::string_view bytes) { journal_->append(bytes); };
    }
    writer_ =
        std::make_unique<PartWriter>(header.value_rows(), header.decimals, std::move(write), then, pool);
    if (kept_ == 0) writer_->header(header);
    place_ = start_;
}

void CallPart::go_on(const PartHeader& header, CallEvents* then) {
    // A run that was killed at once has left a part of the first line. Anything else is not cut away.
    require(journal_->begins(PartReader::kMagic), ErrorKind::input,
            files_.journal + ": not a file of this kind, or damaged at its beginning");
    if (journal_->size() > PartReader::kMagic.size()) {
        PartReader left(files_.journal);
        if (left.has_header()) {
            require(
                call_key(left.header()) == call_key(header) && left.header().shard == header.shard,
                ErrorKind::mismatch,
                files_.journal +
                    ": a run of another model, reference, region or option has left it; remove it to begin anew");
            Nobody nobody;
            const PartReader::End end = left.replay(then ? *then : nobody);
            start_ = end.place;
            kept_ = end.position;
            is_complete_ = end.is_complete;
        }
    }
    journal_->cut(kept_);
}

void CallPart::reached(const PartPlace& place) {
    place_ = place;
    writer_->reached(place);
}

void CallPart::finish() {
    if (files_.output.empty()) return journal_->remove();
    if (!is_complete_) writer_->finish(place_);
    if (journal_)
        journal_->appear(files_.output);
    else
        output_->commit();
}

}  // namespace regkit
