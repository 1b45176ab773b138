// Values go to the files of all markers on all workers; bigWig files in groups, whose blocks are compressed
// together and leave memory before the next group begins, as those of bigBed files do after so many
// intervals. Hundreds of markers are hundreds of open files, so the soft limit is raised when they are
// opened, and the files appear together at the end.
#include "io/tracks/track_set.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <set>

#include "base/paths.hpp"
#include "io/bigwig/big_file.hpp"
#include "io/files/output_set.hpp"
#include "io/tracks/value_histogram.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr std::string_view kPlaceholder = "{marker}";
// Files are fed and, where their values wait for that, compressed so many at a time: raw blocks lie in memory
// in between.
constexpr std::size_t kGroup = 64;
constexpr std::int64_t kIntervals = 1 << 15;  // that wait, of all files together
constexpr std::size_t kOtherFiles = 64;

std::string file_name(std::string output, const std::string& marker) {
    for (std::size_t at = 0; (at = output.find(kPlaceholder, at)) != std::string::npos; at += marker.size())
        output.replace(at, kPlaceholder.size(), marker);
    return output;
}

// Hundreds of tracks are hundreds of open files, more than the usual soft limit.
void allow_open_files(std::size_t files) {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= files + kOtherFiles) return;
    const rlim_t wanted = files + kOtherFiles;
    require(limit.rlim_max == RLIM_INFINITY || limit.rlim_max >= wanted, ErrorKind::resource,
            "one file a marker needs " + std::to_string(wanted) +
                " open files, more than the limit (ulimit -Hn); choose fewer markers a call with -k");
    limit.rlim_cur = wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) throw_errno("cannot raise the limit of open files");
}

// One output's files.
struct Output {
    const TrackFormat* format = nullptr;
    bool split = false;  // one file a marker
    std::vector<std::unique_ptr<TrackWriter>> files;
};

}  // namespace

struct TrackSet::Impl {
    Impl(const TrackOptions& how, ThreadPool& workers) : options(how), pool(workers), round(how.decimals) {}

    TrackOptions options;
    ThreadPool& pool;
    Rounding round;
    Spool spool;  // outlives the writers
    std::vector<Output> outputs;
    int contigs = 0;
    std::vector<int> declared;  // of each contig, its number among those declared
    std::int64_t intervals = 0;
    Sight newest;                            // the contig that has data now
    std::vector<ValueHistogram> histograms;  // of each marker, where they are asked for
    std::optional<Sight> sight;
    float sight_value = -1;  // of an interval

    // Whether a format has all contigs from the start.
    bool knows_all(const Output& output) const {
        return options.contigs_first && output.format->contigs_first;
    }
    int number(const Output& output, int contig) const {
        return knows_all(output) ? nth(declared, contig) : contig;
    }
    template <class Call>
    void for_files(const Call& call) {
        for (const Output& output : outputs)
            for (const auto& file : output.files) call(*file);
    }
    std::vector<float> rounded_row(std::int64_t marker, std::int64_t count, std::span<const float> values,
                                   std::int64_t row) const;
    void feed(const Output& output, std::size_t first, std::size_t last, int contig, std::int64_t begin,
              std::int64_t span, std::int64_t count, std::span<const float> values, std::int64_t row);
    void drain(std::span<const std::unique_ptr<TrackWriter>> files);
    void measure(std::int64_t begin, std::int64_t span, std::int64_t count, std::span<const float> values,
                 std::int64_t row);
};

void check_placeholders(const std::string& output) {
    for (std::size_t at = 0; (at = output.find('{', at)) != std::string::npos; ++at) {
        const std::size_t end = output.find('}', at);
        if (end == std::string::npos) return;
        const std::string word = output.substr(at, end + 1 - at);
        require(
            word == "{marker}", ErrorKind::usage,
            "-o " + output + ": " + word + " stands for nothing; {marker} stands for the name of a marker");
    }
}

std::vector<std::string> track_paths(const TrackOutput& output, const std::vector<std::string>& markers) {
    if (output.name.find(kPlaceholder) == std::string::npos) return {output.name};
    std::vector<std::string> paths;
    std::set<std::string> seen;
    for (const std::string& marker : markers) {
        paths.push_back(file_name(output.name, marker));
        require(seen.insert(paths.back()).second, ErrorKind::usage,
                "marker '" + marker + "' would share the file " + paths.back() +
                    " with another; rename it or leave it out with -k");
    }
    return paths;
}

std::vector<std::string> track_names(const TrackOutput& output, const TrackOptions& options) {
    std::vector<std::string> names = options.markers;
    if (output.format->holds_values)
        names.insert(names.end(), options.more_values.begin(), options.more_values.end());
    return names;
}

