// Sites leave in sorted order, as soon as none can come before them any more.
#include "app/call/track_calls.hpp"

#include "kernels/base/nth.hpp"

namespace regkit {

TrackCalls::TrackCalls(TrackSet& tracks, const CallPlan& plan, std::int64_t cell, ThreadPool& pool)
    : tracks_(tracks), pool_(pool), plan_(plan), caller_(plan.rules, cell) {}

void TrackCalls::begin_contig(const CallContig& contig) {
    contig_ = tracks_.add_contig(contig.name, contig.length, contig.declared);
    caller_.begin_contig();
    if (table_) table_->begin_contig(contig_, contig.name);
    ++contigs_;
}

void TrackCalls::values(std::int64_t begin, std::int64_t span, std::int64_t count,
                        std::span<const float> values, std::int64_t row) {
    tracks_.values(contig_, begin, span, count, values, row);
}

void TrackCalls::called(std::int64_t begin, std::span<const KnownStretch> stretches,
                        const CalledRuns& called) {
    caller_.add(begin, stretches, called, pool_);
    release();
}

void TrackCalls::end_region() {
    caller_.end_stretch();
    release();
}

void TrackCalls::release() {
    caller_.release(contig_, [this](CalledInterval called) {
        const SiteScore& score = nth(plan_.scores, called.marker);
        called.score = score.score(called.max);
        called.minus_log10_q = score.minus_log10_q(called.max);
        tracks_.interval(called);
        if (table_) table_->interval(called);
        ++intervals_;
    });
    if (table_) table_->settle(caller_.settled());
}

}  // namespace regkit
