// A step of the tail's training, for tests of its kernels under the emulator.
#pragma once

#include <doctest/doctest.h>

#include "kernels/cuda/tail/train.hpp"
#include "test/kernels/tail_case.hpp"

namespace regkit::test {

// Loss, gradient of h, gradients of the parameters.
using Outcome = std::vector<Values>;

// Every unit is active, so that gradients are close one by one; positions of dropout begin at 37 where they
// may.
struct TailProblem {
    TailCase c;
    OwnedLabels labels;
    TailLoss how;

    TailProblem(const TailCase& tail_case, LossKind kind) : c(tail_case), labels(c), how(test::loss_of(c)) {
        how.kind = kind;
        for (std::size_t i = 0; i < labels.runs.size(); ++i)
            labels.runs[i].value = 0.25f * static_cast<float>(i % 9);
    }

    Outcome train(Backend& backend) const {
        Run run(backend);
        const View h_view = h(run), dh = run.output(c.h());
        const Slice loss = run.zeros(1);
        const std::vector<Slice> gradient = Weights(c).zeros(run);
        backend(TailTrain{.h = h_view,
                          .tail = tail(run),
                          .labels = labels.labels(),
                          .how = how,
                          .loss = loss,
                          .gradient = make_gradient(c, gradient),
                          .dh = dh});
        return outcome(run, loss, dh, gradient);
    }
    // The same by train(training, scratch), on the memory of a back end.
    template <typename Train>
    Outcome train_by(Backend& backend, const Train& train) const {
        Run run(backend);
        const View h_view = h(run), dh = run.output(c.h());
        const Slice loss = run.zeros(1);
        const std::vector<Slice> gradient = Weights(c).zeros(run);
        const Tail own_tail = tail(run);
        const Labels own_labels = labels.labels();
        const TailGradient to = make_gradient(c, gradient);
        run.read(loss);  // all that was queued before has run
        cuda::Stream stream(0);
        cuda::Scratch scratch(stream);
        const cuda::Stream::Operation operation(stream);
        train(cuda::TailTraining{own_tail, cuda::tensor_of(h_view), own_labels, how, cuda::pointer_to(loss),
                                 to, false, cuda::tensor_of(dh)},
              scratch);
        stream.wait();
        return outcome(run, loss, dh, gradient);
    }

  private:
    View h(Run& run) const { return run.input(c.h(), random_values(c.h().size(), 1, 0.5, 1)); }
    Tail tail(Run& run) const {
        std::vector<Values> weights;
        for (const std::int64_t count : Weights(c).counts)
            weights.push_back(
                random_values(count, 10 + static_cast<std::uint32_t>(weights.size()), 0.005, 0.03));
        Tail tail = make_tail(c, run, weights);
        for (int i = 0; i < tail.depth && c.stride == 1; ++i) tail.dense[i].dropout.first = 37;
        return tail;
    }
    Outcome outcome(Run& run, const Slice& loss, const View& dh, const std::vector<Slice>& gradient) const {
        Outcome all = {run.read(loss), run.read(dh)};
        for (const Slice& slice : gradient) all.push_back(run.read(slice));
        return all;
    }
};

inline void check_outcome(const Outcome& got, const Outcome& expected, double tolerance) {
    REQUIRE(got.size() == expected.size());
    for (std::size_t i = 0; i < got.size(); ++i)
        check_close("result " + std::to_string(i), got[i], expected[i], tolerance);
}

}  // namespace regkit::test
