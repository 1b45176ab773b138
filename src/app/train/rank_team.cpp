// Everything passes through a few collective calls that every rank makes in the same order. What must be
// equal on all ranks is compared by SHA-256 rather than sent; what only the first rank knows, as its clock,
// its checkpoint and its validation, is sent to the others; while it works
// alone it tells them so now and then, that they go on waiting.
#include "app/train/rank_team.hpp"

#include <algorithm>
#include <cmath>

#include "io/files/sha256.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"
#include "ranks/mpi_communicator.hpp"

namespace regkit {
namespace {

// A TrainState but for what every rank knows.
struct Position {
    std::int64_t step, horizon, validated, best_step, validations_since_best, loss_steps;
    double elapsed, best_metric, loss_sum;
};

std::string digest_of(const std::string& text) {
    Sha256 hash;
    hash.add(text.data(), text.size());
    return hash.hex();
}

std::string digest_of(const Network& network) {
    Sha256 hash;
    for (const auto& tensors : {network.state(), network.optimiser_state()})
        for (const NamedTensor& tensor : tensors)
            hash.add(tensor.values.data(), tensor.values.size() * sizeof(float));
    return hash.hex();
}

std::string named(int rank) {
    return "rank " + std::to_string(rank);
}

}  // namespace

RankTeam::RankTeam(const Launch& launch, double timeout) : launch_(launch) {
    if (launch.size == 1) return;
    ranks_ = run([&] {
        return std::make_unique<MpiCommunicator>(
            launch, std::chrono::milliseconds(std::llround(std::min(timeout, 1e6) * 1000)));
    });
}

Error RankTeam::of_this_rank(const Error& error) const {
    return first() ? error : Error(error.kind(), named(launch_.rank) + ": " + error.what());
}

RankTeam::Turn RankTeam::agree(const Turn& mine) {
    if (alone()) return mine;
    const double words[] = {mine.elapsed, mine.save ? 1.0 : 0.0, mine.stop ? 1.0 : 0.0};
    const std::vector<double> all = ranks_->gather(words);
    Turn turn{all[0], all[1] != 0, false};
    for (std::size_t i = 2; i < all.size(); i += std::size(words)) turn.stop = turn.stop || all[i] != 0;
    return turn;
}

std::vector<std::string> RankTeam::gather_texts(const std::string& mine) {
    std::string all(mine.size() * static_cast<std::size_t>(size()), '\0');
    ranks_->all_gather(std::as_bytes(std::span(mine)), std::as_writable_bytes(std::span(all)));
    std::vector<std::string> texts;
    for (std::size_t at = 0; at < all.size(); at += mine.size()) texts.push_back(all.substr(at, mine.size()));
    return texts;
}

void RankTeam::require_same(const std::vector<Text>& texts) {
    if (alone()) return;
    for (const Text& text : texts) {
        const std::vector<std::string> digests = gather_texts(digest_of(text.text));
        for (int rank = 1; rank < size(); ++rank)
            if (nth(digests, rank) != digests[0])
                throw Error(ErrorKind::mismatch,
                            named(rank) + " has another " + text.what +
                                " rank 0; start all ranks with the same command and files");
    }
}

void RankTeam::require_same_tensors(const Network& network, std::int64_t step) {
    if (alone()) return;
    const std::vector<std::string> digests = gather_texts(digest_of(network));
    for (int rank = 1; rank < size(); ++rank)
        if (nth(digests, rank) != digests[0])
            throw Error(ErrorKind::resource,
                        "at step " + std::to_string(step) + " the weights of " + named(rank) +
                            " are not those of rank 0, which equal sums would have given: a fault "
                            "of a machine; nothing was written since the last checkpoint");
}

void RankTeam::share_start(Network& network, TrainState& state) {
    if (alone()) return;
    Position at{
        state.step,       state.horizon, state.validated,   state.best_step, state.validations_since_best,
        state.loss_steps, state.elapsed, state.best_metric, state.loss_sum};
    ranks_->broadcast(std::as_writable_bytes(std::span(&at, 1)));
    state.step = at.step;
    state.horizon = at.horizon;
    state.validated = at.validated;
    state.best_step = at.best_step;
    state.validations_since_best = static_cast<int>(at.validations_since_best);
    state.loss_steps = at.loss_steps;
    state.elapsed = at.elapsed;
    state.best_metric = at.best_metric;
    state.loss_sum = at.loss_sum;
    std::vector<NamedTensor> tensors = network.state(), moments = network.optimiser_state();
    for (auto* const list : {&tensors, &moments})
        for (NamedTensor& tensor : *list) ranks_->broadcast(std::as_writable_bytes(std::span(tensor.values)));
    if (first()) return;
    network.load(std::move(tensors));
    network.load_optimiser(std::move(moments));
}

// Behind a word that says that they come now, and not later.
void RankTeam::broadcast(std::span<double> values) {
    if (alone()) return;
    double ready = first() ? 1 : 0;
    do ranks_->broadcast(std::as_writable_bytes(std::span(&ready, 1)));
    while (ready == 0);
    ranks_->broadcast(std::as_writable_bytes(values));
}

void RankTeam::still_working() {
    const auto now = std::chrono::steady_clock::now();
    if (alone() || now - told_ < ranks_->patience() / 8) return;
    told_ = now;
    double ready = 0;
    ranks_->broadcast(std::as_writable_bytes(std::span(&ready, 1)));
}

void RankTeam::meet() {
    const double here[] = {1};
    if (ranks_) ranks_->gather(here);
}

}  // namespace regkit
