#include "app/build_dataset.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>

#include "app/interval_set.hpp"
#include "app/marker_sheet.hpp"
#include "app/window_split.hpp"
#include "base/error.hpp"
#include "base/thread_pool.hpp"
#include "base/version.hpp"
#include "io/dataset_files.hpp"

namespace regkit {
namespace {

namespace fs = std::filesystem;

// What one pass over a contig tells.
struct ContigScan {
    std::string md5;
    std::vector<std::int32_t> n;  // bases that are N, per window of the grid
};

class DatasetBuilder {
  public:
    DatasetBuilder(const BuildDatasetParameters& parameters, Log& log)
        : p_(parameters), log_(log), pool_(parameters.workers), fasta_(parameters.fasta), alias_(parameters.alias) {}

    BuildDatasetSummary build() {
        sources_ = p_.sheet.empty() ? markers_of_files(p_.peaks) : read_marker_sheet(p_.sheet);
        for (const Contig& contig : fasta_.contigs())
            require(contig.length <= INT32_MAX, ErrorKind::input,
                    p_.fasta + ": contig " + contig.name + " has more than 2147483647 bases");
        // The splits are checked before the hours of work, in case a contig is misspelt.
        const RegionSplit regions(p_, fasta_);
        read_masks();
        scan_and_read();
        choose_windows(regions);
        measure_prevalence();
        write();
        return std::move(summary_);
    }

  private:
    std::size_t contig_count() const { return fasta_.contigs().size(); }
    std::int64_t length(std::size_t contig) const { return fasta_.contigs()[contig].length; }

    void read_masks() {
        std::vector<IntervalSet> sets;
        for (const std::string& path : p_.masks) {
            sets.push_back(read_interval_set(path, fasta_, alias_, Elsewhere::count, log_));
            if (sets.back().elsewhere > 0)
                log_.warn("mask-elsewhere", path + ": " + std::to_string(sets.back().elsewhere) + " of " +
                                                std::to_string(sets.back().intervals) +
                                                " intervals lie on contigs that the FASTA does not hold; they mask nothing");
            mask_sha256_.push_back(sets.back().sha256);
        }
        mask_ = merge_interval_sets(sets);
        summary_.mask_elsewhere = mask_.elsewhere;
    }

    // One pool for contigs and files, the longest task first, so that no worker is left with a long one at the end.
    void scan_and_read() {
        scans_.resize(contig_count());
        sets_.resize(sources_.size());
        struct Task {
            double cost;
            std::size_t index;
            bool file;
        };
        std::vector<Task> tasks;
        constexpr double kBasesPerByte = 20;  // a compressed byte of intervals costs about as much as these
        for (std::size_t i = 0; i < scans_.size(); ++i) tasks.push_back({static_cast<double>(length(i)), i, false});
        for (std::size_t i = 0; i < sources_.size(); ++i) {
            std::error_code error;
            const auto bytes = fs::file_size(sources_[i].path, error);
            tasks.push_back({error ? 0 : kBasesPerByte * static_cast<double>(bytes), i, true});
        }
        std::stable_sort(tasks.begin(), tasks.end(), [](const Task& a, const Task& b) { return a.cost > b.cost; });
        std::vector<std::unique_ptr<FastaFile>> readers(static_cast<std::size_t>(pool_.workers()));
        pool_.run(static_cast<std::int64_t>(tasks.size()), [&](std::int64_t number, int worker) {
            const Task& task = tasks[static_cast<std::size_t>(number)];
            if (task.file) {
                sets_[task.index] = read_interval_set(sources_[task.index].path, fasta_, alias_, Elsewhere::refuse, log_);
                return;
            }
            auto& reader = readers[static_cast<std::size_t>(worker)];
            if (!reader) reader = std::make_unique<FastaFile>(p_.fasta);
            scan_contig(*reader, task.index);
        });
        for (const IntervalSet& set : sets_) {
            summary_.intervals += set.intervals;
            summary_.peaks += static_cast<std::int64_t>(set.runs.size());
            summary_.summits_outside += set.summits_outside;
        }
    }

    void scan_contig(FastaFile& reader, std::size_t contig) {
        ContigScan& scan = scans_[contig];
        scan.n.assign(static_cast<std::size_t>(length(contig) / p_.window), 0);
        scan.md5 = reader.scan(static_cast<int>(contig), [&](std::int64_t begin, std::span<const std::uint8_t> codes) {
            for (std::size_t at = 0; at < codes.size();) {
                const std::int64_t position = begin + static_cast<std::int64_t>(at);
                const auto window = static_cast<std::size_t>(position / p_.window);
                if (window >= scan.n.size()) return;
                const auto part = std::min(codes.size() - at, static_cast<std::size_t>(p_.window - position % p_.window));
                const auto* const first = codes.data() + at;
                scan.n[window] += static_cast<std::int32_t>(std::count(first, first + part, kCodeN));
                at += part;
            }
        });
    }

