// What becomes of a block of logits. Most rows of most markers stay below a cutoff: a comparison of logits
// finds them, and only the others get a sigmoid, whose values then decide. So runs are what the values of
// TailInfer give, to the bit.
#include <hwy/cache_control.h>

#include <algorithm>
#include <tuple>

#include "kernels/base/nth.hpp"
#include "kernels/cpu/backend_impl.hpp"
#include "kernels/cpu/tail_sink.hpp"

namespace regkit {

using cpu::guarded;
using cpu::LogitBlock;

namespace {

constexpr std::int64_t kCached = 4 << 20;  // values: 16 MiB

void to_values(const cpu::TailKernels& kernels, TailOutput kind, float* logits, std::int64_t columns) {
    if (kind == TailOutput::probabilities) kernels.sigmoid(logits, columns);
    if (kind == TailOutput::rates) kernels.softplus(logits, columns);
}

// Calls body(logits, row of `out`) for each marker of a block.
template <typename Body>
void each_row(const LogitBlock& block, int markers, const Body& body) {
    for (int q = 0; q < block.count; ++q)
        body(block.logits + q * block.row, block.sample * markers + block.marker + q);
}

struct ValueSink final : cpu::TailSink {
    const cpu::TailKernels& kernels;
    TailOutput kind;
    int markers;
    std::int64_t length;
    float* out;
    bool past_caches;  // more values than a cache holds until they are read

    ValueSink(const cpu::TailKernels& k, TailOutput output, std::int64_t batch, int m, std::int64_t n,
              float* to)
        : kernels(k), kind(output), markers(m), length(n), out(to), past_caches(batch * m * n > kCached) {}
    void take(const LogitBlock& block) override {
        each_row(block, markers, [&](float* logits, std::int64_t row) {
            to_values(kernels, kind, logits, block.columns);
            float* const to = out + row * length + block.begin;
            if (past_caches)
                kernels.stream(logits, block.columns, to);
            else
                std::copy_n(logits, block.columns, to);
        });
        if (past_caches) hwy::FlushStream();
    }
};

struct CodeSink final : cpu::TailSink {
    const cpu::TailKernels& kernels;
    int markers;
    std::int64_t length;
    std::uint8_t* out;

    CodeSink(const cpu::TailKernels& k, int m, std::int64_t n, std::uint8_t* to)
        : kernels(k), markers(m), length(n), out(to) {}
    void take(const LogitBlock& block) override {
        each_row(block, markers, [&](float* logits, std::int64_t row) {
            kernels.codes(logits, block.columns, out + row * length + block.begin);
        });
    }
};

struct RunSink final : cpu::TailSink {
    const cpu::TailKernels& kernels;
    TailOutput kind;
    std::span<const float> cutoffs;  // of each marker
    std::span<const float> least;    // their logits
    std::uint8_t* bits;              // `most` bytes a worker
    std::int64_t most;
    std::vector<CalledRuns>& out;  // of each worker

    RunSink(const cpu::TailKernels& k, TailOutput output, std::span<const float> c, std::span<const float> l,
            std::uint8_t* memory, std::int64_t bytes, std::vector<CalledRuns>& to)
        : kernels(k), kind(output), cutoffs(c), least(l), bits(memory), most(bytes), out(to) {}

    void take(const LogitBlock& block) override {
        std::uint8_t* const mine = bits + block.worker * most;
        for (int q = 0; q < block.count; ++q) {
            float* const values = block.logits + q * block.row;
            const int marker = block.marker + q;
            const float bound = nth(least, marker);
            if (!kernels.any_reached(values, block.columns, bound)) continue;
            kernels.reached(values, block.columns, bound, mine);
            to_values(kernels, kind, values, block.columns);
            collect(block, marker, values, mine);
        }
    }

    // Runs of the positions of which `candidates` has a bit and whose value is not below the cutoff; one
    // without a bit is below.
    void collect(const LogitBlock& block, int marker, const float* values, const std::uint8_t* candidates) {
        CalledRuns& to = out[static_cast<std::size_t>(block.worker)];
        const float cutoff = nth(cutoffs, marker);
        for (std::int64_t p = 0; p < block.columns;) {
            if (candidates[p / 8] >> p % 8 == 0) {
                p = (p / 8 + 1) * 8;
                continue;
            }
            const std::int64_t first = p;
            while (p < block.columns && !(values[p] < cutoff)) ++p;
            if (p == first)
                ++p;
            else
                to.append(static_cast<std::int32_t>(block.sample), marker,
                          static_cast<std::int32_t>(block.begin + first),
                          {values + first, static_cast<std::size_t>(p - first)});
        }
    }
};

}  // namespace

Status CpuBackend::run(const TailInfer& op) noexcept {
    if (op.begin == op.end) return {};
    return guarded([&] {
        ValueSink sink(*kernels_.tail, op.kind, op.h.shape.batch, op.tail.markers(),
                       (op.end - op.begin) * op.tail.stride, op.out.data());
        infer_blocks(op.h, op.tail, op.begin, op.end, sink);
    });
}

Status CpuBackend::run(const TailCodes& op) noexcept {
    if (op.begin == op.end) return {};
    return guarded([&] {
        CodeSink sink(*kernels_.tail, op.tail.markers(), (op.end - op.begin) * op.tail.stride, op.out.data());
        infer_blocks(op.h, op.tail, op.begin, op.end, sink);
    });
}

// Which worker took which block is chance; the order of the runs is not.
Status CpuBackend::run(const TailRuns& op) noexcept {
    op.out->clear();
    if (op.begin == op.end) return {};
    return guarded([&] {
        called_.resize(static_cast<std::size_t>(pool_.workers()));
        for (CalledRuns& called : called_) called.clear();
        const std::int64_t most = cpu::ceil_div(cpu::tail_columns(op.tail.stride), 8);
        auto* const bits = scratch_.get<std::uint8_t>(cpu::Slot::codes, most * pool_.workers());
        const std::span least(scratch_.get<float>(cpu::Slot::cutoffs, op.tail.markers()), op.cutoffs.size());
        std::ranges::transform(op.cutoffs, least.begin(),
                               [&](float cutoff) { return least_logit(op.kind, cutoff); });
        RunSink sink(*kernels_.tail, op.kind, op.cutoffs, least, bits, most, called_);
        infer_blocks(op.h, op.tail, op.begin, op.end, sink);

        pieces_.clear();
        for (std::size_t w = 0; w < called_.size(); ++w)
            for (const CalledRun& run : called_[w].runs) pieces_.push_back({run, static_cast<int>(w)});
        const auto place = [](const cpu::CalledPiece& p) {
            return std::tie(p.run.sample, p.run.marker, p.run.begin);
        };
        std::sort(pieces_.begin(), pieces_.end(),
                  [&](const auto& a, const auto& b) { return place(a) < place(b); });
        for (const cpu::CalledPiece& piece : pieces_)
            op.out->append(piece.run.sample, piece.run.marker, piece.run.begin,
                           called_[static_cast<std::size_t>(piece.worker)].values_of(piece.run));
    });
}

}  // namespace regkit
