// Two ways to run. Tiles: a stretch is cut on a grid fixed to the contig, the halo on both sides is fetched
// too, rounded to whole strides, and only the middle is kept. Windows: those that give the cells asked for
// are gathered into batches, and their outputs put in order. For the other strand the reverse complement of
// the same stretch is run, so that both have the same stride cells, and the two are averaged. Arrays are kept
// from tile to tile.
#include "app/model/predictor.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "app/model/both_strands.hpp"
#include "app/model/label_fit.hpp"
#include "io/fasta/fasta.hpp"
#include "kernels/base/arithmetic.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"
#include "nn/network.hpp"

namespace regkit {
namespace {

// Of windows that run together.
constexpr std::int64_t kBatchBases = std::int64_t{1} << 17;
constexpr std::int64_t kBatchValues = std::int64_t{1} << 24;

std::int64_t round_down(std::int64_t value, std::int64_t unit) {
    return value / unit * unit;
}

// Row r of `from` ([rows][from_length]) is cut to positions [begin, begin + to_length).
void copy_rows(std::span<const float> from, std::int64_t from_length, std::int64_t begin,
               std::int64_t to_length, std::span<float> to) {
    const std::int64_t rows = static_cast<std::int64_t>(from.size()) / from_length;
    for (std::int64_t r = 0; r < rows; ++r)
        std::copy_n(from.data() + r * from_length + begin, to_length, to.data() + r * to_length);
}

// Windows that give cells one after the other: window k those of bases [k * group(), (k + 1) * group()).
struct PredictedGrid {
    std::int64_t window = 0, bin = 1, offset = 0, count = 0;

    std::int64_t group() const { return bin * count; }
    std::int64_t begin(std::int64_t k) const { return k * group() - offset; }
    // Where the labels do not lie in the middle, the reverse complement's window with the same bins lies so
    // much further.
    std::int64_t reverse_shift() const { return 2 * offset + group() - window; }
};

}  // namespace

struct Predictor::Impl {
    Impl(Model model, Backend& backend, const PredictorOptions& how);

    bool runs_windows() const { return grid.count > 0; }
    void check_range(std::int64_t length, std::int64_t begin, std::int64_t end) const {
        require(begin >= 0 && begin <= end && end <= length, ErrorKind::usage,
                "positions to predict lie outside the contig");
        require(begin % resolution == 0 && (end % resolution == 0 || end == length), ErrorKind::usage,
                "positions to predict are not whole cells");
    }
    // Output positions for `length` bases (of a fixed window: that many).
    std::int64_t positions(std::int64_t length) const { return fixed ? grid.count : length / resolution; }
    std::int64_t batch() const;

    // Predicts bases [begin, end) (multiples of the stride; of a fixed window all) of `batch` rows of
    // `length` codes into `values`, both strands where asked for; `reversed` holds the other strand then.
    void infer(std::int64_t batch, std::int64_t length, std::int64_t begin, std::int64_t end);
    void infer_strand(const Codes& bases, std::int64_t begin, std::int64_t end, std::vector<float>& to);
    void reverse_codes(std::int64_t length);
    // The stretch of codes that bases [begin, end) inside one tile need. The trunk runs over the halo too, or
    // up to the contig's end, where the model saw zeros in training as well.
    struct Tile {
        std::int64_t begin, end;          // bases predicted
        std::int64_t out_begin, out_end;  // the whole strides that hold them
        std::int64_t from, to;            // bases in `codes`
        std::span<const std::uint8_t> bases;
    };
    Tile fetch_tile(std::int64_t length, std::int64_t begin, std::int64_t end, const FetchCodes& fetch);
    void predict_tile(const Tile& tile, const TileSink& sink);
    void call_tile(const Tile& tile, std::span<const float> cutoffs, const CalledSink& sink);
    void clip_called(std::int64_t skip, std::int64_t cells);
    // Calls body(begin, end) for each tile's part of [begin, end).
    template <typename Body>
    void each_tile(std::int64_t begin, std::int64_t end, const Body& body) const {
        while (begin < end) {
            const std::int64_t stop = std::min(end, round_down(begin, options.tile) + options.tile);
            body(begin, stop);
            begin = stop;
        }
    }
    // Windows [first, last), all of `size` bases.
    void predict_group(std::int64_t length, std::int64_t first, std::int64_t last, std::int64_t size,
                       const FetchCodes& fetch);
    void predict_along(std::int64_t length, std::int64_t begin, std::int64_t end, const FetchCodes& fetch,
                       const TileSink& sink);

