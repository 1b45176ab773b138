// All substitutions of the regions have a number each, in their order, and numbers are drawn.
#include "app/mutations/random_variants.hpp"

#include "app/mutations/known_bases.hpp"
#include "app/mutations/made_allele.hpp"
#include "app/mutations/scored_vcf.hpp"
#include "base/text.hpp"
#include "io/files/output_check.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kAlts = 3;  // of a known base

class RandomVariants {
  public:
    RandomVariants(const RandomParameters& p, Log& log, const TellWork& tell)
        : p_(p), log_(log), tell_(tell), run_(p, log) {
        const VariantFormat format = p.format ? *p.format : variant_format_of(p.output);
        std::vector<std::string> outputs{p.output};
        if (is_compressed(format))
            for (std::string& name : index_names(p.output)) outputs.push_back(std::move(name));
        std::vector<std::string> inputs = p.models;
        inputs.insert(inputs.end(), {p.fasta, p.regions_file});
        refuse_inputs_as_outputs(outputs, inputs);
        bases_.emplace(run_.reference(), p.regions, p.regions_file, log);
        require(p.count <= bases_->count() * kAlts, ErrorKind::input,
                "the regions hold " + counted(bases_->count(), "base") + " that are not N, and so " +
                    counted(bases_->count() * kAlts, "substitution") + ": there are no " +
                    std::to_string(p.count) + " to draw (-n)");
        run_.make_scorer({.span = p.span, .all_phases = p.all_phases, .rc_average = p.rc_average});
        vcf_.emplace(p.output, format, run_, p, log);
    }

    void run() {
        tell_alleles(false);
        bases_->visit(random_numbers(bases_->count() * kAlts, p_.count, p_.seed), kAlts,
                      [this](int contig, std::int64_t at, std::uint8_t code, std::int64_t choice) {
                          auto alt = static_cast<std::uint8_t>(1 + choice);
                          if (alt >= code) ++alt;  // the reference's own is passed over
                          add(substitution(contig, at, code, alt));
                      });
        score();
        tell_alleles(true);
        OutputSet outputs;
        vcf_->add_to(outputs);
        outputs.commit();
        log_.info(std::to_string(p_.count) + " of " + counted(bases_->count() * kAlts, "substitution") +
                  " at " + counted(bases_->count(), "base"));
        run_.tell_end();
    }

  private:
    void add(MadeAllele made) {
        alleles_.push_back(allele_of(made, nth(run_.reference().contigs(), made.contig).length));
        run_.compare_with_training(alleles_.back());
        made_.push_back(std::move(made));
        if (alleles_.size() >= run_.scorer().chunk()) score();
    }

    void score() {
        const std::vector<AlleleEffect> effects = run_.score(alleles_, [this](std::size_t i) {
            return nth(run_.reference().contigs(), made_[i].contig).name + ":" +
                   std::to_string(made_[i].position + 1);
        });
        for (std::size_t i = 0; i < made_.size(); ++i) vcf_->add(made_[i], effects[i]);
        vcf_->flush();
        done_ += std::ssize(made_);
        made_.clear();
        alleles_.clear();
        tell_alleles(false);
    }

    void tell_alleles(bool complete) {
        tell_({.unit = "records", .done = done_, .total = p_.count, .complete = complete});
    }

    const RandomParameters& p_;
    Log& log_;
    const TellWork& tell_;
    AlleleRun run_;
    std::optional<KnownBases> bases_;
    std::optional<ScoredVcf> vcf_;
    std::vector<MadeAllele> made_;
    std::vector<Allele> alleles_;
    std::int64_t done_ = 0;
};

}  // namespace

void random_variants(const RandomParameters& parameters, Log& log, const TellWork& tell) {
    RandomVariants(parameters, log, tell).run();
}

}  // namespace regkit
