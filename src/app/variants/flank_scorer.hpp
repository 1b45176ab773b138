// What FlankScorer works with. Internal to it: flank_scorer.cpp plans what has to be predicted and predicts
// it in whole windows, flank_cones.cpp computes of ALT what the variant reaches, flank_compare.cpp compares.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "app/variants/allele_scorer.hpp"
#include "kernels/base/thread_pool.hpp"

namespace regkit {

using Stretch = std::pair<std::int64_t, std::int64_t>;  // begin and end

// A stretch of one haplotype to predict, and where its values are once it has been.
struct Piece {
    int contig = 0;
    Haplotype haplotype;
    Window window;
    const float* values = nullptr;  // [markers][window.out_length() / scale]
    std::vector<Stretch> wanted =
        {};                // bases whose outputs somebody needs: multiples of the stride, ascending
    bool is_kept = false;  // cones are computed from it
    bool by_cone = false;  // is not predicted itself
    const KeptWindows* kept = nullptr;
    std::int64_t sample = 0;  // in `kept`
};

// Haplotype positions [begin, end), wanted by a block; `piece` is where they will be found.
struct Need {
    int contig = 0;
    Haplotype haplotype;
    std::int64_t begin = 0, end = 0;
    std::int64_t anchor = 0;  // the base at the variant: an LSTM's window is centred on it
    std::size_t piece = 0;

    // Needs that may share a window are equal in this.
    auto stretch() const { return std::tuple(contig, haplotype.lead, haplotype.identity()); }
};

// A block's needs: one per phase, `ref` and `alt` in step.
struct BlockPlan {
    SharedBlock block;
    std::vector<std::size_t> ref, alt;           // indexes of needs
    std::int64_t before = 0;                     // bases of the allele's blocks before it
    std::size_t known_begin = 0, known_end = 0;  // of AllelePlan::known
};

struct AllelePlan {
    std::vector<BlockPlan> blocks;
    // Stretches without N in the reference, of all blocks laid side by side.
    std::vector<KnownStretch> known;
    std::vector<const NamedRegion*> intervals;  // the allele's
    KnownStretch changed = {};                  // AlleleEffect::changed

    std::span<const KnownStretch> known_of(const BlockPlan& block) const {
        return std::span(known).subspan(block.known_begin, block.known_end - block.known_begin);
    }
};

// An ALT haplotype in one phase that is computed from the pieces of REF left and right of the change.
struct Cone {
    std::size_t allele = 0;
    std::size_t left = 0, right = 0, alt = 0;  // pieces
    std::int64_t border = 0;                   // ALT's position behind the change,
    std::int64_t shift = 0;                    // from where on it is so much further on than `right`
    bool computed = false;

    bool moved(const std::vector<Piece>& pieces) const {
        return pieces[alt].haplotype.edits.front().shift() != 0;
    }
};

// Bases [begin, end) of a block, and where their values are in the row of outputs that was computed; -1:
// REF's.
struct ComparedStretch {
    std::int64_t begin, end;
    std::int64_t at;
};

// What a thread compares with.
struct CompareScratch {
    std::vector<float> alt_piece;               // values laid over REF's
    std::vector<float> ref_values, alt_values;  // of a block
    std::vector<float> ref_row, alt_row;        // of all blocks, or of what is compared of one
    std::vector<std::pair<double, double>> sums;
    std::vector<ComparedStretch> compared;
    SiteWork sites;
};

class FlankScorer final : public AlleleScorer {
  public:
    FlankScorer(Model model, Backend& backend, FetchReference fetch, const ScorerOptions& options);

    std::size_t chunk() const override;
    ComparedText text() const override;
    std::int64_t sight() const override {
        return options_.span + context_.stride +
               (window_ > 0 ? window_ : std::max(context_.left, context_.right));
    }
    std::int64_t by_cones() const override { return by_cones_; }
    std::vector<AlleleEffect> score(std::span<const Allele> alleles, bool whole) override;

