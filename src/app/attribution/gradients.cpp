// Regions ascend, and each is told of on its own, however many hold a base: its target is its own. With
// --target that is the same for all, so that it is attributed once and kept.
#include "app/attribution/gradients.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <optional>

#include "app/attribution/attribution_output.hpp"
#include "app/attribution/region_sites.hpp"
#include "app/mutations/base_files.hpp"
#include "app/mutations/base_regions.hpp"
#include "base/text.hpp"
#include "io/fasta/fasta.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kBases = 4;
constexpr std::int64_t kPiece = 1 << 12;  // bases that go to the outputs at a time

std::string percent(double share) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2g %%", 100 * share);
    return text;
}

// Contributions of one stretch, which grows at both ends.
struct Kept {
    std::int64_t begin = 0, length = 0;
    std::size_t count = 0;    // of rows
    std::vector<float> rows;  // [row][base]

    bool empty() const { return length == 0; }
    std::int64_t end() const { return begin + length; }
    void clear(std::size_t row_count) {
        length = 0;
        count = row_count;
        rows.clear();
    }
    void add(std::int64_t from, std::int64_t to, std::span<const float> values, float factor) {
        if (empty()) begin = from;
        if (from < begin || to > end()) grow(std::min(from, begin), std::max(to, end()));
        const std::int64_t more = to - from;
        for (std::size_t r = 0; r < count; ++r) {
            const auto row = static_cast<std::int64_t>(r);
            for (std::int64_t i = 0; i < more; ++i)
                nth(rows, row * length + from - begin + i) += factor * nth(values, row * more + i);
        }
    }

  private:
    void grow(std::int64_t from, std::int64_t to) {
        std::vector<float> larger(count * static_cast<std::size_t>(to - from));
        for (std::size_t r = 0; r < count; ++r)
            std::copy_n(rows.begin() + static_cast<std::int64_t>(r) * length, length,
                        larger.begin() + static_cast<std::int64_t>(r) * (to - from) + begin - from);
        rows = std::move(larger);
        begin = from;
        length = to - from;
    }
};

class Gradients {
  public:
    Gradients(const GradientParameters& p, Log& log, const TellWork& tell)
        : p_(p), log_(log), tell_(tell), run_(p, log), pool_(p.backend.workers) {
        std::vector<std::string> inputs = p.models;
        inputs.insert(inputs.end(), {p.fasta, p.regions_file});
        const std::vector<MutationFile> files =
            mutation_files({p.outputs, p.format, p.modisco, p.write_index}, BaseOutputs::attributions,
                           names_of(run_.model().markers), inputs);
        choose_regions();
        all_markers_.resize(run_.model().markers.size());
        std::iota(all_markers_.begin(), all_markers_.end(), 0);
        const AttributionOptions options{
            p.all_phases, p.rc_average,
            p.method == GradientMethod::integrated ? std::optional(p.integration) : std::nullopt};
        for (Model& model : models_)
            attributions_.push_back(std::make_unique<Attribution>(
                std::move(model), run_.backend(),
                [this](int contig, std::int64_t begin, std::int64_t end, std::span<std::uint8_t> codes) {
                    run_.reference().read(contig, begin, end, codes);
                },
                options));
        models_.clear();
        const AttributionContext context{run_,      regions_, asked_, p.write_index,
                                         p.modisco, p.bin,    p.top,  pool_};
        for (const MutationFile& file : files) outputs_.push_back(make_attribution_output(file, context));
    }

    GradientSummary run() {
        tell_bases(false);
        for (region_ = 0; region_ < regions_.size(); ++region_) attribute();
        tell_bases(true);
        OutputSet outputs;
        for (const auto& output : outputs_) output->add_to(outputs);
        outputs.commit();
        tell_summary();
        run_.tell_end();
        return summary_;
    }

