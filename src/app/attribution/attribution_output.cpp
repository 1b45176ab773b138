// Tables and tracks are written as bases come; arrays, and the bins of a region, when all have come.
#include "app/attribution/attribution_output.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "app/mutations/base_files.hpp"
#include "base/printable.hpp"
#include "io/fasta/fasta.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kBases = 4;

// Of a format with one value a base, or bases in order.
void require_apart(const MutationFile& file, const AttributionContext& context, const std::string& why) {
    const std::vector<AttributedRegion>& regions = context.regions;
    for (std::size_t i = 0; i < regions.size(); ++i)
        for (std::size_t j = i; j-- > 0;) {
            const ContigRange &a = regions[j].bases, &b = regions[i].bases;
            if (a.contig != b.contig) break;
            if (regions[i].marker != regions[j].marker) continue;
            const std::string contig = nth(context.run.reference().contigs(), b.contig).name;
            require(a.end <= b.begin, ErrorKind::usage,
                    (file.name.empty() ? "standard output" : file.name) + ": " + why + ", and " +
                        to_string(Region{contig, a.begin, a.end}) + " and " +
                        to_string(Region{contig, b.begin, b.end}) + " overlap");
            break;
        }
}

class Table final : public AttributionOutput {
  public:
    Table(const MutationFile& file, const AttributionContext& context)
        : regions_(context.regions),
          markers_(context.run.model().markers),
          matrix_(file.kind == MutationFile::Kind::matrix),
          file_(file, context.run, context.write_index),
          start_(context.run) {
        if (context.write_index) require_apart(file, context, "rows of an index are in order");
        file_.write(std::string("#chrom\tpos\tref\tmarker\tA\tC\tG\tT") + (matrix_ ? "\n" : "\tvalue\n"));
    }
    void add(const AttributedBases& b) override {
        text_.clear();
        for (std::int64_t i = 0; i < b.size(); ++i) {
            const std::uint8_t code = nth(b.codes, i);
            if (code == kCodeN && !matrix_) continue;
            for (std::size_t m = 0; m < b.markers.size(); ++m) {
                start_.append_to(text_, regions_[b.region].bases.contig, b.begin + i);
                ((text_ += decode_base(code)) += '\t') += nth(markers_, b.markers[m]).name;
                const auto row = static_cast<std::int64_t>(m);
                for (std::int64_t base = 0; base < kBases; ++base)
                    append(code, nth(b.contributions, (row * kBases + base) * b.size() + i));
                if (!matrix_) append(code, nth(b.values, row * b.size() + i));
                text_ += '\n';
            }
        }
        file_.write(text_);
    }
    void flush() override { file_.flush(); }
    void add_to(OutputSet& outputs) override { file_.add_to(outputs); }

  private:
    void append(std::uint8_t code, float value) {
        text_ += '\t';
        if (code == kCodeN)
            text_ += '.';
        else
            append_vcf_number(text_, value);
    }

    const std::vector<AttributedRegion>& regions_;
    const std::vector<Marker>& markers_;
    bool matrix_;
    TableFile file_;
    RowStart start_;
    std::string text_;
};

// A file a marker, since the regions of one may not be those of another.
class Tracks final : public AttributionOutput {
  public:
    Tracks(const MutationFile& file, const AttributionContext& context) : regions_(context.regions) {
        require_apart(file, context, "a track has one value a base");
        const std::vector<std::string> names = names_of(context.run.model().markers);
        const std::vector<std::string> paths = paths_of(file, names, false);
        for (std::size_t m = 0; m < names.size(); ++m) {
            MutationFile own = file;
            own.name = file.name.empty() ? file.name : paths[m];
            tracks_.push_back(
                std::make_unique<BaseTrack>(own, context.run, std::vector{names[m]}, context.pool));
        }
    }
    void add(const AttributedBases& b) override {
        for (std::size_t m = 0; m < b.markers.size(); ++m)
            for (std::int64_t i = 0; i < b.size(); ++i)
                if (nth(b.codes, i) != kCodeN)
                    nth(tracks_, b.markers[m])
                        ->add(regions_[b.region].bases.contig, b.begin + i,
                              b.values.subspan(m * b.codes.size() + static_cast<std::size_t>(i), 1));
    }
    void flush() override {
        for (const auto& track : tracks_) track->flush();
    }
    void add_to(OutputSet& outputs) override {
        for (const auto& track : tracks_) track->add_to(outputs);
    }

  private:
    const std::vector<AttributedRegion>& regions_;
    std::vector<std::unique_ptr<BaseTrack>> tracks_;
};

