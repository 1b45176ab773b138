// Alleles scored by models of a fixed window, as DeepSEA (Zhou & Troyanskaya 2015) and Basset (Kelley et al.
// 2016) do: the window is laid around the variant, in REF and in ALT, and the bins in it are compared.
#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "app/model/both_strands.hpp"
#include "app/variants/allele_scorer.hpp"
#include "base/text.hpp"
#include "io/fasta/fasta.hpp"
#include "kernels/base/arithmetic.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kBatchBases = std::int64_t{1} << 16;

// One window of a haplotype, from haplotype base `begin` on (N outside), and its values once it is predicted.
struct Place {
    int contig = 0;
    Haplotype haplotype;
    std::int64_t begin = 0;
};

// A bin to compare: output `output` of these two places.
struct BinPair {
    std::size_t ref = 0, alt = 0;  // places
    std::int64_t output = 0;
    std::int64_t middle = 0;  // base of the contig, to the right of a change of length of REF's bin
};

class WindowScorer final : public AlleleScorer {
  public:
    WindowScorer(Model model, Backend& backend, FetchReference fetch, const ScorerOptions& options)
        : AlleleScorer(std::move(model), backend, std::move(fetch), options),
          window_(network_.spec().window) {
        require(!options.all_phases, ErrorKind::usage,
                "--phases all: " + network_.spec().name +
                    " predicts windows around the variant; they have no phases");
    }

    std::size_t chunk() const override {
        const std::int64_t windows = 2 * (bins_aside() / layout_.count + 1) + 1;
        return chunk_of(2 * windows *
                        (layout_.count * network_.markers() * std::int64_t{sizeof(float)} + window_));
    }

    ComparedText text() const override {
        if (options_.target)
            return {" in the " + counted(2 * bins_aside() + 1, "bin") + " around the middle of " +
                        options_.target->name + strands(),
                    "the middle of that bin"};
        const std::string size = std::to_string(layout_.bin) + " bases";
        const std::string compared = bins_aside() == 0 ? " in the bin of " + size + " centred on the variant"
                                                       : " in the " + std::to_string(2 * bins_aside() + 1) +
                                                             " bins of " + size + " around the variant";
        return {compared + strands(), "the middle of that bin"};
    }

    std::vector<AlleleEffect> score(std::span<const Allele> alleles, bool) override {
        places_.clear();
        known_.clear();
        numbers_.clear();
        std::vector<std::vector<BinPair>> plans;
        for (const Allele& allele : alleles) plans.push_back(plan(allele));
        predict();
        std::vector<AlleleEffect> effects;
        for (std::size_t i = 0; i < plans.size(); ++i) effects.push_back(effect(alleles[i], plans[i]));
        return effects;
    }

    std::int64_t reach() const override { return bins_aside() * layout_.bin + layout_.bin / 2; }
    std::int64_t sight() const override { return reach() + window_; }

  private:
    // Bins compared on either side of the one centred on the variant or target; of a target those that hold a
    // base of it.
    std::int64_t bins_aside() const {
        if (!options_.target) return options_.span / layout_.bin;
        const std::int64_t beside = (options_.target->end - options_.target->begin - layout_.bin + 1) / 2;
        return std::max<std::int64_t>(0, (beside + layout_.bin - 1) / layout_.bin);
    }

    // The middle base of the middle bin is the first changed base. Both haplotypes are the same to its left;
    // to its right each window holds what its haplotype has there.
    std::vector<BinPair> plan(const Allele& allele) {
        const Haplotype ref{allele.contig_length, 0, allele.ref_edits()};
        const Haplotype alt{allele.contig_length, 0, allele.alt_edits()};
        if (options_.target && options_.target->contig != allele.contig) return {};
        const std::int64_t middle = layout_.count / 2;  // output that is centred
        const std::int64_t centre =
            options_.target ? (options_.target->begin + options_.target->end) / 2 : allele.change.begin;
        // To the right of the variant the same bases lie so much further along in ALT.
        const std::int64_t moved = allele.edits                   ? shift_before(*allele.edits, centre)
                                   : allele.change.begin < centre ? allele.change.shift()
                                                                  : 0;
        const std::int64_t first = centre - layout_.bin / 2 - middle * layout_.bin - layout_.offset;
        std::vector<BinPair> pairs;
        for (std::int64_t k = -bins_aside(); k <= bins_aside(); ++k) {
            const std::int64_t w = floor_div(k + middle, layout_.count);
            const std::int64_t begin = first + w * layout_.span();
            pairs.push_back({place(allele.contig, ref, begin), place(allele.contig, alt, begin + moved),
                             k + middle - w * layout_.count, centre + k * layout_.bin});
        }
        return pairs;
    }

    // Each window once: alleles of a record share REF's.
    std::size_t place(int contig, const Haplotype& haplotype, std::int64_t begin) {
        const auto [found, fresh] =
            numbers_.try_emplace({contig, haplotype.identity(), begin}, places_.size());
        if (fresh) places_.push_back({contig, haplotype, begin});
        return found->second;
    }

