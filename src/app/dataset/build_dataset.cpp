// The stages, one after the other: markers and masks are read; contigs are scanned for N and digests and peak
// files read, side by side, the longest first; windows on a grid are kept or dropped and dealt to the splits;
// prevalence is measured over the training windows; all is written. What can be refused is refused before the
// scan, which may take hours of work. Labels stay runs throughout, never a value for every base.
#include "app/dataset/build_dataset.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>

#include "app/dataset/coverage_set.hpp"
#include "app/dataset/interval_set.hpp"
#include "app/dataset/marker_sheet.hpp"
#include "app/dataset/window_grid.hpp"
#include "app/dataset/window_split.hpp"
#include "app/model/genome_of.hpp"
#include "base/paths.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "io/dataset/dataset_files.hpp"
#include "io/dataset/label_runs.hpp"
#include "io/files/atomic_file.hpp"
#include "io/files/output_check.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/thread_pool.hpp"

namespace regkit {
namespace {

namespace fs = std::filesystem;

// What one pass over a contig tells.
struct ContigScan {
    ContigDigests digests;
    std::vector<Run> n;  // bases that are N
};

class DatasetBuilder {
  public:
    DatasetBuilder(const BuildDatasetParameters& parameters, Log& log)
        : p_(parameters),
          log_(log),
          grid_{label_layout(parameters), parameters.window},
          pool_(parameters.workers),
          fasta_(parameters.fasta),
          alias_(parameters.alias) {}

    BuildDatasetSummary build() {
        sources_ = p_.sheet.empty() ? markers_of_files(p_.peaks) : read_marker_sheet(p_.sheet, log_);
        for (const MarkerSource& source : sources_)
            if (source.given != source.marker.name)
                log_.warn("marker-name", "marker '" + source.given + "' is called " + source.marker.name +
                                             " in the data set and in all that is made of it");
        choose_wanted();
        for (const Contig& contig : fasta_.contigs())
            require(contig.length <= INT32_MAX, ErrorKind::input,
                    p_.fasta + ": contig " + contig.name + " has more than 2147483647 bases");
        // The splits are checked before the hours of work, in case a contig is misspelt.
        refuse_inputs();
        const RegionSplit regions(p_, fasta_);
        read_masks();
        scan_and_read();
        find_labelled();
        choose_windows(regions);
        measure_prevalence();
        write(regions);
        return std::move(summary_);
    }

  private:
    std::size_t contig_count() const { return fasta_.contigs().size(); }
    bool coverage() const { return grid_.layout.task == "coverage"; }
    std::int64_t length(std::size_t contig) const { return fasta_.contigs()[contig].length; }

    // The markers of which a window must have a label to be kept.
    void choose_wanted() {
        keep_if_ = p_.keep_if;
        if (keep_if_.empty()) keep_if_ = {target_defaults(p_.target).keep_if};
        if (keep_if_.front() == "all") return;
        for (const std::string& pattern : keep_if_) {
            std::size_t found = 0;
            for (std::size_t i = 0; i < sources_.size(); ++i) {
                if (pattern != "any" && pattern != "class:" + sources_[i].marker.class_name) continue;
                wanted_.push_back(i);
                ++found;
            }
            require(found > 0, ErrorKind::usage, "--keep-if " + pattern + ": no marker is of this class");
        }
        summary_.filters_labels = true;
    }

    // --force replaces a data set, but nothing else.
    void refuse_inputs() const {
        std::vector<std::string> inputs = p_.masks;
        inputs.insert(inputs.end(), {p_.fasta, p_.sheet});
        for (const auto& source : sources_) inputs.push_back(source.path);
        refuse_inputs_as_outputs({p_.output}, inputs);
        // Before the work; DatasetWriter makes sure once more.
        if (p_.force) require_replaceable(p_.output, dataset_file::kDescription, dataset_file::all());
    }

    Blocks blocks() const { return p_.use_blocks ? Blocks::use : Blocks::ignore; }

    // Masks are of whole genomes: what lies elsewhere masks nothing.
    void read_masks() {
        const IntervalRules rules{
            .skip_missing = true, .clip = p_.clip, .blocks = blocks(), .may_be_empty = true};
        std::vector<IntervalSet> sets;
        for (const std::string& path : p_.masks) {
            sets.push_back(read_interval_set(path, fasta_, alias_, rules, log_));
            tell_left_out(path, sets.back().intervals, sets.back().left_out, log_);
            mask_sha256_.push_back(sets.back().sha256);
        }
        mask_ = merge_interval_sets(sets);
        summary_.mask_elsewhere = mask_.left_out.elsewhere;
    }

