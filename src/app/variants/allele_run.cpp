// Model and reference are opened first, since what is wrong with them is told before anything is written; the
// back end comes last, which takes a while where there is a GPU.
#include "app/variants/allele_run.hpp"

#include <algorithm>
#include <cmath>

#include "app/model/ensemble.hpp"
#include "app/model/genome_of.hpp"
#include "base/text.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/thread_pool.hpp"

namespace regkit {

namespace {

constexpr double kVerifyTolerance = 1e-4;  // of a logit

}  // namespace

AlleleRun::AlleleRun(const ScoringParameters& parameters, Log& log)
    : p_(parameters), log_(log), session_(p_.models, p_.markers, p_.backend, log), reference_(p_.fasta) {
    for (std::size_t i = 0; i < p_.models.size(); ++i)
        trained_.emplace_back(session_.models()[i], p_.models[i], reference_.fasta(), log);
    if (!session_.is_ensemble()) return;
    mean_.emplace();
    mean_->spec.task = session_.model().spec.task;
    mean_->markers = session_.model().markers;
}

std::int64_t AlleleRun::longest_contig() const {
    std::int64_t longest = 1;
    for (const Contig& contig : reference_.contigs()) longest = std::max(longest, contig.length);
    return longest;
}

void AlleleRun::make_scorer(ScorerOptions options) {
    options.workers = resolve_workers(p_.backend.workers);
    scorer_ = std::make_unique<VariantScorer>(
        take_models(), p_.models, session_.backend(),
        [this](int contig, std::int64_t begin, std::int64_t end, std::span<std::uint8_t> codes) {
            reference_.read(contig, begin, end, codes);
        },
        options);
}

std::vector<Model> AlleleRun::take_models() {
    if (p_.check_reference)
        for (TrainedReference& one : trained_) one.check_all();
    return session_.take_models();
}

void AlleleRun::compare_with_training(int contig, std::int64_t position) {
    if (contig == compared_contig_) return;
    compared_contig_ = contig;
    for (TrainedReference& one : trained_) one.reading(contig, position, position + 1);
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
                throw Error(ErrorKind::input, models_text(p_.models) + ": its output for marker " +
                                                  model().markers[m].name + " is not finite at " + where(i) +
                                                  "; the model is damaged or did not learn");
            changed_ = changed_ || e.delta != 0;
        }
    }
    verify(alleles, effects);
    return effects;
}

// Alleles 0, 1, 3, 6, 10, ...: some of every length of run.
void AlleleRun::verify(std::span<const Allele> alleles, std::span<const AlleleEffect> effects) {
    for (std::size_t i = 0; i < alleles.size(); ++i) {
        if (seen_++ != verified_ * (verified_ + 1) / 2 || verified_ == p_.verify) continue;
        ++verified_;
        const AlleleEffect whole = scorer_->score(alleles.subspan(i, 1), true).front();
        for (std::size_t m = 0; m < whole.markers.size(); ++m)
            for (const auto& [a, b] : {std::pair(effects[i].markers[m].ref, whole.markers[m].ref),
                                       std::pair(effects[i].markers[m].delta, whole.markers[m].delta)}) {
                const double difference = std::fabs(static_cast<double>(a) - static_cast<double>(b));
                if (!(difference <= verified_difference_)) verified_difference_ = difference;
            }
    }
}

// What the CPU computes is the same to the bit; GPUs may add in other orders.
void AlleleRun::tell_verified() {
    if (p_.verify == 0) return;
    const std::string what = counted(verified_, "allele") + " scored once more in whole windows: ";
    require(verified_difference_ <= kVerifyTolerance, ErrorKind::resource,
            what + "logits differ by up to " + number_text(verified_difference_) +
                "; this is a fault of regkit or of the device");
    log_.info(what + (verified_difference_ == 0
                          ? "the same"
                          : "logits differ by at most " + number_text(verified_difference_)));
}

std::vector<std::string> AlleleRun::settings() {
    std::vector<std::string> lines;
    for (const std::string& digest : session_.digests()) lines.push_back("model=sha256:" + digest);
    std::string names;
    for (const Marker& marker : model().markers) names += (names.empty() ? "" : ",") + marker.name;
    lines.push_back("markers=" + names);
    lines.push_back("compared=" + scorer_->text().compared.substr(1));
    lines.push_back(std::string("phases=") + (p_.all_phases ? "all" : "own"));
    return lines;
}

std::optional<VariantKind> AlleleRun::kind_of(const Allele& allele) {
    const std::int64_t begin = allele.change.begin, end = begin + allele.change.removed;
    std::vector<std::uint8_t> around(static_cast<std::size_t>(end - begin + 2), kCodeN);
    const std::int64_t from = std::max<std::int64_t>(0, begin - 1),
                       to = std::min(end + 1, allele.contig_length);
    reference_.read(allele.contig, from, to,
                    std::span(around).subspan(static_cast<std::size_t>(from - (begin - 1)),
                                              static_cast<std::size_t>(to - from)));
    return variant_kind(allele.change, around);
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
        log_.warn("constant", models_text(p_.models) + ": its output did not change at any of " +
                                  counted(scored_, "allele") + "; it may have learned nothing");
    tell_placeholders(p_.fasta, reference_.fasta().placeholders(), log_);
    tell_empty_records(reference_.fasta(), log_);
    tell_verified();
}

}  // namespace regkit
