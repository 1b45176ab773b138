// Values gather in stretches of equal span, and a full stretch becomes a section, as values or as runs,
// whichever is shorter. A section is a block of the file, which does the rest.
#include "io/bigwig/bigwig_writer.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "io/bigwig/bigwig_index.hpp"
#include "io/bigwig/bigwig_zoom.hpp"
#include "kernels/base/error.hpp"

namespace regkit {
namespace {

using bigwig::put;

constexpr std::size_t kSectionHeader = 24;
constexpr std::size_t kFixedItem = 4;
constexpr std::size_t kRunItem = 12;
constexpr std::size_t kItemsPerSection = 4096;                                     // fixedStep: 16 KiB
constexpr std::size_t kRunsPerSection = kItemsPerSection * kFixedItem / kRunItem;  // bedGraph: as many bytes
constexpr std::int64_t kZoomItems = 64;  // items to a bin of the first zoom level
constexpr BigFormat kFormat{.title = "bigWig", .magic = 0x888FFC26, .items_per_block = kItemsPerSection};

std::uint64_t first_reduction(std::int64_t step) {
    require(step >= 1, ErrorKind::usage, "bigWig: the step must be at least 1");
    return static_cast<std::uint64_t>(std::min(step, BigFile::kLongestContig / kZoomItems) * kZoomItems);
}

enum class SectionType : std::uint8_t { bed_graph = 1, fixed_step = 3 };

struct Run {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    float value = 0;
};

// Consecutive items of equal span, not yet written as a section.
struct Stretch {
    int contig = -1;
    std::int64_t begin = 0;
    std::int64_t span = 1;
    std::vector<float> values;

    std::int64_t end() const { return begin + span * static_cast<std::int64_t>(values.size()); }
};

std::size_t count_runs(std::span<const float> values) {
    std::size_t changes = 0;
    for (std::size_t i = 1; i < values.size(); ++i) changes += values[i] != values[i - 1] ? 1u : 0u;
    return changes + 1;
}

}  // namespace

struct BigWigWriter::Impl {
    Impl(const std::string& path, Spool& spool, const BigFileOptions& options, std::int64_t step)
        : file(path, spool, kFormat, first_reduction(step), options) {}

    BigFile file;
    Stretch stretch;
    std::vector<Run> runs;
    int runs_contig = -1;