  private:
    void choose_regions() {
        models_ = run_.take_models();
        const FastaFile& fasta = run_.reference().fasta();
        std::vector<AttributedRegion> all;
        for (const ContigRange& asked :
             asked_regions(p_.regions, p_.regions_file, fasta, "to attribute", log_))
            all.push_back({around_middle(asked, p_.width), asked.begin, asked.end, -1});
        if (p_.sites) all = sites(all);
        std::vector<ContigRange> inside;
        for (const AttributedRegion& region : all) {
            inside.push_back(inside_contig(region.bases, fasta));
            total_ += inside.back().end - inside.back().begin;
        }
        require_known(inside, run_.reference(), p_.fasta, "to attribute");
        if (!p_.target.empty()) {
            target_ = effect_target(p_.target, fasta, log_);
            for (AttributedRegion& region : all) {
                const std::vector<Contig>& contigs = fasta.contigs();
                require(region.bases.contig == target_->contig, ErrorKind::usage,
                        "--target " + target_->name + ": nothing on " +
                            nth(contigs, region.bases.contig).name + " contributes to it; give regions of " +
                            nth(contigs, target_->contig).name + " alone");
                region.begin = target_->begin;
                region.end = target_->end;
            }
        }
        asked_.resize(all.size());
        std::iota(asked_.begin(), asked_.end(), std::size_t{0});
        std::ranges::stable_sort(
            asked_, {}, [&](std::size_t i) { return std::pair(all[i].bases.contig, all[i].bases.begin); });
        for (const std::size_t i : asked_) regions_.push_back(all[i]);
    }

    std::vector<AttributedRegion> sites(const std::vector<AttributedRegion>& asked) {
        require(models_.size() == 1, ErrorKind::usage,
                "--sites takes one model: the mean of several has no cutoffs");
        const FastaFile& fasta = run_.reference().fasta();
        std::vector<Region> searched;
        for (const AttributedRegion& region : asked)
            searched.push_back({nth(fasta.contigs(), region.bases.contig).name, region.begin, region.end});
        std::vector<AttributedRegion> found;
        std::vector<std::int64_t> count(run_.model().markers.size());
        for (const RegionSite& site :
             region_sites(models_.front(), plan_regions(searched, false, fasta, 1, log_), run_.reference(),
                          p_.rc_average, run_.backend())) {
            found.push_back(
                {around_middle(site.bases, p_.width), site.bases.begin, site.bases.end, site.marker});
            ++nth(count, site.marker);
        }
        require(!found.empty(), ErrorKind::input,
                "--sites: the model calls no site of these markers in the regions");
        for (std::size_t m = 0; m < count.size(); ++m)
            if (count[m] == 0)
                log_.info("--sites: none of " + run_.model().markers[m].name + " in the regions");
        return found;
    }

    void attribute() {
        const AttributedRegion& region = regions_[region_];
        const ContigRange inside = inside_contig(region.bases, run_.reference().fasta());
        if (inside.begin >= inside.end) return;
        run_.compare_with_training(inside.contig, inside.begin);
        markers_ =
            region.marker < 0
                ? std::span<const int>(all_markers_)
                : std::span<const int>(all_markers_).subspan(static_cast<std::size_t>(region.marker), 1);
        at_ = inside.begin;
        end_ = inside.end;
        if (target_ || attributions_.size() > 1) {
            if (!target_ || kept_.empty()) keep_target();
            pass_on(kept_.begin, kept_.end(), kept_.rows);
        } else {
            tell_complete(attributions_.front()->run(
                target(), markers_,
                [this](std::int64_t begin, std::int64_t end, std::span<const float> contributions) {
                    pass_on(begin, end, contributions);
                }));
        }
        fill_to(end_);
        for (const auto& output : outputs_) output->flush();
    }

    AttributionTarget target() {
        const AttributedRegion& region = regions_[region_];
        const int contig = region.bases.contig;
        return {contig, nth(run_.reference().contigs(), contig).length, region.begin, region.end};
    }

    // The mean of all models.
    void keep_target() {
        const double models = static_cast<double>(attributions_.size());
        std::vector<Completeness> mean(p_.method == GradientMethod::integrated ? markers_.size() : 0);
        kept_.clear(markers_.size() * kBases);
        for (const auto& attribution : attributions_) {
            const auto complete = attribution->run(
                target(), markers_,
                [&](std::int64_t begin, std::int64_t end, std::span<const float> contributions) {
                    kept_.add(begin, end, contributions, static_cast<float>(1 / models));
                });
            for (std::size_t m = 0; m < mean.size(); ++m) mean[m].add(complete[m], 1 / models);
        }
        tell_complete(mean);
    }

    void tell_complete(const std::vector<Completeness>& complete) {
        run_.tell_notices();
        for (const Completeness& c : complete) {
            ++sums_;
            incomplete_ += !c.holds();
            summary_.off = std::max(summary_.off, c.off());
        }
    }

