// What a back end reports for an operation it does not override.
#include "kernels/backend.hpp"

namespace regkit {

namespace {

Status unsupported() {
    return Status::error(Status::Code::unsupported,
                         "this back end does not have the operation; use --device cpu");
}

}  // namespace

Status Backend::do_sequence_conv(const Codes&, const Slice&, const Slice&, const Slice&, const ConvGeometry&,
                                 bool, const View&) noexcept {
    return unsupported();
}

Status Backend::do_sequence_conv_grad(const Codes&, const View&, const Slice&, const Slice&,
                                      const ConvGeometry&, const Slice&, const Slice&,
                                      const Slice&) noexcept {
    return unsupported();
}

Status Backend::do_conv(const View&, const Slice&, const Slice&, const ConvGeometry&, bool,
                        const View&) noexcept {
    return unsupported();
}

Status Backend::do_conv_grad_input(const View&, const Slice&, const ConvGeometry&, bool,
                                   const View&) noexcept {
    return unsupported();
}

Status Backend::do_conv_grad_weight(const View&, const View&, const ConvGeometry&, const Slice&,
                                    const Slice&) noexcept {
    return unsupported();
}

Status Backend::do_embed(const Codes&, const Slice&, const View&) noexcept {
    return unsupported();
}

Status Backend::do_flat_dense(const View&, const Slice&, const Slice&, bool, const View&) noexcept {
    return unsupported();
}

Status Backend::do_flat_dense_grad_input(const View&, const Slice&, bool, const View&) noexcept {
    return unsupported();
}

Status Backend::do_flat_dense_grad_weight(const View&, const View&, const Slice&, const Slice&) noexcept {
    return unsupported();
}

Status Backend::do_flatten(const View&, const View&) noexcept {
    return unsupported();
}

Status Backend::do_flatten_grad(const View&, bool, const View&) noexcept {
    return unsupported();
}

Status Backend::do_lstm(const View&, const Slice&, int, int, const View&, const View&) noexcept {
    return unsupported();
}

Status Backend::do_lstm_grad(const View&, const Slice&, int, int, const View&, const View&, const View&,
                             const Slice&) noexcept {
    return unsupported();
}

Status Backend::do_lstm_own(const Shape&, int, int, bool, std::int64_t&) noexcept {
    return unsupported();
}

Status Backend::do_lstm_layer(const View&, const LstmLayer&, LstmMemory&, const View&) noexcept {
    return unsupported();
}

Status Backend::do_lstm_layer_grad(const View&, const LstmLayer&, LstmMemory&, const View&, const View&,
                                   const LstmGradient&, bool, const View&) noexcept {
    return unsupported();
}

Status Backend::do_copy_channels(const View&, int, const View&, int, int, bool) noexcept {
    return unsupported();
}

Status Backend::do_up_conv(const View&, const Slice&, const Slice&, int, bool, const View&) noexcept {
    return unsupported();
}

Status Backend::do_up_conv_grad_input(const View&, const Slice&, int, bool, const View&) noexcept {
    return unsupported();
}

Status Backend::do_up_conv_grad_weight(const View&, const View&, int, const Slice&, const Slice&) noexcept {
    return unsupported();
}

Status Backend::do_moments(const View&, const Slice&, const Slice&) noexcept {
    return unsupported();
}

Status Backend::do_update_running(const Slice&, const Slice&, std::int64_t, float, const Slice&,
                                  const Slice&) noexcept {
    return unsupported();
}

Status Backend::do_norm_act(const View&, const Norm*, bool, const Dropout&, const View&) noexcept {
    return unsupported();
}

Status Backend::do_norm_act_grad(const View&, const View&, const Norm*, bool, const Dropout&, const View&,
                                 const Slice&, const Slice&, bool) noexcept {
    return unsupported();
}

Status Backend::do_norm_grad(const View&, const Norm&, const Slice&, const Slice&, std::int64_t,
                             const View&) noexcept {
    return unsupported();
}

Status Backend::do_pool(const View&, const PoolGeometry&, const View&) noexcept {
    return unsupported();
}

Status Backend::do_pool_grad(const View&, const View&, const PoolGeometry&, bool, const View&) noexcept {
    return unsupported();
}

Status Backend::do_add(const View&, const View&) noexcept {
    return unsupported();
}

Status Backend::do_tail_infer(const View&, const Tail&, std::int64_t, std::int64_t, TailOutput,
                              float*) noexcept {
    return unsupported();
}

Status Backend::do_tail_codes(const View&, const Tail&, std::int64_t, std::int64_t, std::uint8_t*) noexcept {
    return unsupported();
}

Status Backend::do_tail_bits(const View&, const Tail&, std::int64_t, std::int64_t, TailOutput, float,
                             std::uint8_t*) noexcept {
    return unsupported();
}

Status Backend::do_tail_runs(const View&, const Tail&, std::int64_t, std::int64_t, TailOutput, float,
                             CalledRuns&) noexcept {
    return unsupported();
}

Status Backend::do_tail_train(const View&, const Tail&, const Labels&, const TailLoss&, const Slice&,
                              const TailGradient&, bool, const View&) noexcept {
    return unsupported();
}

Status Backend::do_fold_up_norm(const View&, const UpNorm&, const UpNormState&, const Slice&,
                                const Slice&) noexcept {
    return unsupported();
}

Status Backend::do_fold_up_norm_grad(const View&, const UpNorm&, const UpNormState&, const Slice&,
                                     const Slice&, const Slice&, const Slice&, const Slice&, const Slice&,
                                     const View&) noexcept {
    return unsupported();
}

// Nothing to say: there is another way.
Status Backend::do_all_reduce(const Slice&, const Slice&, QuietRanks&) noexcept {
    return Status::error(Status::Code::unsupported, "");
}

Status Backend::do_grad_norm(const Slice&, const Slice&) noexcept {
    return unsupported();
}

Status Backend::do_adam(const Slice&, const Slice&, const Slice&, const Slice&, const AdamStep&,
                        const Slice&) noexcept {
    return unsupported();
}

}  // namespace regkit
