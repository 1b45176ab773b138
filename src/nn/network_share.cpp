// Training on a part of a batch that several ranks share: batch norm over all of it. Every rank forms the
// same sums in the same order, from all ranks' moments (Chan, Golub and LeVeque 1983).
#include <vector>

#include "kernels/base/error.hpp"
#include "nn/network_impl.hpp"

namespace regkit {
namespace {

// Counts and means of all ranks.
class Parts {
  public:
    // `mine`: count, then `channels` means, then anything.
    Parts(Communicator& ranks, const std::vector<double>& mine, std::size_t channels)
        : each_(mine.size()), all_(ranks.gather(mine)), mean_(channels, 0.0) {
        for (std::size_t r = 0; r < ranks_count(); ++r) count_ += part(r)[0];
        for (std::size_t r = 0; r < ranks_count(); ++r)
            for (std::size_t c = 0; c < channels; ++c) mean_[c] += share(r) * part(r)[1 + c];
    }
    std::size_t ranks_count() const { return all_.size() / each_; }
    std::span<const double> part(std::size_t rank) const {
        return std::span(all_).subspan(rank * each_, each_);
    }
    double share(std::size_t rank) const { return part(rank)[0] / count_; }
    const std::vector<double>& mean() const { return mean_; }
    // How far a rank's mean is from the whole's.
    double away(std::size_t rank, std::size_t channel) const {
        return part(rank)[1 + channel] - mean_[channel];
    }

  private:
    std::size_t each_;
    std::vector<double> all_;
    std::vector<double> mean_;
    double count_ = 0;
};

}  // namespace

void Network::Impl::share_moments(const Norm& norm, std::int64_t count, Communicator& ranks) {
    const auto channels = static_cast<std::size_t>(norm.mean.count);
    std::vector<double> mine(1 + 2 * channels);
    mine[0] = static_cast<double>(count);
    backend.read(norm.mean, std::span(mine).subspan(1, channels));
    backend.read(norm.var, std::span(mine).subspan(1 + channels));
    const Parts parts(ranks, mine, channels);
    std::vector<double> var(channels, 0.0);
    for (std::size_t r = 0; r < parts.ranks_count(); ++r)
        for (std::size_t c = 0; c < channels; ++c)
            var[c] +=
                parts.share(r) * (parts.part(r)[1 + channels + c] + parts.away(r, c) * parts.away(r, c));
    backend.write(norm.mean, std::span<const double>(parts.mean()));
    backend.write(norm.var, std::span<const double>(var));
}

void Network::Impl::share_covariance(const UpNormState& state, std::int64_t count, Communicator& ranks) {
    const auto channels = static_cast<std::size_t>(state.input_mean.count);
    const auto me = static_cast<std::size_t>(ranks.rank());
    std::vector<double> mine(1 + channels), covariance(channels * channels);
    mine[0] = static_cast<double>(count);
    backend.read(state.input_mean, std::span(mine).subspan(1));
    backend.read(state.input_covariance, std::span(covariance));
    const Parts parts(ranks, mine, channels);
    for (std::size_t a = 0; a < channels; ++a)
        for (std::size_t b = 0; b < channels; ++b) {
            double& value = covariance[a * channels + b];
            value = parts.share(me) * (value + parts.away(me, a) * parts.away(me, b));
        }
    ranks.sum_in_order(std::span(covariance));
    backend.write(state.input_mean, std::span<const double>(parts.mean()));
    backend.write(state.input_covariance, std::span<const double>(covariance));
}

void Network::Impl::shared_norm_act_grad(int index, const Codes& codes, const Norm& norm,
                                         const TrainStep& how, const View& before, const View& dy) {
    const LayerParameters& at = layout.layer(index);
    const std::int64_t channels = at.gamma.count;
    if (training.sums.shape().length < 2 * channels) training.sums = backend.alloc_flat(2 * channels);
    // Norms are a layer's own, so these gradients are zero before.
    const Slice d_gamma = slice(gradients, at.gamma), d_beta = slice(gradients, at.beta);
    const Slice gamma = training.sums.slice(0, channels), beta = training.sums.slice(channels, channels);
    backend(NormActGrad{.x = before,
                        .dy = dy,
                        .norm = &norm,
                        .relu = layer(index).relu,
                        .dropout = dropout(index, how),
                        .dx = dy,
                        .d_gamma = d_gamma,
                        .d_beta = d_beta,
                        .is_part = true});
    compose::all_reduce(backend, d_gamma, gamma, *how.share.ranks, staging);
    compose::all_reduce(backend, d_beta, beta, *how.share.ranks, staging);
    backend(NormGrad{.x = before,
                     .norm = norm,
                     .sum_gamma = gamma,
                     .sum_beta = beta,
                     .count = values_a_channel(index, codes) / codes.batch * how.share.total,
                     .dx = dy});
}

const Buffer& Network::Impl::discarded(LayerParameters& places) {
    std::int64_t total = 0;
    for (Range* const range : {&places.weight, &places.bias, &places.gamma, &places.beta}) {
        range->offset = total;
        total += range->count;
    }
    if (training.discarded.shape().length < total) training.discarded = backend.alloc_flat(total);
    return training.discarded;
}

}  // namespace regkit