    // [begin, end) follows on what was passed on before, or lies behind bases that contribute nothing.
    void pass_on(std::int64_t begin, std::int64_t end, std::span<const float> contributions) {
        fill_to(std::min(begin, end_));
        const std::int64_t until = std::min(end, end_);
        while (at_ < until) tell_outputs(std::min(until, at_ + kPiece), contributions, begin, end - begin);
    }

    void fill_to(std::int64_t until) {
        while (at_ < until) tell_outputs(std::min(until, at_ + kPiece), {}, 0, 0);
    }

    // Bases [at_, until), of `contributions` [marker][base][length] from base `begin` on; none: zeros.
    void tell_outputs(std::int64_t until, std::span<const float> contributions, std::int64_t begin,
                      std::int64_t length) {
        const std::int64_t count = until - at_, rows = std::ssize(markers_) * kBases;
        codes_.resize(static_cast<std::size_t>(count));
        run_.reference().read(regions_[region_].bases.contig, at_, until, codes_);
        four_.assign(static_cast<std::size_t>(rows * count), 0.0f);
        for (std::int64_t r = 0; r < rows && !contributions.empty(); ++r)
            std::copy_n(contributions.begin() + r * length + at_ - begin, count, four_.begin() + r * count);
        values_.assign(static_cast<std::size_t>(std::ssize(markers_) * count), 0.0f);
        for (std::int64_t i = 0; i < count; ++i) {
            const std::uint8_t code = nth(codes_, i);
            ++(code == kCodeN ? summary_.unknown : summary_.bases);
            for (std::int64_t m = 0; code != kCodeN && m < std::ssize(markers_); ++m)
                nth(values_, m * count + i) = value(m * kBases * count + i, count, code);
        }
        const AttributedBases bases{region_, at_, codes_, markers_, four_, values_};
        for (const auto& output : outputs_) output->add(bases);
        at_ = until;
        tell_bases(false);
    }

    // Of the base whose contributions lie `apart` in four_, that of A at `first`.
    float value(std::int64_t first, std::int64_t apart, std::uint8_t code) const {
        if (p_.method != GradientMethod::norm) return nth(four_, first + (code - 1) * apart);
        double squares = 0;
        for (std::int64_t b = 0; b < kBases; ++b)
            squares += std::pow(static_cast<double>(nth(four_, first + b * apart)), 2);
        return static_cast<float>(std::sqrt(squares));
    }

    void tell_bases(bool complete) {
        tell_({.unit = "bases",
               .done = summary_.bases + summary_.unknown,
               .total = total_,
               .complete = complete});
    }

    void tell_summary() {
        summary_.regions = std::ssize(regions_);
        log_.info(counted(summary_.regions, p_.sites ? "site" : "region") + ", " +
                  counted(summary_.bases, "base") +
                  (summary_.unknown > 0 ? "; " + counted(summary_.unknown, "base") + " of N left out" : ""));
        if (p_.method != GradientMethod::integrated) return;
        const std::string sum_up = "sum up to the difference from the baseline within ";
        if (incomplete_ == 0)
            log_.info("contributions " + sum_up + percent(summary_.off));
        else
            log_.warn("incomplete", "contributions of " + std::to_string(incomplete_) + " of " +
                                        std::to_string(sums_) + " (targets times markers) do not " + sum_up +
                                        "1 %, but only " + percent(summary_.off) + "; see --steps");
    }

    const GradientParameters& p_;
    Log& log_;
    const TellWork& tell_;
    AlleleRun run_;
    ThreadPool pool_;
    std::vector<Model> models_;  // until the networks have their weights
    std::vector<AttributedRegion> regions_;
    std::vector<std::size_t> asked_;  // of each, its place in the order asked for
    std::optional<EffectTarget> target_;
    std::int64_t total_ = 0;  // bases
    std::vector<int> all_markers_;
    std::vector<std::unique_ptr<Attribution>> attributions_;  // of each model
    std::vector<std::unique_ptr<AttributionOutput>> outputs_;
    Kept kept_;  // with --target or several models
    // Of the region that is worked on.
    std::size_t region_ = 0;
    std::span<const int> markers_;
    std::int64_t at_ = 0, end_ = 0;  // its next base, and its last one's end
    std::vector<std::uint8_t> codes_;
    std::vector<float> four_, values_;
    std::int64_t sums_ = 0, incomplete_ = 0;
    GradientSummary summary_;
};

}  // namespace

GradientSummary gradients(const GradientParameters& parameters, Log& log, const TellWork& tell) {
    return Gradients(parameters, log, tell).run();
}

}  // namespace regkit