    // One pool for contigs and files, the longest task first, so that no worker is left with a long one at
    // the end.
    void scan_and_read() {
        scans_.resize(contig_count());
        (coverage() ? coverage_.resize(sources_.size()) : sets_.resize(sources_.size()));
        struct Task {
            double cost;
            std::size_t index;
            bool file;
        };
        std::vector<Task> tasks;
        constexpr double kBasesPerByte = 20;  // a compressed byte of intervals costs about as much as these
        for (std::size_t i = 0; i < scans_.size(); ++i)
            tasks.push_back({static_cast<double>(length(i)), i, false});
        for (std::size_t i = 0; i < sources_.size(); ++i) {
            std::error_code error;
            const auto bytes = fs::file_size(sources_[i].path, error);
            tasks.push_back({error ? 0 : kBasesPerByte * static_cast<double>(bytes), i, true});
        }
        std::stable_sort(tasks.begin(), tasks.end(),
                         [](const Task& a, const Task& b) { return a.cost > b.cost; });
        std::vector<std::unique_ptr<FastaFile>> readers(static_cast<std::size_t>(pool_.workers()));
        pool_.run(static_cast<std::int64_t>(tasks.size()), [&](std::int64_t number, int worker) {
            const Task& task = tasks[static_cast<std::size_t>(number)];
            if (task.file) {
                read_marker(task.index);
                return;
            }
            auto& reader = readers[static_cast<std::size_t>(worker)];
            if (!reader) reader = std::make_unique<FastaFile>(p_.fasta);
            scan_contig(*reader, task.index);
        });
        std::int64_t placeholders = 0;
        for (const auto& reader : readers) placeholders += reader ? reader->placeholders() : 0;
        tell_placeholders(p_.fasta, placeholders, log_);
        tell_empty_records(fasta_, log_);
        for (std::size_t i = 0; i < sources_.size(); ++i)
            coverage() ? count(i, coverage_[i]) : count(i, sets_[i]);
        for (const IntervalSet& set : sets_) summary_.summits_outside += set.summits_outside;
    }

    template <class Set>
    void count(std::size_t marker, const Set& set) {
        summary_.intervals += set.intervals;
        summary_.peaks += static_cast<std::int64_t>(set.runs.size());
        summary_.left_out += set.left_out;
        tell_left_out(sources_[marker].path, set.intervals, set.left_out, log_);
    }

    void read_marker(std::size_t marker) {
        const std::string& path = sources_[marker].path;
        const IntervalRules rules{.skip_missing = p_.skip_missing,
                                  .clip = p_.clip,
                                  .blocks = blocks(),
                                  .quote = p_.sheet.empty() ? Quote::yes : Quote::no};
        if (coverage())
            coverage_[marker] = read_coverage_set(path, grid_.layout.bin, fasta_, alias_, rules, log_);
        else
            sets_[marker] = read_interval_set(path, fasta_, alias_, rules, log_);
    }

    void scan_contig(FastaFile& reader, std::size_t contig) {
        std::vector<Run>& runs = scans_[contig].n;
        scans_[contig].digests = scan_digests(
            reader, static_cast<int>(contig), [&](std::int64_t begin, std::span<const std::uint8_t> codes) {
                const auto position = [&](auto at) {
                    return static_cast<std::int32_t>(begin + (at - codes.begin()));
                };
                for (auto at = codes.begin();;) {
                    at = std::find(at, codes.end(), kCodeN);
                    if (at == codes.end()) return;
                    const auto end =
                        std::find_if(at, codes.end(), [](std::uint8_t code) { return code != kCodeN; });
                    if (!runs.empty() && runs.back().end == position(at))
                        runs.back().end = position(end);
                    else
                        runs.push_back({position(at), position(end)});
                    at = end;
                }
            });
    }

    // Calls emit(first, last, value) for the runs of equal labels of a marker, in bins from the contig's
    // first base on.
    template <class Emit>
    void for_labels(std::size_t marker, std::int32_t contig, Emit&& emit) const {
        if (coverage()) {
            const auto [first, last] = coverage_[marker].on(contig);
            for (const CoverageRun* run = first; run != last; ++run)
                emit(std::int64_t{run->begin}, std::int64_t{run->end}, run->value);
            return;
        }
        const auto [first, last] = sets_[marker].on(contig);
        for_label_runs(first, last, grid_.layout.bin, grid_.layout.needed(),
                       [&](std::int64_t from, std::int64_t to) { emit(from, to, 1.0f); });
    }

