// Strides differ, and so do the N behind a window that each network asks for: each gets its own, as it would
// by itself, and what it gives beyond the window's labels is cut off.
#include "app/evaluate/ensemble_windows.hpp"

#include <algorithm>
#include <utility>

#include "app/model/model_mean.hpp"
#include "io/fasta/fasta.hpp"

namespace regkit {

EnsembleWindows::EnsembleWindows(std::vector<Model> models, const Dataset& dataset, bool rc_average,
                                 Backend& backend, ThreadPool& pool)
    : length_(dataset.window()),
      positions_(dataset.layout().count),
      markers_(std::ssize(models.front().markers)),
      task_(models.front().spec.task),
      pool_(pool) {
    members_.reserve(models.size());  // what gives logits points to its network
    for (Model& model : models) {
        model = calibrated(std::move(model));
        Member& member = members_.emplace_back(
            Member{Network(model.spec, static_cast<int>(markers_), backend), KnotMaps(model.calls)});
        member.network.load(std::move(model.tensors));
        member.network.only_predict();
        member.window = network_logits(member.network, length_, rc_average);
    }
}

WindowLogits EnsembleWindows::logits() {
    return {.length = length_,
            .positions = positions_,
            .markers = markers_,
            .rows = 2 * markers_,
            .infer = [this](std::span<const std::uint8_t> codes, std::int64_t batch,
                            std::span<float> logits) { infer(codes, batch, logits); }};
}

void EnsembleWindows::infer(Member& member, std::span<const std::uint8_t> codes, std::int64_t batch) {
    const WindowLogits& window = member.window;
    member.codes.assign(static_cast<std::size_t>(batch * window.length), kCodeN);
    for (std::int64_t b = 0; b < batch; ++b)
        std::copy_n(codes.data() + b * length_, length_, member.codes.data() + b * window.length);
    member.logits.resize(static_cast<std::size_t>(batch * markers_ * window.positions));
    window.infer(member.codes, batch, member.logits);
}

void EnsembleWindows::infer(std::span<const std::uint8_t> codes, std::int64_t batch,
                            std::span<float> logits) {
    for (Member& member : members_) infer(member, codes, batch);
    pool_.run(batch * markers_, [&](std::int64_t row, int) {
        const std::int64_t b = row / markers_, m = row % markers_;
        std::vector<std::span<const float>> models;
        for (Member& member : members_) {
            const auto of_model = std::span(member.logits)
                                      .subspan(static_cast<std::size_t>(row * member.window.positions),
                                               static_cast<std::size_t>(positions_));
            member.knots.apply_logits(static_cast<int>(m), of_model);
            models.push_back(of_model);
        }
        const auto row_of = [&](std::int64_t r) {
            return logits.subspan(static_cast<std::size_t>((b * 2 * markers_ + r) * positions_),
                                  static_cast<std::size_t>(positions_));
        };
        mean_of_model_logits(models, task_, row_of(m), row_of(markers_ + m));
    });
}

}  // namespace regkit
