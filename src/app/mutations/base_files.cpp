// A track is handed over in long rows, since each way through its writer has a price.
#include "app/mutations/base_files.hpp"

#include "base/printable.hpp"
#include "io/files/npz_writer.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr std::size_t kTogether = 4096;  // values of a track that are handed over at a time
constexpr int kDecimals = 6;

std::vector<std::string> header_of(AlleleRun& run) {
    std::vector<std::string> lines = run.provenance();
    for (std::string& line : lines) line.erase(0, 2);  // "##"
    return lines;
}

}  // namespace

TableFile::TableFile(const MutationFile& file, AlleleRun& run, bool indexed)
    : indexed_(indexed), longest_(run.longest_contig()) {
    require(!indexed_ || file.gz, ErrorKind::usage,
            "--write-index: " + (file.name.empty() ? "standard output" : file.name) +
                " is no bgzip file; end its name in .gz");
    if (file.gz)
        bgzip_.emplace(file.name);
    else
        plain_.emplace(file.name);
    for (const std::string& line : run.provenance()) write(printable(line) + "\n");
}

void TableFile::write(std::string_view text) {
    if (bgzip_)
        bgzip_->write(text);
    else
        plain_->write(text);
}

void TableFile::flush() {
    if (plain_) plain_->flush();
}

void TableFile::add_to(OutputSet& outputs) {
    if (plain_)
        outputs.add(std::move(*plain_));
    else if (indexed_)
        bgzip_->add_indexed_to(outputs, {.contig = 1, .begin = 2, .end = 2, .zero_based = false}, longest_);
    else
        bgzip_->add_to(outputs);
}

void RowStart::append_to(std::string& text, int contig, std::int64_t position) {
    if (contig != contig_) name_ = printable(nth(run_.reference().contigs(), contig).name) + "\t";
    contig_ = contig;
    text += name_;
    text += std::to_string(position + 1);
    text += '\t';
}

BaseTrack::BaseTrack(const MutationFile& file, AlleleRun& run, std::vector<std::string> markers,
                     ThreadPool& pool)
    : run_(run), values_(markers.size()) {
    const TrackOutput output{file.name, file.track, file.gz};
    TrackOptions options;
    options.markers = std::move(markers);
    options.header = header_of(run_);
    options.decimals = kDecimals;
    tracks_ = std::make_unique<TrackSet>(std::span(&output, 1), options, pool);
    for (const Contig& contig : run_.reference().contigs())
        tracks_->declare_contig(contig.name, contig.length);
}

void BaseTrack::add(int contig, std::int64_t position, std::span<const float> values) {
    if (contig != contig_ || position != begin_ + std::ssize(values_.front()) ||
        values_.front().size() == kTogether)
        hand_over();
    if (contig != contig_) {
        contig_ = contig;
        const Contig& named = nth(run_.reference().contigs(), contig_);
        number_ = tracks_->add_contig(named.name, named.length, contig_);
    }
    if (values_.front().empty()) begin_ = position;
    for (std::size_t m = 0; m < values_.size(); ++m) values_[m].push_back(values[m]);
}

void BaseTrack::flush() {
    hand_over();
    tracks_->flush();
}

void BaseTrack::add_to(OutputSet& outputs) {
    hand_over();
    tracks_->finish(outputs);
}

void BaseTrack::hand_over() {
    const std::int64_t count = std::ssize(values_.front());
    if (count == 0) return;
    rows_.clear();
    for (std::vector<float>& row : values_) {
        rows_.insert(rows_.end(), row.begin(), row.end());
        row.clear();
    }
    tracks_->values(number_, begin_, 1, count, rows_, count);
    begin_ += count;
}

std::vector<std::string> names_of(const std::vector<Marker>& markers) {
    std::vector<std::string> names;
    for (const Marker& marker : markers) names.push_back(marker.name);
    return names;
}

std::int64_t one_length(const std::vector<ContigRange>& regions, const std::string& output) {
    const std::int64_t length = regions.front().end - regions.front().begin;
    for (const ContigRange& region : regions)
        require(region.end - region.begin == length, ErrorKind::usage,
                "-o " + output + ": its arrays are of one length, and regions have " +
                    std::to_string(length) + " bases and " + std::to_string(region.end - region.begin) +
                    "; --width gives all the same");
    return length;
}

void write_arrays(const ContributionArrays& arrays, std::span<const std::string> paths, OutputSet& outputs) {
    const std::vector<std::int64_t> shape{arrays.examples, 4, arrays.length};
    NpzWriter all(paths[0]);
    all.add("sequences", shape, arrays.sequences);
    all.add("contributions", shape, arrays.contributions);
    all.add("projected", {arrays.examples, arrays.length}, arrays.projected);
    all.add_to(outputs);
    if (paths.size() == 1) return;
    NpzWriter one_hot(paths[1]), hypothetical(paths[2]);
    one_hot.add("arr_0", shape, arrays.sequences);
    one_hot.add_to(outputs);
    hypothetical.add("arr_0", shape, arrays.contributions);
    hypothetical.add_to(outputs);
}

}  // namespace regkit
