// A batch is made by a pure function of its step: which windows, whether reversed, their codes and runs. A
// thread calls it for one step after the other and keeps two batches ahead, so that training need not wait
// for them. Reversing a window turns its codes and its runs round, without a dense matrix of labels.
#include "app/train/batcher.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <span>
#include <thread>

#include "app/train/window_order.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {

void reverse_strand(std::span<std::uint8_t> codes, std::span<LabelRun> runs, std::int64_t outputs) {
    reverse_complement(codes);
    const auto count = static_cast<std::int32_t>(outputs);
    for (LabelRun& run : runs) {
        const std::int32_t begin = run.begin;
        run.begin = count - run.end;
        run.end = count - begin;
    }
    // Within a marker the order has turned round; markers stay where they are.
    for (std::size_t begin = 0; begin < runs.size();) {
        std::size_t end = begin;
        while (end < runs.size() && runs[end].marker == runs[begin].marker) ++end;
        std::reverse(runs.begin() + static_cast<std::ptrdiff_t>(begin),
                     runs.begin() + static_cast<std::ptrdiff_t>(end));
        begin = end;
    }
}

Batch make_batch(const Dataset& dataset, const PackedGenome& genome, const BatchPlan& plan,
                 std::int64_t step) {
    Batch batch;
    batch.step = step;
    batch.window = dataset.window();
    const auto window = static_cast<std::size_t>(batch.window);
    const int end = plan.end > 0 ? plan.end : plan.batch;
    batch.sequence.resize(static_cast<std::size_t>(end - plan.first) * window);
    batch.offsets = {0};
    for (int sample = plan.first; sample < end; ++sample) {
        const std::int64_t position = step * plan.batch + sample;
        const std::int64_t pick =
            window_at(plan.seed, static_cast<std::int64_t>(plan.windows.size()), position);
        const auto index = static_cast<std::size_t>(nth(plan.windows, pick));
        const DatasetWindow& at = dataset.windows()[index];
        const std::span codes(batch.sequence.data() + static_cast<std::size_t>(sample - plan.first) * window,
                              window);
        const bool reversed = plan.rc_augment && reversed_at(plan.seed, position);
        // Where the labels do not lie in the window's middle, the other strand's window lies elsewhere.
        const LabelLayout& layout = dataset.layout();
        const std::int64_t begin =
            at.begin + (reversed ? 2 * layout.offset + layout.span() - batch.window : 0);
        genome.read(static_cast<std::size_t>(at.contig), begin, begin + batch.window, codes);
        const std::size_t first = batch.runs.size();
        dataset.window_labels(static_cast<std::int64_t>(index), batch.runs);
        if (reversed) reverse_strand(codes, std::span(batch.runs).subspan(first), layout.count);
        batch.offsets.push_back(static_cast<std::int64_t>(batch.runs.size()));
    }
    return batch;
}

struct Batcher::State {
    static constexpr std::size_t kAhead = 2;
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Batch> ready;
    std::exception_ptr failure;
    bool stop = false;
    std::thread thread;
};

Batcher::Batcher(const Dataset& dataset, const PackedGenome& genome, BatchPlan plan, std::int64_t first_step)
    : state_(std::make_unique<State>()) {
    state_->thread = std::thread([&s = *state_, &dataset, &genome, plan = std::move(plan), first_step] {
        try {
            for (std::int64_t step = first_step;; ++step) {
                Batch batch = make_batch(dataset, genome, plan, step);
                std::unique_lock lock(s.mutex);
                s.changed.wait(lock, [&] { return s.stop || s.ready.size() < State::kAhead; });
                if (s.stop) return;
                s.ready.push_back(std::move(batch));
                s.changed.notify_all();
            }
        } catch (...) {
            const std::lock_guard lock(s.mutex);
            s.failure = std::current_exception();
            s.changed.notify_all();
        }
    });
}

Batcher::~Batcher() {
    {
        const std::lock_guard lock(state_->mutex);
        state_->stop = true;
    }
    state_->changed.notify_all();
    state_->thread.join();
}

Batch Batcher::next() {
    State& s = *state_;
    std::unique_lock lock(s.mutex);
    s.changed.wait(lock, [&] { return !s.ready.empty() || s.failure; });
    if (s.ready.empty()) std::rethrow_exception(s.failure);
    Batch batch = std::move(s.ready.front());
    s.ready.pop_front();
    s.changed.notify_all();
    return batch;
}

}  // namespace regkit