    // The windows in which a wanted marker has a label.
    void find_labelled() {
        labelled_.resize(contig_count());
        if (!summary_.filters_labels) return;
        pool_.run(static_cast<std::int64_t>(contig_count()), [&](std::int64_t number, int) {
            const auto contig = static_cast<std::size_t>(number);
            std::vector<bool>& labelled = labelled_[contig];
            labelled.resize(static_cast<std::size_t>(grid_.count(length(contig))));
            for (const std::size_t marker : wanted_)
                for_labels(marker, static_cast<std::int32_t>(contig),
                           [&](std::int64_t from, std::int64_t to, float) {
                               const auto count = grid_.layout.count;
                               for (std::int64_t w = from / count; w * count < to; ++w)
                                   labelled[static_cast<std::size_t>(w)] = true;
                           });
        });
    }

    void choose_windows(const RegionSplit& regions) {
        // A product as 0.29 * 100 falls short of 29: a window at the limit is kept all the same.
        constexpr double kRounding = 1e-9;
        const auto most = [&](double fraction) {
            return fraction * static_cast<double>(p_.window) * (1 + kRounding);
        };
        for (std::size_t contig = 0; contig < contig_count(); ++contig) {
            const auto number = static_cast<std::int32_t>(contig);
            const std::vector<Run>& n = scans_[contig].n;
            const auto [first, last] = mask_.on(number);
            WindowCover unknown(n.data(), n.data() + n.size()), masked(first, last);
            for (std::int64_t w = 0; w < grid_.count(length(contig)); ++w) {
                const std::int64_t begin = grid_.begin(w), end = begin + p_.window;
                if (!grid_.inside(w, length(contig))) {
                    ++summary_.short_end;
                } else if (static_cast<double>(unknown.of(begin, end)) > most(p_.max_n)) {
                    ++summary_.too_much_n;
                } else if (static_cast<double>(masked.of(begin, end)) > most(p_.max_mask)) {
                    ++summary_.masked;
                } else if (summary_.filters_labels && !labelled_[contig][static_cast<std::size_t>(w)]) {
                    ++summary_.unlabelled;
                } else {
                    const Assignment assigned = regions.of(number, begin, end);
                    summary_.straddling += assigned == Assignment::straddling;
                    summary_.unassigned += assigned == Assignment::unassigned;
                    if (assigned <= Assignment::test)
                        windows_.push_back({number, begin, static_cast<Split>(assigned)});
                }
            }
        }
        if (!p_.split.empty())
            summary_.straddling = split_at_random(parse_random_split(p_.split), p_.split_block, p_.seed,
                                                  p_.window, fasta_.contigs(), windows_);
        for (const auto& w : windows_)
            ++(w.split == Split::train   ? summary_.train
               : w.split == Split::valid ? summary_.valid
                                         : summary_.test);
        require(!windows_.empty(), ErrorKind::input,
                p_.fasta +
                    ": no window is left; look at --window, --max-n, --max-mask, --keep-if and the splits");
        if (summary_.train == 0) log_.warn("no-train", "no window is train: prevalences are 0");
    }

