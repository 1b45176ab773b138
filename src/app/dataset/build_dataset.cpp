// The stages, one after the other: markers and masks are read; contigs are scanned for N and digests and peak
// files read, side by side, the longest first; windows on a grid are kept or dropped and dealt to the splits;
// prevalence is measured over the training windows; all is written. What can be refused is refused before the
// scan, which may take hours of work. Labels stay runs throughout, never a value for every base.
#include "app/dataset/build_dataset.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>

#include "app/dataset/coverage_set.hpp"
#include "app/dataset/dataset_builder.hpp"
#include "app/dataset/interval_set.hpp"
#include "app/dataset/marker_sheet.hpp"
#include "app/dataset/window_grid.hpp"
#include "app/dataset/window_split.hpp"
#include "app/model/genome_of.hpp"
#include "base/paths.hpp"
#include "base/text.hpp"
#include "io/dataset/dataset_files.hpp"
#include "io/files/atomic_file.hpp"
#include "io/files/output_check.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"
#include "kernels/base/thread_pool.hpp"

namespace regkit {

BuildDatasetSummary DatasetBuilder::build() {
    sources_ = p_.sheet.empty() ? markers_of_files(p_.peaks, p_.classes) : read_marker_sheet(p_.sheet, log_);
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

void DatasetBuilder::choose_wanted() {
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

void DatasetBuilder::refuse_inputs() const {
    std::vector<std::string> inputs = p_.masks;
    inputs.insert(inputs.end(), {p_.fasta, p_.sheet});
    for (const auto& source : sources_) inputs.push_back(source.path);
    refuse_inputs_as_outputs({p_.output}, inputs);
    // Before the work; DatasetWriter makes sure once more.
    if (p_.force) require_replaceable(p_.output, dataset_file::kDescription, dataset_file::all());
}

void DatasetBuilder::read_masks() {
    const IntervalRules rules{.skip_missing = true,
                              .clip = p_.clip,
                              .blocks = blocks(),
                              .may_be_empty = true,
                              .bed_graph = BedGraph::refuse_named};
    std::vector<IntervalSet> sets;
    for (const std::string& path : p_.masks) {
        sets.push_back(read_interval_set(path, fasta_, alias_, rules, log_));
        tell_left_out(path, sets.back().intervals, sets.back().left_out, log_);
        mask_sha256_.push_back(sets.back().sha256);
    }
    mask_ = merge_interval_sets(sets);
    summary_.mask_elsewhere = mask_.left_out.elsewhere;
}

void DatasetBuilder::scan_and_read() {
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
        const auto bytes = std::filesystem::file_size(sources_[i].path, error);
        tasks.push_back({error ? 0 : kBasesPerByte * static_cast<double>(bytes), i, true});
    }
    std::stable_sort(tasks.begin(), tasks.end(),
                     [](const Task& a, const Task& b) { return a.cost > b.cost; });
    double all = 0;
    for (const Task& task : tasks) all += task.cost;
    for (const Contig& contig : fasta_.contigs()) work_.total += contig.length;
    work_.all_files = std::ssize(sources_);
    tell(0, 0, 0);
    std::vector<std::unique_ptr<FastaFile>> readers(static_cast<std::size_t>(pool_.workers()));
    pool_.run(static_cast<std::int64_t>(tasks.size()), [&](std::int64_t number, int worker) {
        const Task& task = nth(tasks, number);
        if (task.file) {
            read_marker(task.index);
            tell(0, 1, task.cost / all);
            return;
        }
        auto& reader = nth(readers, worker);
        if (!reader) reader = std::make_unique<FastaFile>(p_.fasta);
        scan_contig(*reader, task.index, all);
    });
    std::int64_t placeholders = 0;
    for (const auto& reader : readers) placeholders += reader ? reader->placeholders() : 0;
    tell_placeholders(p_.fasta, placeholders, log_);
    tell_empty_records(fasta_, log_);
    for (std::size_t i = 0; i < sources_.size(); ++i)
        coverage() ? count(i, coverage_[i]) : count(i, sets_[i]);
    for (const IntervalSet& set : sets_) summary_.summits_outside += set.summits_outside;
}

void DatasetBuilder::tell(std::int64_t bases, std::int64_t files, double share) {
    const std::lock_guard lock(telling_);
    work_.done += bases;
    work_.files += files;
    work_.share = std::min(1.0, (work_.share >= 0 ? work_.share : 0) + share);
    tell_(work_);
}

void DatasetBuilder::read_marker(std::size_t marker) {
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

void DatasetBuilder::scan_contig(FastaFile& reader, std::size_t contig, double all_cost) {
    std::vector<BaseRun>& runs = scans_[contig].n;
    scans_[contig].digests = scan_digests(
        reader, static_cast<int>(contig), [&](std::int64_t begin, std::span<const std::uint8_t> codes) {
            const auto position = [&](auto at) {
                return static_cast<std::int32_t>(begin + (at - codes.begin()));
            };
            for (auto at = codes.begin();;) {
                at = std::find(at, codes.end(), kCodeN);
                if (at == codes.end()) break;
                const auto end =
                    std::find_if(at, codes.end(), [](std::uint8_t code) { return code != kCodeN; });
                if (!runs.empty() && runs.back().end == position(at))
                    runs.back().end = position(end);
                else
                    runs.push_back({position(at), position(end)});
                at = end;
            }
            const std::int64_t bases = std::ssize(codes);
            tell(bases, 0, static_cast<double>(bases) / all_cost);
        });
}

void DatasetBuilder::find_labelled() {
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
                           for (std::int64_t w = from / count; w * count < to; ++w) nth(labelled, w) = true;
                       });
    });
}