TrackSet::TrackSet(std::span<const TrackOutput> outputs, const TrackOptions& options, ThreadPool& pool)
    : impl_(std::make_unique<Impl>(options, pool)) {
    Impl& set = *impl_;
    if (options.measured) set.histograms.resize(options.markers.size() + options.more_values.size());
    std::vector<std::vector<std::string>> paths;
    std::size_t open = 0;
    for (const TrackOutput& output : outputs) {
        paths.push_back(track_paths(output, track_names(output, options)));
        // A compressed track is open twice, as ours and as htslib's; until all are renamed, its index is open
        // beside it.
        open += paths.back().size() * (output.gz || has_gz_ending(output.name) ? 3 : 1);
    }
    allow_open_files(open);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
        TrackOptions one = options;
        one.format = outputs[i].format;
        one.gz = outputs[i].gz;
        one.markers = track_names(outputs[i], options);
        one.more_values.clear();
        const std::vector<std::string> names = one.markers;
        Output& made = set.outputs.emplace_back();
        made.format = one.format;
        made.split = outputs[i].name.find(kPlaceholder) != std::string::npos;
        for (std::size_t m = 0; m < paths[i].size(); ++m) {
            if (made.split) one.markers = {names[m]};
            made.files.push_back(make_track_writer(paths[i][m], one, set.spool));
        }
    }
}

TrackSet::~TrackSet() = default;

void TrackSet::declare_contig(const std::string& name, std::int64_t length) {
    for (const Output& output : impl_->outputs)
        if (impl_->knows_all(output))
            for (const auto& file : output.files) file->add_contig(name, length);
}

int TrackSet::add_contig(const std::string& name, std::int64_t length, int declared) {
    Impl& set = *impl_;
    if (set.options.contigs_first) set.declared.push_back(declared);
    set.newest = {name, length, 0};
    for (const Output& output : set.outputs)
        if (!set.knows_all(output))
            for (const auto& file : output.files) file->add_contig(name, length);
    return set.contigs++;
}

void TrackSet::set_length(int contig, std::int64_t length) {
    impl_->for_files([&](TrackWriter& file) { file.set_length(contig, length); });
}

void TrackSet::interval(const CalledInterval& called) {
    Impl& set = *impl_;
    const bool drains = ++set.intervals % kIntervals == 0;
    if (set.options.measured && called.max > set.sight_value) {
        set.sight = set.newest;
        set.sight->position = called.begin + called.summit;
        set.sight_value = called.max;
    }
    for (const Output& output : set.outputs) {
        if (output.format->holds_values) continue;
        CalledInterval here = called;
        here.contig = set.number(output, called.contig);
        if (output.split) here.marker = 0;
        nth(output.files, output.split ? called.marker : 0)->interval(here);
        if (drains) set.drain(output.files);
    }
}

// Compresses what waits in these files.
void TrackSet::Impl::drain(std::span<const std::unique_ptr<TrackWriter>> files) {
    std::vector<BigFile*> group;
    for (const auto& file : files)
        if (BigFile* const waiting = file->waiting()) group.push_back(waiting);
    if (!group.empty()) BigFile::drain(group, pool);
}

std::vector<float> TrackSet::Impl::rounded_row(std::int64_t marker, std::int64_t count,
                                               std::span<const float> values, std::int64_t row) const {
    const std::span<const float> from =
        values.subspan(static_cast<std::size_t>(marker * row), static_cast<std::size_t>(count));
    std::vector<float> rounded(from.size());
    std::transform(from.begin(), from.end(), rounded.begin(), round);
    return rounded;
}

void TrackSet::Impl::feed(const Output& output, std::size_t first, std::size_t last, int contig,
                          std::int64_t begin, std::int64_t span, std::int64_t count,
                          std::span<const float> values, std::int64_t row) {
    pool.run(static_cast<std::int64_t>(last - first), [&](std::int64_t task, int) {
        const std::size_t m = first + static_cast<std::size_t>(task);
        output.files[m]->values(number(output, contig), begin, span,
                                rounded_row(static_cast<std::int64_t>(m), count, values, row));
    });
}

void TrackSet::values(int contig, std::int64_t begin, std::int64_t span, std::int64_t count,
                      std::span<const float> values, std::int64_t row) {
    Impl& set = *impl_;
    if (set.options.measured) set.measure(begin, span, count, values, row);
    for (const Output& output : set.outputs) {
        if (!output.format->holds_values) continue;
        for (std::size_t first = 0; first < output.files.size(); first += kGroup) {
            const std::size_t last = std::min(output.files.size(), first + kGroup);
            set.feed(output, first, last, contig, begin, span, count, values, row);
            set.drain(std::span(output.files).subspan(first, last - first));
        }
    }
}

void TrackSet::Impl::measure(std::int64_t begin, std::int64_t span, std::int64_t count,
                             std::span<const float> values, std::int64_t row) {
    if (!sight) {
        sight = newest;
        sight->position = begin;
    }
    pool.run(static_cast<std::int64_t>(histograms.size()), [&](std::int64_t m, int) {
        const std::vector<float> rounded = rounded_row(m, count, values, row);
        nth(histograms, m).add(rounded, static_cast<std::uint64_t>(span));
    });
}

double TrackSet::quantile(int row, double q) const {
    return nth(impl_->histograms, row).quantile(q);
}

const std::optional<TrackSet::Sight>& TrackSet::sight() const {
    return impl_->sight;
}

void TrackSet::flush() {
    impl_->for_files([](TrackWriter& file) { file.flush(); });
}

void TrackSet::finish(OutputSet& outputs) {
    impl_->for_files([&](TrackWriter& file) { file.finish(impl_->pool); });
    impl_->for_files([&](TrackWriter& file) { file.add_to(outputs); });
}

}  // namespace regkit