    // Bases of each window of a contig's grid that lie in runs.
    std::vector<std::int32_t> cover(const IntervalSet& set, std::size_t contig) const {
        std::vector<std::int32_t> covered(static_cast<std::size_t>(length(contig) / p_.window), 0);
        const auto [first, last] = set.on(static_cast<std::int32_t>(contig));
        for (const Run* run = first; run != last; ++run)
            for (std::int64_t w = run->begin / p_.window; w * p_.window < run->end; ++w) {
                if (static_cast<std::size_t>(w) >= covered.size()) break;
                covered[static_cast<std::size_t>(w)] += static_cast<std::int32_t>(
                    std::min<std::int64_t>(run->end, (w + 1) * p_.window) - std::max<std::int64_t>(run->begin, w * p_.window));
            }
        return covered;
    }

    void choose_windows(const RegionSplit& regions) {
        // A product as 0.29 * 100 falls short of 29: a window at the limit is kept all the same.
        constexpr double kRounding = 1e-9;
        const auto most = [&](double fraction) { return fraction * static_cast<double>(p_.window) * (1 + kRounding); };
        for (std::size_t contig = 0; contig < contig_count(); ++contig) {
            const std::vector<std::int32_t> masked = cover(mask_, contig);
            summary_.short_end += length(contig) % p_.window != 0;
            for (std::size_t w = 0; w < masked.size(); ++w) {
                const std::int64_t begin = static_cast<std::int64_t>(w) * p_.window;
                const auto number = static_cast<std::int32_t>(contig);
                if (scans_[contig].n[w] > most(p_.max_n)) {
                    ++summary_.too_much_n;
                } else if (masked[w] > most(p_.max_mask)) {
                    ++summary_.masked;
                } else {
                    const Assignment assigned = regions.of(number, begin, begin + p_.window);
                    summary_.straddling += assigned == Assignment::straddling;
                    summary_.unassigned += assigned == Assignment::unassigned;
                    if (assigned <= Assignment::test) windows_.push_back({number, begin, static_cast<Split>(assigned)});
                }
            }
        }
        if (!p_.split.empty())
            summary_.straddling = split_at_random(parse_random_split(p_.split), p_.split_block, p_.seed, p_.window,
                                                  fasta_.contigs(), windows_);
        for (const auto& w : windows_) ++(w.split == Split::train ? summary_.train : w.split == Split::valid ? summary_.valid : summary_.test);
        require(!windows_.empty(), ErrorKind::input,
                p_.fasta + ": no window is left; look at --window, --max-n, --max-mask and the splits");
        if (summary_.train == 0) log_.warn("no-train", "no window is train: prevalences are 0");
    }

    // Over the positions of the training windows.
    void measure_prevalence() {
        std::vector<std::vector<char>> train(contig_count());
        for (std::size_t contig = 0; contig < contig_count(); ++contig)
            train[contig].assign(static_cast<std::size_t>(length(contig) / p_.window), 0);
        for (const auto& w : windows_)
            if (w.split == Split::train)
                train[static_cast<std::size_t>(w.contig)][static_cast<std::size_t>(w.begin / p_.window)] = 1;
        pool_.run(static_cast<std::int64_t>(sets_.size()), [&](std::int64_t marker, int) {
            const IntervalSet& set = sets_[static_cast<std::size_t>(marker)];
            std::int64_t positive = 0;
            for (const auto& stretch : set.contigs) {
                const auto contig = static_cast<std::size_t>(stretch.contig);
                const std::vector<std::int32_t> covered = cover(set, contig);
                for (std::size_t w = 0; w < covered.size(); ++w)
                    if (train[contig][w] != 0) positive += covered[w];
            }
            const auto positions = static_cast<double>(summary_.train * p_.window);
            sources_[static_cast<std::size_t>(marker)].marker.prevalence =
                summary_.train == 0 ? 0 : static_cast<double>(positive) / positions;
        });
        std::map<std::string, ClassSummary> classes;
        for (const MarkerSource& source : sources_) {
            ClassSummary& c = classes[source.marker.class_name];
            c.class_name = source.marker.class_name;
            ++c.markers;
            c.prevalence += source.marker.prevalence;
        }
        for (auto& [name, c] : classes) {
            c.prevalence /= static_cast<double>(c.markers);
            summary_.classes.push_back(c);
        }
    }

    void write() {
        std::vector<ReferenceContig> reference;
        for (std::size_t i = 0; i < contig_count(); ++i)
            reference.push_back({fasta_.contigs()[i].name, length(i), scans_[i].md5});
        DatasetWriter writer(p_.output, p_.force, p_.workers, std::move(reference));
        std::vector<MarkerRow> rows;
        for (std::size_t i = 0; i < sources_.size(); ++i)
            rows.push_back({sources_[i].marker, sources_[i].file, sets_[i].sha256, sets_[i].intervals, sets_[i].covered});
        writer.markers(rows);
        writer.windows(windows_, p_.window);
        write_peaks(writer);
        writer.commit(describe());
    }