class Arrays final : public AttributionOutput {
  public:
    Arrays(const MutationFile& file, const AttributionContext& context) : regions_(context.regions) {
        std::vector<ContigRange> bases;
        for (const AttributedRegion& region : regions_) bases.push_back(region.bases);
        length_ = one_length(bases, file.name);
        paths_ = paths_of(file, names_of(context.run.model().markers), context.modisco);
        markers_.resize(context.run.model().markers.size());
        each_ = paths_.size() / markers_.size();
        // The examples of a marker in the order in which they were asked for.
        std::vector<std::size_t> order(regions_.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::ranges::sort(order, {}, [&](std::size_t i) { return context.asked[i]; });
        example_.resize(regions_.size());
        for (const std::size_t i : order)
            for (std::size_t m = 0; m < markers_.size(); ++m)
                if (regions_[i].marker < 0 || regions_[i].marker == static_cast<int>(m))
                    example_[i] = markers_[m].examples++;
        for (OfMarker& marker : markers_) {
            const auto places = static_cast<std::size_t>(marker.examples * length_);
            marker.sequences.resize(places * kBases);
            marker.contributions.resize(places * kBases);
            marker.values.resize(places);
        }
    }
    void add(const AttributedBases& b) override {
        const std::int64_t skip = b.begin - regions_[b.region].bases.begin, example = example_[b.region];
        for (std::size_t m = 0; m < b.markers.size(); ++m) {
            OfMarker& to = nth(markers_, b.markers[m]);
            const auto row = static_cast<std::int64_t>(m);
            for (std::int64_t i = 0; i < b.size(); ++i) {
                const std::uint8_t code = nth(b.codes, i);
                if (code == kCodeN) continue;
                const auto cell = [&](std::int64_t base) {
                    return (example * kBases + base) * length_ + skip + i;
                };
                nth(to.sequences, cell(code - 1)) = 1;
                for (std::int64_t base = 0; base < kBases; ++base)
                    nth(to.contributions, cell(base)) =
                        nth(b.contributions, (row * kBases + base) * b.size() + i);
                nth(to.values, example * length_ + skip + i) = nth(b.values, row * b.size() + i);
            }
        }
    }
    void add_to(OutputSet& outputs) override {
        for (std::size_t m = 0; m < markers_.size(); ++m) {
            const OfMarker& from = markers_[m];
            write_arrays({from.examples, length_, from.sequences, from.contributions, from.values},
                         std::span(paths_).subspan(m * each_, each_), outputs);
        }
    }

  private:
    struct OfMarker {
        std::int64_t examples = 0;
        std::vector<std::int8_t> sequences;  // [example][base][place]
        std::vector<float> contributions;    // alike
        std::vector<float> values;           // [example][place]
    };
    const std::vector<AttributedRegion>& regions_;
    std::int64_t length_ = 0;
    std::vector<std::string> paths_;
    std::size_t each_ = 1;  // paths of a marker
    std::vector<OfMarker> markers_;
    std::vector<std::int64_t> example_;  // of each region
};

// BED of the bins of a region, from its first base on, of which the magnitudes of values sum up to most.
class Bins final : public AttributionOutput {
  public:
    Bins(const MutationFile& file, const AttributionContext& context)
        : context_(context), file_(file, context.run, false) {}
    void add(const AttributedBases& b) override {
        if (b.region != region_) close();
        region_ = b.region;
        markers_.assign(b.markers.begin(), b.markers.end());
        sums_.resize(markers_.size());
        for (std::size_t m = 0; m < markers_.size(); ++m)
            for (std::int64_t i = 0; i < b.size(); ++i) {
                const auto bin = static_cast<std::size_t>((b.begin + i - first()) / context_.bin);
                if (bin >= sums_[m].size()) sums_[m].resize(bin + 1);
                sums_[m][bin] += std::fabs(
                    static_cast<double>(b.values[m * b.codes.size() + static_cast<std::size_t>(i)]));
            }
        end_ = b.begin + b.size();
    }
    void flush() override { file_.flush(); }
    void add_to(OutputSet& outputs) override {
        close();
        file_.add_to(outputs);
    }

  private:
    struct Best {
        std::size_t bin, marker;
        double sum, most;
    };
    std::int64_t first() const { return std::max<std::int64_t>(0, context_.regions[region_].bases.begin); }
    // Of equal bins the first; none of those without any contribution.
    void close() {
        std::vector<Best> best;
        for (std::size_t m = 0; m < markers_.size(); ++m) {
            std::vector<std::size_t> order(sums_[m].size());
            std::iota(order.begin(), order.end(), std::size_t{0});
            std::ranges::stable_sort(order, std::greater<>(), [&](std::size_t i) { return sums_[m][i]; });
            order.resize(std::min(order.size(), static_cast<std::size_t>(context_.top)));
            for (const std::size_t bin : order)
                if (sums_[m][bin] > 0) best.push_back({bin, m, sums_[m][bin], sums_[m][order.front()]});
        }
        std::ranges::stable_sort(best, {}, &Best::bin);
        for (const Best& b : best) write(b);
        markers_.clear();
        sums_.clear();
    }
    void write(const Best& b) {
        const std::int64_t begin = first() + static_cast<std::int64_t>(b.bin) * context_.bin;
        const ContigRange& bases = context_.regions[region_].bases;
        std::string text = printable(nth(context_.run.reference().contigs(), bases.contig).name);
        text += '\t' + std::to_string(begin) + '\t' + std::to_string(std::min(end_, begin + context_.bin)) +
                '\t' + nth(context_.run.model().markers, markers_[b.marker]).name + '\t' +
                std::to_string(std::lround(1000 * b.sum / b.most)) + "\t.\t";
        append_vcf_number(text, static_cast<float>(b.sum));
        file_.write(text + '\n');
    }

    AttributionContext context_;
    TableFile file_;
    std::size_t region_ = 0;
    std::int64_t end_ = 0;
    std::vector<int> markers_;               // of the region that is open; none: no region is
    std::vector<std::vector<double>> sums_;  // [marker][bin]
};

}  // namespace

std::unique_ptr<AttributionOutput> make_attribution_output(const MutationFile& file,
                                                           const AttributionContext& context) {
    switch (file.kind) {
        case MutationFile::Kind::track:
            return std::make_unique<Tracks>(file, context);
        case MutationFile::Kind::arrays:
            return std::make_unique<Arrays>(file, context);
        case MutationFile::Kind::bins:
            return std::make_unique<Bins>(file, context);
        case MutationFile::Kind::table:
        case MutationFile::Kind::matrix:
        case MutationFile::Kind::variants:  // of effects alone
            break;
    }
    return std::make_unique<Table>(file, context);
}

}  // namespace regkit
