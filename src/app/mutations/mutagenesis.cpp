// Bases are walked in order, each once however many regions hold it. Their alleles gather until the scorer
// has as many as it works on best, all of them neighbours; then bases go to the outputs in the order in which
// they came.
#include "app/mutations/mutagenesis.hpp"

#include <algorithm>
#include <optional>

#include "app/mutations/base_files.hpp"
#include "app/mutations/base_regions.hpp"
#include "app/mutations/mutation_output.hpp"
#include "app/variants/variant_regions.hpp"
#include "base/text.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kPiece = 1 << 14;  // bases of the reference read, and bases that wait for scores

class Mutagenesis {
  public:
    Mutagenesis(const MutagenesisParameters& p, Log& log, const TellWork& tell)
        : p_(p), log_(log), tell_(tell), run_(p, log), pool_(p.backend.workers) {
        choose_regions();
        std::vector<std::string> inputs = p.models;
        inputs.insert(inputs.end(), {p.fasta, p.regions_file});
        files_ = mutation_files({p.outputs, p.format, p.modisco, p.write_index}, BaseOutputs::effects,
                                names_of(run_.model().markers), inputs);
        run_.make_scorer({.span = p.span,
                          .all_phases = p.all_phases,
                          .rc_average = p.rc_average,
                          .indel_span = 1,
                          .target = target()});
        const MutationContext context{run_, p_, p_.deletions, examples_, p_.modisco, pool_, log_};
        for (const MutationFile& file : files_) outputs_.push_back(make_mutation_output(file, context));
    }

    MutagenesisSummary run() {
        tell_bases(false);
        for (const ContigRange& range : ranges_) {
            for (std::int64_t begin = range.begin; begin < range.end; begin += kPiece)
                walk(range.contig, begin, std::min(range.end, begin + kPiece));
        }
        score();
        tell_bases(true);
        OutputSet outputs;
        for (const auto& output : outputs_) output->add_to(outputs);
        outputs.commit();
        log_.info(counted(summary_.bases, "base") + ", " + counted(summary_.substitutions, "substitution") +
                  (p_.deletions > 0 ? ", " + counted(summary_.deletions, "deletion") : "") +
                  (summary_.unknown > 0 ? "; " + counted(summary_.unknown, "base") + " of N left out" : ""));
        run_.tell_end();
        return summary_;
    }

  private:
    struct Site {
        int contig = 0;
        std::int64_t position = 0;
        std::uint8_t code = 0;
        std::size_t first = 0, count = 0;  // of its alleles
    };

    // The examples as they were asked for, and their bases once each.
    void choose_regions() {
        const FastaFile& fasta = run_.reference().fasta();
        std::vector<Region> inside;
        for (const ContigRange& asked :
             asked_regions(p_.regions, p_.regions_file, fasta, "to mutate", log_)) {
            examples_.push_back(around_middle(asked, p_.width));
            const ContigRange range = inside_contig(examples_.back(), fasta);
            inside.push_back({nth(fasta.contigs(), range.contig).name, range.begin, range.end});
        }
        ranges_ = plan_regions(inside, false, fasta, 1, log_);
        for (const ContigRange& range : ranges_) total_ += range.end - range.begin;
        require_known(ranges_, run_.reference(), p_.fasta, "to mutate");
    }

    std::optional<EffectTarget> target() {
        if (p_.target.empty()) return std::nullopt;
        const std::vector<Contig>& contigs = run_.reference().contigs();
        EffectTarget target = effect_target(p_.target, run_.reference().fasta(), log_);
        for (const ContigRange& mutated : ranges_)
            require(mutated.contig == target.contig, ErrorKind::usage,
                    "--target " + target.name + ": nothing on " + nth(contigs, mutated.contig).name +
                        " changes it; give regions of " + nth(contigs, target.contig).name + " alone");
        return target;
    }

    void walk(int contig, std::int64_t begin, std::int64_t end) {
        codes_.resize(static_cast<std::size_t>(end - begin));
        run_.reference().read(contig, begin, end, codes_);
        for (std::int64_t at = begin; at < end; ++at) {
            Site site{contig, at, nth(codes_, at - begin), made_.size(), 0};
            if (site.code != kCodeN) {
                add_deletions(contig, at, end_of(contig, at));
                for (std::uint8_t alt = 1; alt <= 4; ++alt)
                    if (alt != site.code) add(substitution(contig, at, site.code, alt));
            }
            site.count = made_.size() - site.first;
            ++(site.code == kCodeN ? summary_.unknown : summary_.bases);
            sites_.push_back(site);
            if (alleles_.size() >= run_.scorer().chunk() || sites_.size() >= kPiece) score();
        }
    }

    // Of the region that holds a base: what is deleted lies inside of it.
    std::int64_t end_of(int contig, std::int64_t position) const {
        const auto after = std::upper_bound(ranges_.begin(), ranges_.end(), std::pair(contig, position),
                                            [](const auto& at, const ContigRange& range) {
                                                return at < std::pair(range.contig, range.begin);
                                            });
        return std::prev(after)->end;
    }

    // The records of these begin at the base before, those of the substitutions at the base itself: all are
    // sorted.
    void add_deletions(int contig, std::int64_t at, std::int64_t end) {
        for (std::int64_t length = 1; length <= p_.deletions && at + length <= end; ++length) {
            MadeAllele made = deletion(contig, at, length, run_.reference());
            if (made.ref.empty()) return;
            add(std::move(made));
            ++summary_.deletions;
        }
    }

    void add(MadeAllele made) {
        alleles_.push_back(allele_of(made, nth(run_.reference().contigs(), made.contig).length));
        run_.compare_with_training(alleles_.back());
        summary_.substitutions += made.deleted == 0;
        made_.push_back(std::move(made));
    }

    void score() {
        const std::vector<AlleleEffect> effects = run_.score(alleles_, [this](std::size_t i) {
            return nth(run_.reference().contigs(), made_[i].contig).name + ":" +
                   std::to_string(made_[i].position + 1);
        });
        for (const Site& site : sites_) {
            const MutatedBase base{site.contig, site.position, site.code,
                                   std::span(made_).subspan(site.first, site.count),
                                   std::span(effects).subspan(site.first, site.count)};
            for (const auto& output : outputs_) output->add(base);
        }
        for (const auto& output : outputs_) output->flush();
        sites_.clear();
        made_.clear();
        alleles_.clear();
        tell_bases(false);
    }

    void tell_bases(bool complete) {
        tell_({.unit = "bases",
               .done = summary_.bases + summary_.unknown - std::ssize(sites_),
               .total = total_,
               .complete = complete});
    }

    const MutagenesisParameters& p_;
    Log& log_;
    const TellWork& tell_;
    AlleleRun run_;
    ThreadPool pool_;
    std::vector<ContigRange> examples_, ranges_;
    std::int64_t total_ = 0;  // bases
    std::vector<MutationFile> files_;
    std::vector<std::unique_ptr<MutationOutput>> outputs_;
    std::vector<std::uint8_t> codes_;
    // What waits for scores.
    std::vector<Site> sites_;
    std::vector<MadeAllele> made_;
    std::vector<Allele> alleles_;
    MutagenesisSummary summary_;
};

}  // namespace

MutagenesisSummary mutagenesis(const MutagenesisParameters& parameters, Log& log, const TellWork& tell) {
    return Mutagenesis(parameters, log, tell).run();
}

}  // namespace regkit