    void section(int contig, std::uint32_t begin, std::uint32_t end, std::uint32_t step, SectionType type,
                 std::size_t items, std::string payload);
    void close_stretch();
    void close_runs();
    void take_runs();
    void end_contig();
};

// Emits a section's block. bedGraph ignores `step`.
void BigWigWriter::Impl::section(int contig, std::uint32_t begin, std::uint32_t end, std::uint32_t step,
                                 SectionType type, std::size_t items, std::string payload) {
    std::string bytes;
    bytes.reserve(kSectionHeader + payload.size());
    put(bytes, static_cast<std::uint32_t>(contig));
    put(bytes, begin);
    put(bytes, end);
    put(bytes, type == SectionType::fixed_step ? step : 0u);
    put(bytes, type == SectionType::fixed_step ? step : 0u);
    put(bytes, static_cast<std::uint8_t>(type));
    put<std::uint8_t>(bytes, 0);
    put(bytes, static_cast<std::uint16_t>(items));
    bytes += payload;
    file.block({static_cast<std::uint32_t>(contig), begin, end, 0, 0}, std::move(bytes));
}

// The open stretch becomes a fixedStep section, or runs of a bedGraph section where that takes fewer bytes.
void BigWigWriter::Impl::close_stretch() {
    if (stretch.values.empty()) return;
    const auto span = static_cast<std::uint32_t>(stretch.span);
    file.zoom().add(static_cast<std::uint32_t>(stretch.contig), static_cast<std::uint64_t>(stretch.begin),
                    span, stretch.values);
    const std::size_t as_fixed = kSectionHeader + stretch.values.size() * kFixedItem;
    if (count_runs(stretch.values) * kRunItem < as_fixed) {
        take_runs();
    } else {
        close_runs();
        section(stretch.contig, static_cast<std::uint32_t>(stretch.begin),
                static_cast<std::uint32_t>(stretch.end()), span, SectionType::fixed_step,
                stretch.values.size(),
                {reinterpret_cast<const char*>(stretch.values.data()), stretch.values.size() * kFixedItem});
    }
    stretch.begin = stretch.end();
    stretch.values.clear();
}

void BigWigWriter::Impl::take_runs() {
    if (runs_contig != stretch.contig) close_runs();
    runs_contig = stretch.contig;
    auto begin = static_cast<std::uint32_t>(stretch.begin);
    const auto span = static_cast<std::uint32_t>(stretch.span);
    for (const float value : stretch.values) {
        const std::uint32_t end = begin + span;
        if (!runs.empty() && runs.back().end == begin && runs.back().value == value) {
            runs.back().end = end;
        } else {
            if (runs.size() == kRunsPerSection) close_runs();
            runs.push_back({begin, end, value});
        }
        begin = end;
    }
}

void BigWigWriter::Impl::close_runs() {
    if (runs.empty()) return;
    std::string payload;
    payload.reserve(runs.size() * kRunItem);
    for (const Run& run : runs) {
        put(payload, run.begin);
        put(payload, run.end);
        put(payload, run.value);
    }
    section(runs_contig, runs.front().begin, runs.back().end, 0, SectionType::bed_graph, runs.size(),
            std::move(payload));
    runs.clear();
}

void BigWigWriter::Impl::end_contig() {
    close_stretch();
    close_runs();
    file.zoom().end_contig();
}

BigWigWriter::BigWigWriter(const std::string& path, Spool& spool, const BigFileOptions& options,
                           std::int64_t step)
    : impl_(std::make_unique<Impl>(path, spool, options, step)) {}

BigWigWriter::~BigWigWriter() = default;
BigWigWriter::BigWigWriter(BigWigWriter&&) noexcept = default;

BigFile& BigWigWriter::file() {
    return impl_->file;
}

void BigWigWriter::add(int contig, std::int64_t begin, std::int64_t span, std::span<const float> values) {
    Impl& w = *impl_;
    if (values.empty()) return;
    const std::int64_t end = begin + span * static_cast<std::int64_t>(values.size());
    w.file.check_place(contig, begin, end);
    if (contig == w.file.contig() && begin < w.file.reached())
        w.file.bad(contig, begin, "values are out of order; bigWig needs them sorted and without overlap");
    // A sum of finite floats stays finite in double, so this finds every NaN and infinity.
    if (!std::isfinite(bigwig::moments(values).sum)) {
        const auto at = std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
        w.file.bad(contig, begin + span * (at - values.begin()), "the value is not a finite number");
    }
    if (contig != w.file.contig()) w.end_contig();
    Stretch& s = w.stretch;
    if (s.contig != contig || s.span != span || s.end() != begin) {
        w.close_stretch();
        s.contig = contig;
        s.begin = begin;
        s.span = span;
    }
    for (std::size_t taken = 0; taken < values.size();) {
        const std::size_t n = std::min(kItemsPerSection - s.values.size(), values.size() - taken);
        const auto from = values.begin() + static_cast<std::ptrdiff_t>(taken);
        s.values.insert(s.values.end(), from, from + static_cast<std::ptrdiff_t>(n));
        taken += n;
        if (s.values.size() == kItemsPerSection) w.close_stretch();
    }
    w.file.reach(contig, end);
}

void BigWigWriter::finish(ThreadPool& pool) {
    Impl& w = *impl_;
    w.end_contig();
    BigFile* const file = &w.file;
    BigFile::drain({&file, 1}, pool);
    w.file.finish(pool, w.file.blocks(), 0);
}

}  // namespace regkit