    // Over the output positions of the training windows.
    void measure_prevalence() {
        std::vector<std::vector<bool>> train(contig_count());
        for (std::size_t contig = 0; contig < contig_count(); ++contig)
            train[contig].resize(static_cast<std::size_t>(grid_.count(length(contig))));
        for (const auto& w : windows_)
            if (w.split == Split::train)
                train[static_cast<std::size_t>(w.contig)][static_cast<std::size_t>(grid_.number(w.begin))] =
                    true;
        const std::int64_t count = grid_.layout.count;
        const auto positions = static_cast<double>(summary_.train * count);
        pool_.run(static_cast<std::int64_t>(sources_.size()), [&](std::int64_t number, int) {
            const auto marker = static_cast<std::size_t>(number);
            double sum = 0;
            for (std::size_t contig = 0; contig < contig_count(); ++contig)
                for_labels(marker, static_cast<std::int32_t>(contig),
                           [&](std::int64_t from, std::int64_t to, float value) {
                               for (std::int64_t w = from / count; w * count < to; ++w) {
                                   if (!train[contig][static_cast<std::size_t>(w)]) continue;
                                   const std::int64_t bins =
                                       std::min(to, (w + 1) * count) - std::max(from, w * count);
                                   sum += static_cast<double>(bins) * static_cast<double>(value);
                               }
                           });
            sources_[marker].marker.prevalence = summary_.train == 0 ? 0 : sum / positions;
        });
        if (!coverage() && summary_.train > 0)
            for (const MarkerSource& source : sources_)
                if (source.marker.prevalence >= 1)
                    log_.warn(
                        "no-negative",
                        "every label of " + source.marker.name +
                            " in train windows is positive, so that nothing can be learnt about it" +
                            (summary_.filters_labels ? "; --keep-if all also keeps windows without a label"
                                                     : ""));
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

    void write(const RegionSplit& regions) {
        std::vector<ReferenceContig> reference;
        for (std::size_t i = 0; i < contig_count(); ++i)
            reference.push_back({fasta_.contigs()[i].name, length(i), scans_[i].digests.md5});
        for (const DatasetWindow& w : windows_) {
            const auto contig = static_cast<std::size_t>(w.contig);
            if (reference[contig].blocks.empty()) reference[contig].blocks = scans_[contig].digests.blocks;
        }
        DatasetWriter writer(p_.output, p_.force, p_.workers, std::move(reference), grid_.layout);
        std::vector<MarkerRow> rows;
        for (std::size_t i = 0; i < sources_.size(); ++i)
            rows.push_back(coverage() ? row_of(sources_[i], coverage_[i]) : row_of(sources_[i], sets_[i]));
        writer.markers(rows);
        writer.windows(windows_, p_.window);
        write_peaks(writer);
        writer.commit(describe(regions));
    }

    template <class Set>
    static MarkerRow row_of(const MarkerSource& source, const Set& set) {
        return {source.marker, source.file, set.sha256, set.intervals, set.covered};
    }

    // As many contigs at a time as there are workers: gathered and sorted side by side, written in order.
    void write_peaks(DatasetWriter& writer) {
        const auto batch = static_cast<std::size_t>(pool_.workers());
        std::vector<std::vector<Peak>> runs(batch);
        std::vector<std::vector<float>> values(batch);
        for (std::size_t first = 0; first < contig_count(); first += batch) {
            const std::size_t count = std::min(batch, contig_count() - first);
            pool_.run(static_cast<std::int64_t>(count), [&](std::int64_t number, int) {
                const auto i = static_cast<std::size_t>(number);
                const auto contig = static_cast<std::int32_t>(first + i);
                runs[i].clear();
                values[i].clear();
                coverage() ? gather_coverage(contig, runs[i], values[i]) : gather(contig, runs[i]);
            });
            for (std::size_t i = 0; i < count; ++i)
                writer.peaks(static_cast<std::int32_t>(first + i), runs[i], values[i]);
        }
    }

    static bool comes_first(const Peak& a, const Peak& b) {
        return a.begin != b.begin ? a.begin < b.begin : a.end != b.end ? a.end < b.end : a.marker < b.marker;
    }

    void gather(std::int32_t contig, std::vector<Peak>& runs) const {
        for (std::size_t marker = 0; marker < sets_.size(); ++marker) {
            const auto [first, last] = sets_[marker].on(contig);
            for (const Run* run = first; run != last; ++run)
                runs.push_back({run->begin, run->end, static_cast<std::int32_t>(marker)});
        }
        std::sort(runs.begin(), runs.end(), comes_first);
    }

    void gather_coverage(std::int32_t contig, std::vector<Peak>& runs, std::vector<float>& values) const {
        std::vector<std::pair<Peak, float>> all;
        const auto bin = static_cast<std::int32_t>(grid_.layout.bin);
        for (std::size_t marker = 0; marker < coverage_.size(); ++marker) {
            const auto [first, last] = coverage_[marker].on(contig);
            for (const CoverageRun* run = first; run != last; ++run)
                all.push_back(
                    {{run->begin * bin, run->end * bin, static_cast<std::int32_t>(marker)}, run->value});
        }
        std::sort(all.begin(), all.end(),
                  [](const auto& a, const auto& b) { return comes_first(a.first, b.first); });
        for (const auto& [run, value] : all) {
            runs.push_back(run);
            values.push_back(value);
        }
    }

    nlohmann::ordered_json describe(const RegionSplit& split) const {
        const auto texts = [&split](Split of) {
            std::vector<std::string> list;
            for (const Region& region : split.regions(of)) list.push_back(to_string(region));
            return list;
        };
        nlohmann::ordered_json json;
        if (p_.provenance) {
            json["version"] = version();
            json["command"] = p_.command;
        }
        json["task"] = grid_.layout.task;
        json["window"] = p_.window;
        json["reference"] = {{"fasta", absolute_path(p_.fasta)}};
        json["filters"] = {{"max_n", p_.max_n}, {"max_mask", p_.max_mask}};
        json["filters"]["masks"] = nlohmann::ordered_json::array();
        for (std::size_t i = 0; i < p_.masks.size(); ++i)
            json["filters"]["masks"].push_back({{"file", p_.masks[i]}, {"sha256", mask_sha256_[i]}});
        if (summary_.filters_labels) json["filters"]["keep_if"] = keep_if_;
        if (p_.split.empty())
            json["split"] = {{"method", "regions"},
                             {"train", texts(Split::train)},
                             {"valid", texts(Split::valid)},
                             {"test", texts(Split::test)}};
        else
            json["split"] = {{"method", p_.split}, {"block", p_.split_block}};
        json["seed"] = p_.seed;
        json["dropped"] = {{"contig_end", summary_.short_end},
                           {"n", summary_.too_much_n},
                           {"mask", summary_.masked},
                           {"two_splits", summary_.straddling},
                           {"no_split", summary_.unassigned}};
        if (summary_.filters_labels) json["dropped"]["no_label"] = summary_.unlabelled;
        json["intervals_read"] = summary_.intervals;
        const LeftOut& left = summary_.left_out;
        json["intervals_left_out"] = {
            {"no_length", left.empty}, {"missing_contig", left.elsewhere}, {"behind_end", left.behind}};
        if (coverage()) json["intervals_left_out"]["nan"] = left.no_data;
        json["intervals_clipped"] = left.clipped;
        if (!coverage()) json["summits_outside_peak"] = summary_.summits_outside;
        return json;
    }

    const BuildDatasetParameters& p_;
    Log& log_;
    WindowGrid grid_;
    ThreadPool pool_;
    FastaFile fasta_;
    ContigAlias alias_;
    std::vector<MarkerSource> sources_;
    IntervalSet mask_;
    std::vector<std::string> mask_sha256_;
    std::vector<ContigScan> scans_;  // per contig
    std::vector<IntervalSet> sets_;  // per marker, or
    std::vector<CoverageSet> coverage_;
    std::vector<std::string> keep_if_;
    std::vector<std::size_t> wanted_;          // markers that keep_if_ names
    std::vector<std::vector<bool>> labelled_;  // per contig and window of the grid
    std::vector<DatasetWindow> windows_;
    BuildDatasetSummary summary_;
};

void usage(bool ok, const std::string& what) {
    require(ok, ErrorKind::usage, what);
}

void verify(const BuildDatasetParameters& p) {
    usage(!p.output.empty() && p.output != "-",
          "-o needs the name of a directory: a data set cannot be written to a pipe");
    usage(p.sheet.empty() != p.peaks.empty(), "give either --sheet or peak files");
    usage(p.window >= 1 && p.window <= INT32_MAX, "--window must lie between 1 and 2147483647");
    usage(p.max_n >= 0 && p.max_n <= 1 && p.max_mask >= 0 && p.max_mask <= 1,
          "--max-n and --max-mask are fractions");
    usage(p.split.empty() || (p.train.empty() && p.valid.empty() && p.test.empty()),
          "--split random and the regions of --train, --valid and --test exclude each other");
    usage(p.split_block >= 0, "--split-block must not be negative");
    const std::int64_t span = label_layout(p).span();
    usage(p.split.empty() || p.split_block > 0 || span == p.window,
          "--split-block 0 would deal overlapping windows into different splits: windows of " +
              std::to_string(p.window) + " bases begin " + std::to_string(span) +
              " apart; give blocks much longer than a window");
    for (const std::string& word : p.keep_if) {
        usage(word == "any" || word == "all" || word.starts_with("class:"),
              "--keep-if '" + word + "': neither any, all nor class:NAME");
        usage(p.keep_if.size() == 1 || word.starts_with("class:"),
              "--keep-if " + word + " stands alone; several are classes, class:NAME");
    }
    if (!p.split.empty()) parse_random_split(p.split);
    // Before the work rather than after it; DatasetWriter makes sure once more.
    require(p.force || !path_is_taken(p.output), ErrorKind::resource,
            p.output + ": exists already; use --force to replace it");
    // A shell completes the name of a folder with a slash.
    const std::string output =
        p.output.substr(0, std::max<std::size_t>(1, p.output.find_last_not_of('/') + 1));
    const std::string parent = fs::path(output).lexically_normal().parent_path().string();
    require(parent.empty() || path_is_directory(parent), ErrorKind::resource,
            p.output + ": cannot create: there is no directory " + parent + "; make it first: mkdir -p " +
                parent);
}

}  // namespace

BuildDatasetSummary build_dataset(const BuildDatasetParameters& parameters, Log& log) {
    verify(parameters);
    return DatasetBuilder(parameters, log).build();
}

}  // namespace regkit
