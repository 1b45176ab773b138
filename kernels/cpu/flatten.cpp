// A window's channels and positions as the channels of one row over the samples: lanes become windows.
#include "kernels/cpu/backend_impl.hpp"

namespace regkit {

using cpu::guarded;
using cpu::Rows;
using cpu::rows_of;

Status CpuBackend::run(const Flatten& op) noexcept {
    return guarded([&] {
        const Rows x = rows_of(op.x), y = rows_of(op.y);
        parallel(x.channels, [&](std::int64_t c, int) {
            for (std::int64_t p = 0; p < x.length; ++p) {
                float* const to = y.row(0, c * x.length + p);
                for (std::int64_t s = 0; s < x.batch; ++s) to[s] = x.row(s, c)[p];
                y.zero_edges(to);
            }
        });
    });
}

Status CpuBackend::run(const FlattenGrad& op) noexcept {
    return guarded([&] {
        const Rows dy = rows_of(op.dy), dx = rows_of(op.dx);
        parallel(dx.channels, [&](std::int64_t c, int) {
            for (std::int64_t s = 0; s < dx.batch; ++s) {
                float* const to = dx.row(s, c);
                for (std::int64_t p = 0; p < dx.length; ++p) {
                    const float value = dy.row(0, c * dx.length + p)[s];
                    to[p] = op.accumulate ? to[p] + value : value;
                }
                if (!op.accumulate) dx.zero_edges(to);
            }
        });
    });
}

}  // namespace regkit
