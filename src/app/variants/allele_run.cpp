// Model and reference are opened first, since what is wrong with them is told before anything is written; the
// back end comes last, which takes a while where there is a GPU.
#include "app/variants/allele_run.hpp"

#include <algorithm>
#include <cmath>

#include "app/model/genome_of.hpp"
#include "base/text.hpp"
#include "kernels/base/error.hpp"

namespace regkit {

AlleleRun::AlleleRun(const ScoringParameters& parameters, Log& log)
    : p_(parameters),
      log_(log),
      session_(p_.model, p_.markers, p_.backend, log),
      reference_(p_.fasta),
      trained_(model(), p_.model, reference_.fasta(), log) {}

std::int64_t AlleleRun::longest_contig() const {
    std::int64_t longest = 1;
    for (const Contig& contig : reference_.contigs()) longest = std::max(longest, contig.length);
    return longest;
}

void AlleleRun::make_scorer(const ScorerOptions& options) {
    scorer_ = std::make_unique<VariantScorer>(
        session_.take_model(), session_.backend(),
        [this](int contig, std::int64_t begin, std::int64_t end, std::span<std::uint8_t> codes) {
            reference_.read(contig, begin, end, codes);
        },
        options);
    if (p_.check_reference) trained_.check_all();
}

void AlleleRun::compare_with_training(const Allele& allele) {
    if (allele.contig == compared_contig_) return;
    compared_contig_ = allele.contig;
    trained_.reading(allele.contig, allele.change.begin, allele.change.begin + 1);
}

std::vector<AlleleEffect> AlleleRun::score(std::span<const Allele> alleles,
                                           const std::function<std::string(std::size_t)>& where) {
    std::vector<AlleleEffect> effects = scorer_->score(alleles);
    session_.tell_notices();
    for (std::size_t i = 0; i < effects.size(); ++i) {
        scored_ += effects[i].compared > 0;
        for (std::size_t m = 0; m < effects[i].markers.size(); ++m) {
            const MarkerEffect& e = effects[i].markers[m];
            if (!std::isfinite(e.delta) || !std::isfinite(e.ref) || !std::isfinite(e.alt))
                throw Error(ErrorKind::input, p_.model + ": its output for marker " +
                                                  model().markers[m].name + " is not finite at " + where(i) +
                                                  "; the model is damaged or did not learn");
            changed_ = changed_ || e.delta != 0;
        }
    }
    return effects;
}

std::vector<std::string> AlleleRun::provenance() {
    if (!p_.provenance) return {};
    std::vector<std::string> lines = tool_lines("regsnp", p_.command_line);
    const std::vector<std::string> more = session_.provenance("regsnp", reference_digest(reference_.fasta()));
    lines.insert(lines.end(), more.begin(), more.end());
    for (std::string& line : lines) line.insert(0, "##");
    return lines;
}

void AlleleRun::tell_end() {
    if (scored_ > 1 && !changed_)
        log_.warn("constant", p_.model + ": its output did not change at any of " +
                                  counted(scored_, "allele") + "; it may have learned nothing");
    tell_placeholders(p_.fasta, reference_.fasta().placeholders(), log_);
    tell_empty_records(reference_.fasta(), log_);
}

}  // namespace regkit