    PredictorOptions options;
    Network network;
    TailOutput output = TailOutput::probabilities;
    std::int64_t stride = 1, left = 0, right = 0, resolution = 1;
    bool fixed = false;  // windows of one length alone
    PredictedGrid grid;  // of models that run windows
    // Reused from tile to tile: pages of a fresh array cost more than filling it.
    std::vector<std::uint8_t> codes, reversed, ahead, stretch;
    std::vector<float> values, other, cut;
    std::vector<std::uint8_t> logit_codes;
    CodeTable table{};  // of `logit_codes`, where values come from them
    CalledRuns called;
};

Predictor::Impl::Impl(Model model, Backend& backend, const PredictorOptions& how)
    : options(how), network(model.spec, static_cast<int>(model.markers.size()), backend) {
    network.load(std::move(model.tensors));
    network.only_predict();
    const SpecSummary& summary = network.summary();
    const LabelLayout layout = output_layout(model, summary);
    output = how.logits                          ? TailOutput::logits
             : model.spec.task == Task::coverage ? TailOutput::rates
                                                 : TailOutput::probabilities;
    if (how.coded) table = code_table(output);
    stride = summary.stride;
    resolution = layout.bin;
    fixed = summary.fixed_window;
    require(options.tile > 0, ErrorKind::usage, "the tile must have at least one base");
    if (fixed || !summary.finite_context || options.paper_windows) {
        grid = {model.spec.window, layout.bin, layout.offset, layout.count};
        options.tile = round_up(options.tile, grid.group());
        return;
    }
    left = round_up(summary.context_left, stride);
    right = round_up(summary.context_right, stride);
    // The reverse strand sees the same stretch from its other end.
    if (options.rc_average) left = right = std::max(left, right);
    options.tile = round_up(options.tile, stride);
}

std::int64_t Predictor::Impl::batch() const {
    const std::int64_t most =
        std::min({kBatchBases / grid.window, kBatchValues / (network.markers() * grid.count),
                  options.tile / grid.group()});
    return std::max<std::int64_t>(1, most);
}

void Predictor::Impl::infer(std::int64_t batch, std::int64_t length, std::int64_t begin, std::int64_t end) {
    const std::int64_t each = positions(end - begin);
    values.resize(static_cast<std::size_t>(batch * network.markers() * each));
    infer_strand({codes.data(), batch, length}, begin, end, values);
    if (!options.rc_average) return;
    other.resize(values.size());
    infer_strand({reversed.data(), batch, length}, length - end, length - begin, other);
    if (output == TailOutput::logits)
        average_strand_logits(values, other, each, network.spec().task);
    else
        average_strands(values, other, each);
}

void Predictor::Impl::infer_strand(const Codes& bases, std::int64_t begin, std::int64_t end,
                                   std::vector<float>& to) {
    if (!options.coded) return network.infer(bases, begin, end, output, to);
    logit_codes.resize(to.size());
    network.infer_codes(bases, begin, end, logit_codes);
    std::transform(logit_codes.begin(), logit_codes.end(), to.begin(),
                   [this](std::uint8_t code) { return table[code]; });
}

// The reverse strand is cut into the same stride cells as the forward one: the stretch begins and ends on
// multiples of the stride (of the contig), so its reverse complement does too, wherever a tile begins.
void Predictor::Impl::reverse_codes(std::int64_t length) {
    if (options.rc_average) reverse_rows(codes, length, reversed);
}

Predictor::Impl::Tile Predictor::Impl::fetch_tile(std::int64_t length, std::int64_t begin, std::int64_t end,
                                                  const FetchCodes& fetch) {
    Tile tile;
    tile.begin = begin;
    tile.end = end;
    tile.out_begin = round_down(begin, stride);
    tile.out_end = round_up(end, stride);
    tile.from = std::max<std::int64_t>(0, tile.out_begin - left);
    tile.to = std::min(tile.out_end + right, round_up(length, stride));
    const std::int64_t known = std::min(tile.to, length);
    codes.assign(static_cast<std::size_t>(tile.to - tile.from), kCodeN);
    fetch(tile.from, known, {codes.data(), static_cast<std::size_t>(known - tile.from)});
    tile.bases = std::span(codes).subspan(static_cast<std::size_t>(begin - tile.from),
                                          static_cast<std::size_t>(end - begin));
    return tile;
}

void Predictor::Impl::predict_tile(const Tile& tile, const TileSink& sink) {
    reverse_codes(tile.to - tile.from);
    infer(1, tile.to - tile.from, tile.out_begin - tile.from, tile.out_end - tile.from);
    const std::int64_t computed = (tile.out_end - tile.out_begin) / resolution;
    const std::int64_t cells = (tile.end - tile.begin + resolution - 1) / resolution;
    if (cells == computed) {
        sink(tile.begin, tile.end, tile.bases, values);
        return;
    }
    cut.resize(static_cast<std::size_t>(cells * network.markers()));
    copy_rows(values, computed, (tile.begin - tile.out_begin) / resolution, cells, cut);
    sink(tile.begin, tile.end, tile.bases, cut);
}

void Predictor::Impl::call_tile(const Tile& tile, std::span<const float> cutoffs, const CalledSink& sink) {
    if (std::all_of(tile.bases.begin(), tile.bases.end(), [](std::uint8_t code) { return code == kCodeN; })) {
        called.clear();
    } else {
        network.infer_runs({codes.data(), 1, tile.to - tile.from}, tile.out_begin - tile.from,
                           tile.out_end - tile.from, output, cutoffs, called);
        const std::int64_t computed = (tile.out_end - tile.out_begin) / resolution;
        const std::int64_t cells = (tile.end - tile.begin + resolution - 1) / resolution;
        if (cells != computed) clip_called((tile.begin - tile.out_begin) / resolution, cells);
    }
    sink(tile.begin, tile.end, tile.bases, called);
}

// Leaves positions [skip, skip + cells), counted from there.
void Predictor::Impl::clip_called(std::int64_t skip, std::int64_t cells) {
    const auto low = static_cast<std::int32_t>(skip), high = static_cast<std::int32_t>(skip + cells);
    for (CalledRun& run : called.runs) {
        const std::int32_t begin = std::max(run.begin, low);
        run.first += begin - run.begin;
        run.begin = begin - low;
        run.end = std::min(run.end, high) - low;
    }
    std::erase_if(called.runs, [](const CalledRun& run) { return run.begin >= run.end; });
}

// Leaves values [window][marker][position], and in `stretch` the codes from window `first`'s begin on.
void Predictor::Impl::predict_group(std::int64_t length, std::int64_t first, std::int64_t last,
                                    std::int64_t size, const FetchCodes& fetch) {
    // Paper windows overlap no others, and the other strand's lie where they do, the short last one too.
    const std::int64_t shift = options.rc_average && fixed ? grid.reverse_shift() : 0;
    const std::int64_t from = grid.begin(first) + std::min<std::int64_t>(0, shift);
    const std::int64_t to = grid.begin(last - 1) + size + std::max<std::int64_t>(0, shift);
    stretch.assign(static_cast<std::size_t>(to - from), kCodeN);
    const std::int64_t known_from = std::clamp<std::int64_t>(from, 0, length),
                       known_to = std::clamp<std::int64_t>(to, 0, length);
    if (known_from < known_to)
        fetch(known_from, known_to,
              std::span(stretch).subspan(static_cast<std::size_t>(known_from - from),
                                         static_cast<std::size_t>(known_to - known_from)));
    const auto gather = [&](std::int64_t further, std::vector<std::uint8_t>& rows) {
        rows.resize(static_cast<std::size_t>((last - first) * size));
        for (std::int64_t k = first; k < last; ++k)
            std::copy_n(stretch.data() + (grid.begin(k) + further - from), size,
                        rows.data() + (k - first) * size);
    };
    gather(0, codes);
    if (options.rc_average) {
        gather(shift, ahead);
        reverse_rows(ahead, size, reversed);
    }
    infer(last - first, size, 0, size);
}

void Predictor::Impl::predict_along(std::int64_t length, std::int64_t begin, std::int64_t end,
                                    const FetchCodes& fetch, const TileSink& sink) {
    const std::int64_t group = grid.group(), markers = network.markers();
    std::vector<std::uint8_t> bases;
    while (begin < end) {
        const std::int64_t first = begin / group;
        std::int64_t last = std::min(first + batch(), (end + group - 1) / group), size = grid.window;
        if (!fixed && last * group > length) {  // the contig's last window is shorter: by itself
            if (last - first > 1)
                --last;
            else
                size = round_up(length - first * group, stride);
        }
        predict_group(length, first, last, size, fetch);
        const std::int64_t stop = std::min(end, last * group), each = positions(size);
        const std::int64_t skip = (begin - first * group) / resolution;
        const std::int64_t cells = (stop - begin + resolution - 1) / resolution;
        cut.resize(static_cast<std::size_t>(cells * markers));
        for (std::int64_t m = 0; m < markers; ++m)
            for (std::int64_t c = 0; c < cells;) {
                const std::int64_t w = (skip + c) / each, p = (skip + c) % each,
                                   n = std::min(each - p, cells - c);
                std::copy_n(values.data() + (w * markers + m) * each + p, n, cut.data() + m * cells + c);
                c += n;
            }
        bases.resize(static_cast<std::size_t>(stop - begin));
        fetch(begin, stop, bases);
        sink(begin, stop, bases, cut);
        begin = stop;
    }
}

Predictor::Predictor(Model model, Backend& backend, const PredictorOptions& options)
    : impl_(std::make_unique<Impl>(std::move(model), backend, options)) {}
Predictor::~Predictor() = default;
Predictor::Predictor(Predictor&&) noexcept = default;

int Predictor::markers() const {
    return impl_->network.markers();
}

std::int64_t Predictor::resolution() const {
    return impl_->resolution;
}

std::int64_t Predictor::grid() const {
    return impl_->runs_windows() ? impl_->grid.group() : impl_->stride;
}

std::int64_t Predictor::unit() const {
    return impl_->options.tile;
}

std::int64_t Predictor::behind() const {
    if (!impl_->runs_windows()) return impl_->left;
    const PredictedGrid& g = impl_->grid;
    return std::max<std::int64_t>({0, g.offset, g.offset - g.reverse_shift()});
}

std::int64_t Predictor::ahead() const {
    if (!impl_->runs_windows()) return impl_->stride + impl_->right;
    const PredictedGrid& g = impl_->grid;
    const std::int64_t beyond = g.window - g.offset - g.group();
    return std::max<std::int64_t>({0, beyond, beyond + g.reverse_shift()});
}

void Predictor::predict(std::int64_t length, std::int64_t begin, std::int64_t end, const FetchCodes& fetch,
                        const TileSink& sink) {
    impl_->check_range(length, begin, end);
    if (impl_->runs_windows()) return impl_->predict_along(length, begin, end, fetch, sink);
    impl_->each_tile(begin, end, [&](std::int64_t from, std::int64_t to) {
        impl_->predict_tile(impl_->fetch_tile(length, from, to, fetch), sink);
    });
}

void Predictor::predict_called(std::int64_t length, std::int64_t begin, std::int64_t end,
                               std::span<const float> cutoffs, const FetchCodes& fetch,
                               const CalledSink& sink) {
    Impl& p = *impl_;
    require(std::ssize(cutoffs) == markers(), ErrorKind::usage, "predict_called: one cutoff a marker");
    p.check_range(length, begin, end);
    if (!p.runs_windows() && !p.options.rc_average) {
        p.each_tile(begin, end, [&](std::int64_t from, std::int64_t to) {
            p.call_tile(p.fetch_tile(length, from, to, fetch), cutoffs, sink);
        });
        return;
    }
    // Of these, values of both strands or of several windows make a cell's.
    predict(length, begin, end, fetch,
            [&](std::int64_t from, std::int64_t to, std::span<const std::uint8_t> codes,
                std::span<const float> values) {
                const std::size_t cells = values.size() / static_cast<std::size_t>(markers());
                p.called.clear();
                for (int m = 0; m < markers(); ++m)
                    p.called.append_row(0, m, values.subspan(static_cast<std::size_t>(m) * cells, cells),
                                        nth(cutoffs, m));
                sink(from, to, codes, p.called);
            });
}

}  // namespace regkit
