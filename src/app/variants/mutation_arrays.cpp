// What is kept of each marker is the change of every substitution; one-hot sequence and contributions follow
// from it at the end. Tracks take the largest of the three changes of a base.
#include <algorithm>
#include <cmath>

#include "app/variants/mutation_output.hpp"
#include "base/text.hpp"
#include "io/fasta/fasta.hpp"
#include "io/files/npz_writer.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kBases = 4;
constexpr std::size_t kTogether = 4096;  // values of a track that are handed over at a time
constexpr int kDecimals = 6;

std::vector<std::string> names_of(const std::vector<Marker>& markers) {
    std::vector<std::string> names;
    for (const Marker& marker : markers) names.push_back(marker.name);
    return names;
}

std::vector<std::string> header_of(AlleleRun& run) {
    std::vector<std::string> lines = run.provenance();
    for (std::string& line : lines) line.erase(0, 2);  // "##"
    return lines;
}

class Track final : public MutationOutput {
  public:
    Track(const MutationFile& file, const MutationContext& context)
        : run_(context.run), values_(run_.model().markers.size()) {
        const TrackOutput output{file.name, file.track, file.gz};
        TrackOptions options;
        options.markers = names_of(run_.model().markers);
        options.header = header_of(run_);
        options.decimals = kDecimals;
        tracks_ = std::make_unique<TrackSet>(std::span(&output, 1), options, context.pool);
        for (const Contig& contig : run_.reference().contigs())
            tracks_->declare_contig(contig.name, contig.length);
    }
    void add(const MutatedBase& base) override {
        if (base.contig != contig_ || base.position != begin_ + std::ssize(values_.front()) ||
            values_.front().size() == kTogether)
            hand_over();
        if (base.contig != contig_) {
            contig_ = base.contig;
            const Contig& contig = nth(run_.reference().contigs(), contig_);
            number_ = tracks_->add_contig(contig.name, contig.length, contig_);
        }
        if (values_.front().empty()) begin_ = base.position;
        if (base.code == kCodeN) return;
        for (std::size_t m = 0; m < values_.size(); ++m) values_[m].push_back(largest(base, m));
    }
    void flush() override {
        hand_over();
        tracks_->flush();
    }
    void add_to(OutputSet& outputs) override {
        hand_over();
        tracks_->finish(outputs);
    }

  private:
    static float largest(const MutatedBase& base, std::size_t marker) {
        float most = 0;
        for (std::size_t i = 0; i < base.alleles.size(); ++i)
            if (base.alleles[i].deleted == 0 && base.effects[i].compared > 0)
                most = std::max(most, std::fabs(base.effects[i].markers[marker].delta));
        return most;
    }

    void hand_over() {
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

    AlleleRun& run_;
    std::unique_ptr<TrackSet> tracks_;
    int contig_ = -1, number_ = -1;
    std::int64_t begin_ = 0;
    std::vector<std::vector<float>> values_;  // of each marker, from `begin_` on
    std::vector<float> rows_;
};

class Arrays final : public MutationOutput {
  public:
    Arrays(const MutationFile& file, const MutationContext& context)
        : regions_(context.regions), modisco_(context.modisco) {
        length_ = regions_.front().end - regions_.front().begin;
        for (const ContigRange& region : regions_)
            require(region.end - region.begin == length_, ErrorKind::usage,
                    "-o " + file.name + ": its arrays are of one length, and regions have " +
                        std::to_string(length_) + " bases and " + std::to_string(region.end - region.begin) +
                        "; --width gives all the same");
        const std::vector<std::string> names = names_of(context.run.model().markers);
        paths_ = paths_of(file, names, modisco_);
        sequences_.resize(cells());
        changes_.assign(names.size(), std::vector<float>(cells()));
        for (std::size_t i = 0; i < regions_.size(); ++i) order_.push_back(i);
        std::stable_sort(order_.begin(), order_.end(), [this](std::size_t a, std::size_t b) {
            return std::pair(regions_[a].contig, regions_[a].begin) <
                   std::pair(regions_[b].contig, regions_[b].begin);
        });
    }