void DatasetBuilder::choose_windows(const RegionSplit& regions) {
    // A product as 0.29 * 100 falls short of 29: a window at the limit is kept all the same.
    constexpr double kRounding = 1e-9;
    const auto most = [&](double fraction) {
        return fraction * static_cast<double>(p_.window) * (1 + kRounding);
    };
    for (std::size_t contig = 0; contig < contig_count(); ++contig) {
        const auto number = static_cast<std::int32_t>(contig);
        const std::vector<BaseRun>& n = scans_[contig].n;
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
            } else if (summary_.filters_labels && !nth(labelled_[contig], w)) {
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
    require(
        !windows_.empty(), ErrorKind::input,
        p_.fasta + ": no window is left; look at --window, --max-n, --max-mask, --keep-if and the splits");
    if (summary_.train == 0) log_.warn("no-train", "no window is train: prevalences are 0");
}

void DatasetBuilder::measure_prevalence() {
    std::vector<std::vector<bool>> train(contig_count());
    for (std::size_t contig = 0; contig < contig_count(); ++contig)
        train[contig].resize(static_cast<std::size_t>(grid_.count(length(contig))));
    for (const auto& w : windows_)
        if (w.split == Split::train) nth(nth(train, w.contig), grid_.number(w.begin)) = true;
    const std::int64_t count = grid_.layout.count;
    const auto positions = static_cast<double>(summary_.train * count);
    pool_.run(static_cast<std::int64_t>(sources_.size()), [&](std::int64_t number, int) {
        const auto marker = static_cast<std::size_t>(number);
        double sum = 0;
        for (std::size_t contig = 0; contig < contig_count(); ++contig)
            for_labels(marker, static_cast<std::int32_t>(contig),
                       [&](std::int64_t from, std::int64_t to, float value) {
                           for (std::int64_t w = from / count; w * count < to; ++w) {
                               if (!nth(train[contig], w)) continue;
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
                log_.warn("no-negative",
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

namespace {

void usage(bool ok, const std::string& what) {
    require(ok, ErrorKind::usage, what);
}

void verify(const BuildDatasetParameters& p) {
    usage(!p.output.empty() && p.output != "-",
          "-o needs the name of a directory: a data set cannot be written to a pipe");
    usage(p.sheet.empty() != p.peaks.empty(), "give either --sheet or peak files (FILE or NAME=FILE)");
    usage(p.sheet.empty() || p.classes.empty(),
          "--class goes with peak files on the command line; a sheet has a column class");
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
    const std::string parent =
        std::filesystem::path(without_slashes(p.output)).lexically_normal().parent_path().string();
    require(parent.empty() || path_is_directory(parent), ErrorKind::resource,
            p.output + ": cannot create: there is no directory " + parent + "; make it first: mkdir -p " +
                parent);
}

}  // namespace

BuildDatasetSummary build_dataset(const BuildDatasetParameters& parameters, Log& log, const TellWork& tell) {
    verify(parameters);
    return DatasetBuilder(parameters, log, tell).build();
}

}  // namespace regkit