    // As many contigs at a time as there are workers: gathered and sorted side by side, written in order.
    void write_peaks(DatasetWriter& writer) {
        const auto batch = static_cast<std::size_t>(pool_.workers());
        std::vector<std::vector<PeakRun>> runs(batch);
        for (std::size_t first = 0; first < contig_count(); first += batch) {
            const std::size_t count = std::min(batch, contig_count() - first);
            pool_.run(static_cast<std::int64_t>(count), [&](std::int64_t i, int) {
                gather(static_cast<std::int32_t>(first) + static_cast<std::int32_t>(i), runs[static_cast<std::size_t>(i)]);
            });
            for (std::size_t i = 0; i < count; ++i) writer.peaks(static_cast<std::int32_t>(first + i), runs[i]);
        }
    }

    void gather(std::int32_t contig, std::vector<PeakRun>& runs) const {
        runs.clear();
        for (std::size_t marker = 0; marker < sets_.size(); ++marker) {
            const auto [first, last] = sets_[marker].on(contig);
            for (const Run* run = first; run != last; ++run)
                runs.push_back({run->begin, run->end, static_cast<std::int32_t>(marker)});
        }
        std::sort(runs.begin(), runs.end(), [](const PeakRun& a, const PeakRun& b) {
            return a.begin != b.begin ? a.begin < b.begin : a.end != b.end ? a.end < b.end : a.marker < b.marker;
        });
    }

    nlohmann::ordered_json describe() const {
        const auto texts = [](const std::vector<Region>& regions) {
            std::vector<std::string> list;
            for (const Region& region : regions) list.push_back(to_string(region));
            return list;
        };
        nlohmann::ordered_json json;
        if (p_.provenance) {
            json["version"] = version();
            json["command"] = p_.command;
        }
        json["task"] = "nucleotide";
        json["window"] = p_.window;
        json["reference"] = {{"fasta", fs::absolute(p_.fasta).lexically_normal().string()}};
        json["filters"] = {{"max_n", p_.max_n}, {"max_mask", p_.max_mask}};
        json["filters"]["masks"] = nlohmann::ordered_json::array();
        for (std::size_t i = 0; i < p_.masks.size(); ++i)
            json["filters"]["masks"].push_back({{"file", p_.masks[i]}, {"sha256", mask_sha256_[i]}});
        if (p_.split.empty())
            json["split"] = {{"method", "regions"}, {"train", texts(p_.train)}, {"valid", texts(p_.valid)}, {"test", texts(p_.test)}};
        else
            json["split"] = {{"method", p_.split}, {"block", p_.split_block}};
        json["seed"] = p_.seed;
        json["dropped"] = {{"contig_end", summary_.short_end}, {"n", summary_.too_much_n}, {"mask", summary_.masked},
                           {"two_splits", summary_.straddling}, {"no_split", summary_.unassigned}};
        json["intervals_read"] = summary_.intervals;
        json["summits_outside_peak"] = summary_.summits_outside;
        return json;
    }

    const BuildDatasetParameters& p_;
    Log& log_;
    ThreadPool pool_;
    FastaFile fasta_;
    ContigAlias alias_;
    std::vector<MarkerSource> sources_;
    IntervalSet mask_;
    std::vector<std::string> mask_sha256_;
    std::vector<ContigScan> scans_;   // per contig
    std::vector<IntervalSet> sets_;   // per marker
    std::vector<DatasetWindow> windows_;
    BuildDatasetSummary summary_;
};

void verify(const BuildDatasetParameters& p) {
    const auto usage = [](bool ok, const char* what) { require(ok, ErrorKind::usage, what); };
    usage(!p.output.empty() && p.output != "-", "-o needs the name of a directory: a data set cannot be written to a pipe");
    usage(p.sheet.empty() != p.peaks.empty(), "give either --sheet or peak files");
    usage(p.window >= 1 && p.window <= INT32_MAX, "--window must lie between 1 and 2147483647");
    usage(p.max_n >= 0 && p.max_n <= 1 && p.max_mask >= 0 && p.max_mask <= 1, "--max-n and --max-mask are fractions");
    usage(p.split.empty() || (p.train.empty() && p.valid.empty() && p.test.empty()),
          "--split random and the regions of --train, --valid and --test exclude each other");
    usage(p.split_block >= 0, "--split-block must not be negative");
    if (!p.split.empty()) parse_random_split(p.split);
    // Before the work rather than after it; DatasetWriter makes sure once more.
    require(p.force || !fs::exists(fs::symlink_status(p.output)), ErrorKind::resource,
            p.output + ": exists already; use --force to replace it");
    const fs::path parent = fs::path(p.output).lexically_normal().parent_path();
    require(parent.empty() || fs::is_directory(parent), ErrorKind::resource,
            p.output + ": cannot create: there is no directory " + parent.string() + "; make it first");
}

}  // namespace

BuildDatasetSummary build_dataset(const BuildDatasetParameters& parameters, Log& log) {
    verify(parameters);
    return DatasetBuilder(parameters, log).build();
}

}  // namespace regkit
