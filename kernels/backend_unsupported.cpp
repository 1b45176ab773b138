// What a back end reports for an operation it does not override.
#include "kernels/backend.hpp"

namespace regkit {

Status Backend::do_lstm(const View&, const Slice&, int, int, const View&, const View&) noexcept {
    return Status::unsupported();
}

Status Backend::do_lstm_grad(const View&, const Slice&, int, int, const View&, const View&, const View&,
                             const Slice&) noexcept {
    return Status::unsupported();
}

Status Backend::do_lstm_own(const Shape&, int, int, bool, std::int64_t&) noexcept {
    return Status::unsupported();
}

Status Backend::do_lstm_layer(const View&, const LstmLayer&, LstmMemory&, const View&) noexcept {
    return Status::unsupported();
}

Status Backend::do_lstm_layer_grad(const View&, const LstmLayer&, LstmMemory&, const View&, const View&,
                                   const LstmGradient&, bool, const View&) noexcept {
    return Status::unsupported();
}

Status Backend::do_tail_codes(const View&, const Tail&, std::int64_t, std::int64_t, std::uint8_t*) noexcept {
    return Status::unsupported();
}

Status Backend::do_tail_bits(const View&, const Tail&, std::int64_t, std::int64_t, TailOutput, float,
                             std::uint8_t*) noexcept {
    return Status::unsupported();
}

Status Backend::do_tail_runs(const View&, const Tail&, std::int64_t, std::int64_t, TailOutput, float,
                             CalledRuns&) noexcept {
    return Status::unsupported();
}

// Nothing to say: there is another way.
Status Backend::do_all_reduce(const Slice&, const Slice&, QuietRanks&) noexcept {
    return Status::error(Status::Code::unsupported, "");
}

}  // namespace regkit
