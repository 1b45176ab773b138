// A window's channels and positions as the channels of one row over the samples: lanes become windows.
#include "kernels/cpu/backend_impl.hpp"

namespace regkit {

using cpu::guarded;
using cpu::Rows;
using cpu::rows_of;

Status CpuBackend::do_flatten(const View& x_view, const View& y_view) noexcept {
    return guarded([&] {
        const Rows x = rows_of(x_view), y = rows_of(y_view);
        parallel(x.channels, [&](std::int64_t c, int) {
            for (std::int64_t p = 0; p < x.length; ++p) {
                float* const to = y.row(0, c * x.length + p);
                for (std::int64_t s = 0; s < x.batch; ++s) to[s] = x.row(s, c)[p];
                y.zero_edges(to);
            }
        });
    });
}

Status CpuBackend::do_flatten_grad(const View& dy_view, bool accumulate, const View& dx_view) noexcept {
    return guarded([&] {
        const Rows dy = rows_of(dy_view), dx = rows_of(dx_view);
        parallel(dx.channels, [&](std::int64_t c, int) {
            for (std::int64_t s = 0; s < dx.batch; ++s) {
                float* const to = dx.row(s, c);
                for (std::int64_t p = 0; p < dx.length; ++p) {
                    const float value = dy.row(0, c * dx.length + p)[s];
                    to[p] = accumulate ? to[p] + value : value;
                }
                if (!accumulate) dx.zero_edges(to);
            }
        });
    });
}

}  // namespace regkit