  private:
    // ---- flank_scorer.cpp
    std::size_t whole_chunk() const;  // of alleles in whole windows
    std::span<const Allele> neighbours(std::span<const Allele> alleles) const;
    std::vector<AlleleEffect> score_neighbours(std::span<const Allele> alleles, bool by_cones);
    std::int64_t window_reach() const;
    std::int64_t down(std::int64_t x) const { return x < 0 ? 0 : x / context_.stride * context_.stride; }
    std::int64_t up(std::int64_t x) const {
        return (x + context_.stride - 1) / context_.stride * context_.stride;
    }
    std::size_t need(int contig, const Haplotype& haplotype, std::int64_t begin, std::int64_t length,
                     std::int64_t anchor);
    std::int64_t span_of(const Allele& allele) const;
    std::vector<SharedBlock> target_blocks(const Allele& allele) const;
    std::int64_t anchor_of(const SharedBlock& block, const Allele& allele) const;
    std::vector<SharedBlock> blocks(const Allele& allele) const;
    AllelePlan plan(const Allele& allele);
    void find_known(const Allele& allele, AllelePlan& plan);
    static KnownStretch changed_of(const Allele& allele, const AllelePlan& plan);
    void centre_needs();
    void merge_needs();
    void predict_pieces();
    void predict_batch(std::span<Piece* const> batch);
    const KeptWindows& keep_batch(std::span<Piece* const> batch, std::span<float> values);

    // ---- flank_cones.cpp
    bool plan_cones(const Allele& allele, const AllelePlan& plan, std::size_t index,
                    std::vector<Cone>& cones);
    bool is_inside(const Piece& piece) const;
    static bool holds(const Piece& piece, std::int64_t begin, std::int64_t end);
    ChangedWindow changed_window(const Cone& cone, const Allele& allele, const AllelePlan& plan) const;
    // Computes cones and calls take(cone, outputs or none, its number in them, scratch) in several threads.
    template <class Take>
    void infer_cones(std::span<const Allele> alleles, std::span<const AllelePlan> plans,
                     std::span<Cone> cones, const Take& take);
    void lay_over(const Cone& cone, const ChangedOutputs* outputs, std::size_t number,
                  std::vector<float>& to);
    void compute_cones(std::span<const Allele> alleles, std::span<const AllelePlan> plans,
                       std::span<Cone> cones, std::vector<AlleleEffect>& effects);
    void compute_all_phases(std::span<const Allele> alleles, std::span<const AllelePlan> plans,
                            std::span<Cone> cones, std::vector<AlleleEffect>& effects);

    // ---- flank_compare.cpp
    std::span<const float> read_block(const std::vector<std::size_t>& phases, std::int64_t marker,
                                      std::size_t length, std::vector<float>& buffer,
                                      CompareScratch& scratch) const;
    const float* first_value(std::size_t need, std::int64_t marker) const;
    template <class Take>
    void each_value(std::size_t need, std::int64_t marker, std::size_t length, const Take& take) const;
    void read_mean(const std::vector<std::size_t>& phases, std::int64_t marker, std::vector<float>& out,
                   CompareScratch& scratch) const;
    void read_mean_logit(const std::vector<std::size_t>& phases, std::int64_t marker, std::vector<float>& out,
                         CompareScratch& scratch) const;
    AlleleEffect effect(const AllelePlan& plan, CompareScratch& scratch) const;
    void compare(const AllelePlan& plan, std::size_t marker, AlleleEffect& effect,
                 CompareScratch& scratch) const;
    // Of replaced bases, where REF's values and the computed cells are all there is to compare.
    AlleleEffect effect_of_cells(const Cone& cone, const AllelePlan& plan, const ChangedOutputs* outputs,
                                 std::size_t number, CompareScratch& scratch) const;
    void find_compared(const Cone& cone, const AllelePlan& plan, const ChangedOutputs* outputs,
                       std::size_t number, std::vector<ComparedStretch>& compared) const;
    void compare_cells(const AllelePlan& plan, std::span<const float> cells, std::size_t marker,
                       AlleleEffect& effect, CompareScratch& scratch) const;

    Context context_;
    std::int64_t scale_ = 1;   // bases an output
    std::int64_t window_ = 0;  // of a model without finite context
    bool has_cones_ = false;
    std::int64_t by_cones_ = 0;  // alleles
    std::vector<Need> needs_;
    std::vector<Piece> pieces_;
    std::vector<std::vector<float>> results_;         // of batches; pieces point into them
    std::vector<std::unique_ptr<KeptWindows>> kept_;  // memory that is used again
    std::size_t kept_used_ = 0;
    std::vector<std::uint8_t> codes_, reversed_, bases_;
    std::vector<float> some_values_;
    ThreadPool pool_;
    std::vector<CompareScratch> scratch_;  // one a worker
};

}  // namespace regkit
