#include "app/scoring.hpp"

#include <algorithm>
#include <map>
#include <string>

#include "base/error.hpp"

namespace regkit {

LabelMap LabelMap::identity(std::size_t markers) {
    LabelMap map;
    for (std::size_t i = 0; i < markers; ++i) map.labels_of.push_back(static_cast<int>(i));
    return map;
}

LabelMap LabelMap::by_name(const std::vector<Marker>& model, const Dataset& dataset) {
    std::map<std::string, std::size_t> place;
    for (std::size_t i = 0; i < dataset.markers().size(); ++i) place[dataset.markers()[i].name] = i;
    LabelMap map;
    map.labels_of.assign(dataset.markers().size(), -1);
    for (std::size_t i = 0; i < model.size(); ++i) {
        const auto found = place.find(model[i].name);
        require(found != place.end(), ErrorKind::mismatch,
                dataset.path() + ": has no marker '" + model[i].name +
                    "' of the model; choose those that it has with -k");
        map.labels_of[found->second] = static_cast<int>(i);
    }
    return map;
}

void LabelMap::labels(const Dataset& dataset, std::int32_t contig, std::int64_t begin, std::int64_t end,
                      std::vector<PeakRun>& out) const {
    out.clear();
    dataset.labels(contig, begin, end, out);
    for (PeakRun& run : out) run.marker = labels_of[static_cast<std::size_t>(run.marker)];
    std::erase_if(out, [](const PeakRun& run) { return run.marker < 0; });
    const auto before = [](const PeakRun& a, const PeakRun& b) {
        return a.marker != b.marker ? a.marker < b.marker : a.begin < b.begin;
    };
    if (!std::is_sorted(out.begin(), out.end(), before)) std::sort(out.begin(), out.end(), before);
}

void kept_runs(std::span<const std::uint8_t> codes, std::int64_t begin,
               const std::vector<BaseRange>& excluded, std::vector<KeptRun>& out) {
    out.clear();
    const auto length = static_cast<std::int64_t>(codes.size());
    auto skip = std::upper_bound(
        excluded.begin(), excluded.end(), begin,
        [](std::int64_t position, const BaseRange& interval) { return position < interval.end; });
    for (std::int64_t i = 0; i < length;) {
        while (skip != excluded.end() && skip->end <= begin + i) ++skip;
        if (skip != excluded.end() && skip->begin <= begin + i) {
            i = std::min(length, skip->end - begin);
            continue;
        }
        if (codes[static_cast<std::size_t>(i)] == kCodeN) {
            ++i;
            continue;
        }
        const std::int64_t limit = skip == excluded.end() ? length : std::min(length, skip->begin - begin);
        const std::int64_t first = i;
        while (i < limit && codes[static_cast<std::size_t>(i)] != kCodeN) ++i;
        out.push_back({static_cast<std::int32_t>(first), static_cast<std::int32_t>(i)});
    }
}

bool count_windows(Network& network, const Dataset& dataset, std::span<const std::int64_t> windows,
                   const ReadCodes& read, const LabelMap& labels, const ContigIntervals& excluded,
                   const KeepGoing& keep_going, MarkerCounts& counts) {
    const std::int64_t window = dataset.window();
    const std::int64_t stride = network.summary().stride;
    const std::int64_t length =
        (window + stride - 1) / stride * stride;  // padded right with N, and trimmed again
    const auto outputs = static_cast<std::size_t>(network.markers() * length);
    constexpr std::size_t kOutputBytes = std::size_t{64} << 20;
    const auto batch =
        static_cast<std::int64_t>(std::clamp<std::size_t>(kOutputBytes / sizeof(float) / outputs, 1, 8));
    std::vector<std::uint8_t> codes(static_cast<std::size_t>(batch * length));
    std::vector<float> logits(static_cast<std::size_t>(batch) * outputs);
    std::vector<KeptRun> kept;
    std::vector<PeakRun> runs;
    const auto total = static_cast<std::int64_t>(windows.size());
    for (std::int64_t first = 0; first < total; first += batch) {
        if (!keep_going(first)) return false;
        const std::int64_t here = std::min(batch, total - first);
        std::fill(codes.begin(), codes.end(), kCodeN);
        for (std::int64_t s = 0; s < here; ++s) {
            const auto& at =
                dataset.windows()[static_cast<std::size_t>(windows[static_cast<std::size_t>(first + s)])];
            const auto offset = static_cast<std::size_t>(s * length);
            read(at.contig, at.begin, at.begin + window,
                 std::span(codes).subspan(offset, static_cast<std::size_t>(window)));
        }
        network.infer({codes.data(), here, length}, 0, length, TailOutput::logits,
                      std::span(logits).first(static_cast<std::size_t>(here) * outputs));
        for (std::int64_t s = 0; s < here; ++s) {
            const auto& at =
                dataset.windows()[static_cast<std::size_t>(windows[static_cast<std::size_t>(first + s)])];
            const auto sequence = std::span(codes).subspan(static_cast<std::size_t>(s * length),
                                                           static_cast<std::size_t>(window));
            kept_runs(sequence, at.begin, excluded[static_cast<std::size_t>(at.contig)], kept);
            labels.labels(dataset, at.contig, at.begin, at.begin + window, runs);
            // Rows may be longer than the window; what lies behind it is in no kept run.
            counts.add(std::span(logits).subspan(static_cast<std::size_t>(s) * outputs, outputs), length,
                       kept, runs);
        }
    }
    return keep_going(total);
}

}  // namespace regkit