    void predict() {
        const auto total = static_cast<std::int64_t>(places_.size());
        const std::int64_t each = network_.markers() * layout_.count;
        values_.resize(static_cast<std::size_t>(total * each));
        const std::int64_t batch = std::max<std::int64_t>(1, kBatchBases / window_);
        for (std::int64_t first = 0; first < total; first += batch) {
            const std::int64_t here = std::min(batch, total - first);
            gather(first, here, 0);
            if (options_.rc_average) {
                gather(first, here, reverse_shift());
                reverse_rows(codes_, window_, reversed_);
                gather(first, here, 0);
            }
            for (std::int64_t i = 0; i < here; ++i) note_known(row(i));
            infer(codes_, reversed_, window_, 0, window_,
                  std::span(values_).subspan(static_cast<std::size_t>(first * each),
                                             static_cast<std::size_t>(here * each)));
        }
    }

    std::span<std::uint8_t> row(std::int64_t i) {
        return std::span(codes_).subspan(static_cast<std::size_t>(i * window_),
                                         static_cast<std::size_t>(window_));
    }

    // Codes of `count` places from `first` on, whose windows are taken `shift` bases further along.
    void gather(std::int64_t first, std::int64_t count, std::int64_t shift) {
        codes_.resize(static_cast<std::size_t>(count * window_));
        for (std::int64_t i = 0; i < count; ++i) {
            const Place& p = nth(places_, first + i);
            p.haplotype.codes(p.begin + shift, contig_fetch(p.contig), row(i));
        }
    }

    // Where the bins do not lie in the middle, the other strand's window with the same bins lies so much
    // further.
    std::int64_t reverse_shift() const { return 2 * layout_.offset + layout_.span() - window_; }

    // Which bins of a window hold a base that is not N.
    void note_known(std::span<const std::uint8_t> codes) {
        for (std::int64_t p = 0; p < layout_.count; ++p) {
            const auto bin = codes.subspan(static_cast<std::size_t>(layout_.offset + p * layout_.bin),
                                           static_cast<std::size_t>(layout_.bin));
            known_.push_back(
                std::any_of(bin.begin(), bin.end(), [](std::uint8_t code) { return code != kCodeN; }));
        }
    }

    AlleleEffect effect(const Allele& allele, const std::vector<BinPair>& pairs) {
        AlleleEffect result;
        result.changed = {bins_aside() * layout_.bin, (bins_aside() + 1) * layout_.bin};  // its bin
        const std::int64_t markers = network_.markers();
        stretches_.clear();
        for (std::int64_t k = 0; k < std::ssize(pairs); ++k)
            if (is_known(nth(pairs, k))) stretches_.push_back({k * layout_.bin, (k + 1) * layout_.bin});
        result.compared = std::ssize(stretches_);
        if (result.compared == 0) return result;
        result.markers.resize(static_cast<std::size_t>(markers));
        begin_intervals(allele.intervals, result);
        for (std::int64_t m = 0; m < markers; ++m) compare(pairs, m, result);
        return result;
    }

    bool is_known(const BinPair& pair) const {
        return nth(known_, static_cast<std::int64_t>(pair.ref) * layout_.count + pair.output);
    }

    void compare(const std::vector<BinPair>& pairs, std::int64_t marker, AlleleEffect& effect) {
        const auto m = static_cast<std::size_t>(marker);
        ref_.clear();
        alt_.clear();
        for (const BinPair& pair : pairs) {
            const auto value = [&](std::size_t place) {
                return nth(values_,
                           (static_cast<std::int64_t>(place) * network_.markers() + marker) * layout_.count +
                               pair.output);
            };
            ref_.push_back(value(pair.ref));
            alt_.push_back(value(pair.alt));
            if (is_known(pair))
                take(m, std::span(ref_).last(1), std::span(alt_).last(1), pair.middle, effect);
        }
        if (sites_.calls(m) && sites_.reaches_seed(m, std::max(largest(ref_), largest(alt_))))
            note_sites(m, ref_, alt_, stretches_, effect, work_);
    }

    std::int64_t window_;
    std::vector<Place> places_;
    std::map<std::tuple<int, const Edit*, std::int64_t>, std::size_t> numbers_;
    std::vector<std::uint8_t> codes_, reversed_;
    std::vector<bool> known_;  // [place][output]
    SiteWork work_;
    std::vector<float> values_;  // [place][marker][output]
    // Of the allele that is compared: bins that are known, and of a marker the values of all.
    std::vector<KnownStretch> stretches_;
    std::vector<float> ref_, alt_;
};

}  // namespace

std::unique_ptr<AlleleScorer> make_window_scorer(Model model, Backend& backend, FetchReference fetch,
                                                 const ScorerOptions& options) {
    return std::make_unique<WindowScorer>(std::move(model), backend, std::move(fetch), options);
}

}  // namespace regkit
