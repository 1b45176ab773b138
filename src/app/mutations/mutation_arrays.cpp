// What is kept of each marker is the change of every substitution; one-hot sequence and contributions follow
// from it at the end. Tracks take the largest of the three changes of a base.
#include <algorithm>
#include <cmath>

#include "app/mutations/base_files.hpp"
#include "app/mutations/mutation_output.hpp"
#include "io/fasta/fasta.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kBases = 4;
class Track final : public MutationOutput {
  public:
    Track(const MutationFile& file, const MutationContext& context)
        : track_(file, context.run, names_of(context.run.model().markers), context.pool),
          values_(context.run.model().markers.size()) {}
    void add(const MutatedBase& base) override {
        if (base.code == kCodeN) return;
        for (std::size_t m = 0; m < values_.size(); ++m) values_[m] = largest(base, m);
        track_.add(base.contig, base.position, values_);
    }
    void flush() override { track_.flush(); }
    void add_to(OutputSet& outputs) override { track_.add_to(outputs); }

  private:
    static float largest(const MutatedBase& base, std::size_t marker) {
        float most = 0;
        for (std::size_t i = 0; i < base.alleles.size(); ++i)
            if (base.alleles[i].deleted == 0 && base.effects[i].compared > 0)
                most = std::max(most, std::fabs(base.effects[i].markers[marker].delta));
        return most;
    }

    BaseTrack track_;
    std::vector<float> values_;  // of a base, one a marker
};

class Arrays final : public MutationOutput {
  public:
    Arrays(const MutationFile& file, const MutationContext& context)
        : regions_(context.regions), modisco_(context.modisco) {
        length_ = one_length(regions_, file.name);
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
        write_arrays({std::ssize(regions_), length_, sequences_, values, at_sequence(values)},
                     std::span(paths_).subspan(path, modisco_ ? 3 : 1), outputs);
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
