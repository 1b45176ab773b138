// Values go to the files of all markers on all workers; bigWig files in groups, whose blocks are compressed
// together and leave memory before the next group begins, as those of bigBed files do after so many
// intervals. Hundreds of markers are hundreds of open files, so the soft limit is raised when they are
// opened, and the files appear together at the end.
#include "io/tracks/track_set.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <set>

#include "io/bigwig/big_file.hpp"
#include "io/files/output_set.hpp"
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

}  // namespace

struct TrackSet::Impl {
    Impl(const TrackOptions& options, ThreadPool& workers) : pool(workers), round(options.decimals) {}

    ThreadPool& pool;
    Rounding round;
    Spool spool;  // outlives the writers
    std::vector<std::unique_ptr<TrackWriter>> files;
    std::vector<std::string> paths;
    int contigs = 0;
    std::int64_t intervals = 0;
    bool split = false;  // one file a marker

    void feed(std::size_t first, std::size_t last, int contig, std::int64_t begin, std::int64_t span,
              std::int64_t count, std::span<const float> values, std::int64_t row);
    void drain(std::size_t first, std::size_t last);
};

TrackSet::TrackSet(const std::string& output, const TrackOptions& options, ThreadPool& pool)
    : impl_(std::make_unique<Impl>(options, pool)) {
    Impl& set = *impl_;
    set.split = output.find(kPlaceholder) != std::string::npos;
    if (!set.split) {
        set.paths = {output};
        set.files.push_back(make_track_writer(output, options, set.spool));
        return;
    }
    std::set<std::string> seen;
    for (const std::string& marker : options.markers) {
        set.paths.push_back(file_name(output, marker));
        require(seen.insert(set.paths.back()).second, ErrorKind::usage,
                "marker '" + marker + "' would share the file " + set.paths.back() +
                    " with another; rename it or leave it out with -k");
    }
    // A compressed track is open twice, as ours and as htslib's; until all are renamed, its index is open
    // beside it.
    allow_open_files(set.paths.size() * (output.ends_with(".gz") ? 3 : 1));
    for (std::size_t m = 0; m < options.markers.size(); ++m) {
        TrackOptions one = options;
        one.markers = {options.markers[m]};
        set.files.push_back(make_track_writer(set.paths[m], one, set.spool));
    }
}

TrackSet::~TrackSet() = default;

const std::vector<std::string>& TrackSet::paths() const {
    return impl_->paths;
}

int TrackSet::add_contig(const std::string& name, std::int64_t length) {
    for (const auto& file : impl_->files) file->add_contig(name, length);
    return impl_->contigs++;
}

void TrackSet::set_length(int contig, std::int64_t length) {
    for (const auto& file : impl_->files) file->set_length(contig, length);
}

void TrackSet::interval(const CalledInterval& called) {
    Impl& set = *impl_;
    if (set.split) {
        CalledInterval only = called;
        only.marker = 0;
        nth(set.files, called.marker)->interval(only);
    } else {
        set.files.front()->interval(called);
    }
    if (++set.intervals % kIntervals == 0) set.drain(0, set.files.size());
}

// Compresses what waits in these files.
void TrackSet::Impl::drain(std::size_t first, std::size_t last) {
    std::vector<BigFile*> group;
    for (std::size_t i = first; i < last; ++i)
        if (BigFile* const waiting = files[i]->waiting()) group.push_back(waiting);
    if (!group.empty()) BigFile::drain(group, pool);
}

void TrackSet::Impl::feed(std::size_t first, std::size_t last, int contig, std::int64_t begin,
                          std::int64_t span, std::int64_t count, std::span<const float> values,
                          std::int64_t row) {
    pool.run(static_cast<std::int64_t>(last - first), [&](std::int64_t task, int) {
        const std::size_t m = first + static_cast<std::size_t>(task);
        const std::span<const float> from =
            values.subspan(m * static_cast<std::size_t>(row), static_cast<std::size_t>(count));
        std::vector<float> rounded(from.size());
        std::transform(from.begin(), from.end(), rounded.begin(), round);
        files[m]->values(contig, begin, span, rounded);
    });
}

void TrackSet::values(int contig, std::int64_t begin, std::int64_t span, std::int64_t count,
                      std::span<const float> values, std::int64_t row) {
    Impl& set = *impl_;
    for (std::size_t first = 0; first < set.files.size(); first += kGroup) {
        const std::size_t last = std::min(set.files.size(), first + kGroup);
        set.feed(first, last, contig, begin, span, count, values, row);
        set.drain(first, last);
    }
}

void TrackSet::flush() {
    for (const auto& file : impl_->files) file->flush();
}

void TrackSet::commit() {
    for (const auto& file : impl_->files) file->finish(impl_->pool);
    OutputSet outputs;
    for (const auto& file : impl_->files) file->add_to(outputs);
    outputs.commit();
}

}  // namespace regkit