    // Regions that hold the base lie side by side in their order, since all have one length.
    void add(const MutatedBase& base) override {
        const auto is_before = [&](std::size_t i) {
            return std::pair(regions_[i].contig, regions_[i].end) <= std::pair(base.contig, base.position);
        };
        while (first_ < order_.size() && is_before(order_[first_])) ++first_;
        for (std::size_t k = first_; k < order_.size(); ++k) {
            const ContigRange& region = regions_[order_[k]];
            if (region.contig != base.contig || region.begin > base.position) return;
            take(base, order_[k], base.position - region.begin);
        }
    }

    void add_to(OutputSet& outputs) override {
        const std::size_t each = modisco_ ? 3 : 1;
        for (std::size_t m = 0; m < changes_.size(); ++m) write(m, each * m, outputs);
    }

  private:
    std::size_t cells() const { return regions_.size() * static_cast<std::size_t>(kBases * length_); }
    std::vector<std::int64_t> shape() const { return {std::ssize(regions_), kBases, length_}; }
    // Of base `b` (code - 1) at place x of an example.
    std::size_t cell(std::size_t example, std::int64_t b, std::int64_t x) const {
        return (example * kBases + static_cast<std::size_t>(b)) * static_cast<std::size_t>(length_) +
               static_cast<std::size_t>(x);
    }

    void take(const MutatedBase& base, std::size_t example, std::int64_t x) {
        if (base.code == kCodeN) return;
        sequences_[cell(example, base.code - 1, x)] = 1;
        for (std::size_t i = 0; i < base.alleles.size(); ++i) {
            if (base.alleles[i].deleted > 0 || base.effects[i].compared == 0) continue;
            const std::int64_t b = encode_base(base.alleles[i].alt.front()) - 1;
            for (std::size_t m = 0; m < changes_.size(); ++m)
                changes_[m][cell(example, b, x)] = base.effects[i].markers[m].delta;
        }
    }

    // In place: of each base its change less the mean over the four, one of which is 0.
    void centre(std::vector<float>& values) const {
        for (std::size_t e = 0; e < regions_.size(); ++e)
            for (std::int64_t x = 0; x < length_; ++x) {
                double sum = 0;
                for (std::int64_t b = 0; b < kBases; ++b) sum += static_cast<double>(values[cell(e, b, x)]);
                for (std::int64_t b = 0; b < kBases; ++b)
                    values[cell(e, b, x)] -= static_cast<float>(sum / static_cast<double>(kBases));
            }
    }

    std::vector<float> at_sequence(const std::vector<float>& values) const {
        std::vector<float> rows(regions_.size() * static_cast<std::size_t>(length_));
        for (std::size_t e = 0; e < regions_.size(); ++e)
            for (std::int64_t x = 0; x < length_; ++x)
                for (std::int64_t b = 0; b < kBases; ++b)
                    if (sequences_[cell(e, b, x)] != 0)
                        rows[e * static_cast<std::size_t>(length_) + static_cast<std::size_t>(x)] =
                            values[cell(e, b, x)];
        return rows;
    }

    void write(std::size_t marker, std::size_t path, OutputSet& outputs) {
        std::vector<float>& values = changes_[marker];
        centre(values);
        NpzWriter all(paths_[path]);
        all.add("sequences", shape(), sequences_);
        all.add("contributions", shape(), values);
        all.add("projected", {std::ssize(regions_), length_}, at_sequence(values));
        all.add_to(outputs);
        if (!modisco_) return;
        NpzWriter one_hot(paths_[path + 1]), hypothetical(paths_[path + 2]);
        one_hot.add("arr_0", shape(), sequences_);
        one_hot.add_to(outputs);
        hypothetical.add("arr_0", shape(), values);
        hypothetical.add_to(outputs);
    }

    const std::vector<ContigRange>& regions_;
    bool modisco_;
    std::int64_t length_ = 0;
    std::vector<std::string> paths_;
    std::vector<std::int8_t> sequences_;       // [example][base][place]
    std::vector<std::vector<float>> changes_;  // of each marker, alike
    std::vector<std::size_t> order_;           // of the examples along the genome
    std::size_t first_ = 0;                    // in it: those before lie behind the bases that come
};

}  // namespace

std::unique_ptr<MutationOutput> make_mutation_track(const MutationFile& file,
                                                    const MutationContext& context) {
    return std::make_unique<Track>(file, context);
}

std::unique_ptr<MutationOutput> make_mutation_arrays(const MutationFile& file,
                                                     const MutationContext& context) {
    return std::make_unique<Arrays>(file, context);
}

}  // namespace regkit
