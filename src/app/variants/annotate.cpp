// Records are read until a chunk of alleles, or of memory, is full; all their alleles are scored together;
// then the records are finished and written in the order in which they came. Every allele leaves with a score
// or a note, and the counts are compared at the end. Memory of records is used again from chunk to chunk,
// unless one was very long.
#include "app/variants/annotate.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>

#include "app/variants/allele_run.hpp"
#include "app/variants/annotation_fields.hpp"
#include "app/variants/annotation_header.hpp"
#include "app/variants/background.hpp"
#include "app/variants/effect_matrix.hpp"
#include "app/variants/phased_records.hpp"
#include "app/variants/record_alleles.hpp"
#include "app/variants/record_choice.hpp"
#include "app/variants/target_intervals.hpp"
#include "app/variants/variant_part.hpp"
#include "base/text.hpp"
#include "io/files/output_check.hpp"
#include "io/files/output_set.hpp"
#include "io/vcf/vcf.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

// Of records that wait for scores. A line that is longer waits alone.
constexpr std::size_t kWaitingBytes = std::size_t{64} << 20;
// A record's memory is kept for the next one up to this size: a chunk has at most 256 of them.
constexpr std::size_t kKeptBytes = std::size_t{1} << 18;

// A record on its way through: read, then scored, then written.
struct Pending {
    VcfRecord record;
    RecordAlleles alleles;
    static constexpr std::ptrdiff_t kUnknown = -1, kReference = -2;  // what a haplotype has here
    // Numbers of alleles, as in RecordAlleles::queries, or one of the two above.
    std::array<std::ptrdiff_t, 2> haplotypes{kUnknown, kUnknown};
};

class Annotator {
  public:
    Annotator(const AnnotateParameters& parameters, Log& log, const TellWork& tell)
        : p_(parameters), log_(log), tell_(tell), run_(parameters, log), reader_(parameters.input, &log) {
        check_outputs({});
        if (p_.haplotypes) sample_ = find_sample(reader_.header(), p_.sample);
        format_ = p_.format ? *p_.format : variant_format_of(p_.output);
        std::vector<std::string> beside = index_names(p_.matrix);
        if (is_compressed(format_))
            for (std::string& name : index_names(p_.output)) beside.push_back(std::move(name));
        check_outputs(std::move(beside));
        if (!p_.background.empty()) {
            background_ = Background::read(p_.background);
            classes_.emplace(run_.model().markers);
        }
        run_.make_scorer({.span = p_.span, .all_phases = p_.all_phases, .rc_average = p_.rc_average});
        if (background_) background_->require_settings(run_.settings(), p_.background);
        if (!p_.target.empty()) targets_ = TargetIntervals(p_.target, run_.reference().fasta(), log_);
    }

    AnnotateSummary run() {
        const auto start = std::chrono::steady_clock::now();
        const AnnotationFields fields(
            run_.model(), run_.scorer().text(),
            {.top = p_.top,
             .target = p_.target,
             .quantiles = background_.has_value(),
             .sample = p_.haplotypes ? nth(reader_.header().samples(), sample_) : std::string()});
        const std::vector<std::string> about = run_.provenance();
        CachedReference& reference = run_.reference();
        const bool listed =
            complete_header(reader_.header(), fields, reference.contigs(), about, p_.fasta, log_);
        const std::int64_t sight = p_.haplotypes ? run_.scorer().sight() : 0;
        const RecordChoice choice(p_, reader_, reference.fasta(), log_, 2 * sight);
        if (p_.shard) reader_.header().add_line(part_line(part_of(p_, run_)));
        RecordAlleleFinder finder(p_, reference, reader_.header(), listed, summary_, log_);
        AnnotateSummary of_others;  // records that are read for their neighbours' haplotypes
        RecordAlleleFinder others(p_, reference, reader_.header(), listed, of_others, log_,
                                  [](const Error&) {});
        if (p_.haplotypes) phased_.emplace(reader_, choice, finder, others, sample_, sight);
        VcfWriter writer(p_.output, reader_.header(),
                         {format_, p_.write_index, run_.longest_contig(), &log_, p_.lossy});
        std::optional<EffectMatrix> matrix;
        if (!p_.matrix.empty()) matrix.emplace(p_.matrix, run_.model().markers, about);
        tell_records(false);
        while (read_chunk(finder, choice)) {
            const std::vector<AlleleEffect> effects =
                run_.score(alleles_, [this](std::size_t allele) { return where(allele); });
            for (std::size_t i = 0; i < filled_; ++i) finish(chunk_[i], effects, fields, writer, matrix);
            writer.flush();
            tell_records(false);
        }
        tell_records(true);
        if (phased_) summary_.outside = phased_->outside();
        check_counts(matrix ? matrix->rows() : summary_.alleles);
        OutputSet outputs;
        if (matrix) matrix->add_to(outputs, p_.write_index ? run_.longest_contig() : 0);
        writer.add_to(outputs);
        outputs.commit();
        summary_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        report();
        return summary_;
    }

  private:
    void check_outputs(std::vector<std::string> outputs) const {
        outputs.insert(outputs.begin(), p_.output);
        if (!p_.matrix.empty()) outputs.push_back(p_.matrix);
        std::vector<std::string> inputs = p_.models;
        inputs.insert(inputs.end(), {p_.input, p_.fasta, p_.alias, p_.regions_file, p_.targets_file,
                                     p_.excluded_file, p_.background, p_.target});
        refuse_inputs_as_outputs(outputs, inputs);
        refuse_equal_outputs(outputs);
    }

    // Reads until a chunk of alleles, or of memory, is full. False when there is nothing left.
    bool read_chunk(RecordAlleleFinder& finder, const RecordChoice& choice) {
        filled_ = 0;
        alleles_.clear();
        std::size_t seen = 0, bytes = 0;
        while (seen < run_.scorer().chunk() && bytes < kWaitingBytes) {
            if (filled_ == chunk_.size()) chunk_.emplace_back();
            Pending& next = chunk_[filled_];
            const std::size_t before = alleles_.size();
            std::array<SampleHaplotype, 2> haplotypes;
            if (phased_) {
                if (!phased_->next(next.record, next.alleles, alleles_, haplotypes)) break;
                ++filled_;
            } else {
                const std::size_t room = filled_ == 0 ? VcfReader::kMaxLine : kWaitingBytes - bytes;
                if (reader_.next(next.record, room) != VcfReader::Got::record) break;
                if (!choice.reads_for_itself(next.record)) continue;
                if (!choice.takes(next.record)) {
                    ++summary_.outside;
                    continue;
                }
                ++filled_;
                finder.find(next.record, next.alleles, alleles_);
            }
            if (alleles_.size() > before) run_.compare_with_training(alleles_[before]);
            for (std::size_t a = before; a < alleles_.size(); ++a) find_intervals(alleles_[a]);
            add_haplotypes(haplotypes, next);
            // Records without alternatives count too, or a stretch of them would pile up.
            seen += std::max<std::size_t>(1, next.alleles.notes.size());
            bytes += next.record.bytes();
        }
        return filled_ > 0;
    }

    // What is to be scored of a record's haplotypes, behind its alleles.
    void add_haplotypes(const std::array<SampleHaplotype, 2>& haplotypes, Pending& to) {
        using Kind = SampleHaplotype::Kind;
        to.haplotypes = {Pending::kUnknown, Pending::kUnknown};
        for (std::size_t side = 0; side < 2; ++side) {
            const SampleHaplotype& h = haplotypes[side];
            if (h.kind == Kind::reference) to.haplotypes[side] = Pending::kReference;
            if (h.kind == Kind::allele) to.haplotypes[side] = nth(to.alleles.queries, h.alt);
            if (h.kind != Kind::several) continue;
            const SampleHaplotype& first = haplotypes.front();
            if (side == 1 && first.kind == Kind::several && first.centre == h.centre &&
                *first.edits == *h.edits) {
                to.haplotypes[1] = to.haplotypes[0];
                continue;
            }
            to.haplotypes[side] = std::ssize(alleles_);
            Allele& allele = alleles_.emplace_back();
            allele.contig = to.alleles.contig;
            allele.contig_length = nth(run_.reference().contigs(), allele.contig).length;
            allele.change = h.centre;
            allele.edits = h.edits;
        }
    }

    void finish_haplotypes(const Pending& pending, const std::vector<AlleleEffect>& effects,
                           const AnnotationFields& fields) {
        std::array<float, 2> changes{};  // 0 where it is REF
        for (std::size_t side = 0; side < 2; ++side) {
            const std::ptrdiff_t query = pending.haplotypes[side];
            if (query == Pending::kUnknown) changes[side] = std::numeric_limits<float>::quiet_NaN();
            if (query >= 0) changes[side] = fields.largest_change(nth(effects, query));
        }
        fields.add_haplotypes(changes, fields_);
    }

    std::vector<std::optional<EffectQuantiles>> quantiles_of(const RecordAlleles& alleles,
                                                             const std::vector<AlleleEffect>& effects) {
        std::vector<std::optional<EffectQuantiles>> quantiles(effects.size());
        for (std::size_t a = 0; a < effects.size(); ++a) {
            if (effects[a].compared == 0) continue;
            const std::optional<VariantKind> kind = run_.kind_of(nth(alleles_, alleles.queries[a]));
            if (kind) quantiles[a] = background_->quantiles(classes_->effect_of(effects[a], *kind));
        }
        return quantiles;
    }

    void find_intervals(Allele& allele) {
        const std::int64_t reach = run_.scorer().reach(), end = allele.change.begin + allele.change.removed;
        allele.intervals = targets_.within(allele.contig, allele.change.begin - reach, end + reach);
    }

    void tell_records(bool complete) {
        tell_({.unit = "records",
               .done = summary_.records,
               .share = reader_.share_read(),
               .complete = complete});
    }

    void finish(Pending& pending, const std::vector<AlleleEffect>& effects, const AnnotationFields& fields,
                VcfWriter& writer, std::optional<EffectMatrix>& matrix) {
        VcfRecord& record = pending.record;
        RecordAlleles& alleles = pending.alleles;
        std::vector<AlleleEffect> own(alleles.notes.size());
        for (std::size_t a = 0; a < own.size(); ++a) {
            if (alleles.queries[a] >= 0) {
                own[a] = nth(effects, alleles.queries[a]);
                if (own[a].compared == 0) alleles.notes[a] = AlleleNote::uncompared;
            }
            summary_.scored += own[a].compared > 0;
            summary_.gains += !own[a].gained.empty();
            summary_.losses += !own[a].lost.empty();
            ++nth(summary_.notes, alleles.notes[a]);
        }
        fields.values(record.position(), own, alleles.notes, fields_);
        if (background_) fields.add_quantiles(quantiles_of(alleles, own), fields_);
        if (phased_) finish_haplotypes(pending, effects, fields);
        summary_.replaced_fields += writer.write(record, fields_);
        if (matrix) matrix->add(record, own);
        if (record.bytes() > kKeptBytes) record.release();
    }

    // For messages: the record of an allele in `alleles_`.
    std::string where(std::size_t allele) const {
        const auto has = [&](const Pending& pending) {
            const std::vector<std::ptrdiff_t>& queries = pending.alleles.queries;
            const auto query = static_cast<std::ptrdiff_t>(allele);
            return std::ranges::count(queries, query) + std::ranges::count(pending.haplotypes, query) > 0;
        };
        return std::find_if(chunk_.begin(), chunk_.end(), has)->record.where();
    }

    // Rows out = alleles in; every allele is scored or has a reason.
    void check_counts(std::int64_t rows) const {
        std::int64_t accounted = 0;
        for (const std::int64_t count : summary_.notes) accounted += count;
        std::int64_t reasons = accounted;
        for (const AlleleNote note :
             {AlleleNote::none, AlleleNote::vcf_ref, AlleleNote::unphased, AlleleNote::overlap})
            reasons -= nth(summary_.notes, note);
        if (rows != summary_.alleles || accounted != summary_.alleles ||
            summary_.scored + reasons != summary_.alleles)
            throw std::logic_error("alleles in and out differ");
    }

    void report() {
        if (reader_.unterminated())
            log_.warn(
                "unterminated",
                p_.input +
                    ": the last line has no newline, and got one in the output; was the file cut there?");
        std::string text = counted(summary_.records, "record") + ", " + counted(summary_.alleles, "allele") +
                           ", " + std::to_string(summary_.scored) + " scored";
        for (int i = 1; i < kAlleleNotes; ++i)
            if (nth(summary_.notes, i) > 0)
                text += ", " + std::to_string(nth(summary_.notes, i)) + " " +
                        to_string(static_cast<AlleleNote>(i));
        log_.info(text);
        if (summary_.gains + summary_.losses > 0)
            log_.info("a site appears with " + counted(summary_.gains, "allele") + ", and vanishes with " +
                      std::to_string(summary_.losses));
        tell(summary_.outside, "was", "were", "outside the targets, and left out");
        tell(summary_.ref_mismatches, "has", "have", "a REF that is not the reference's");
        tell(summary_.missing_contig, "lies", "lie", "on a contig that the reference lacks");
        tell(summary_.unlisted_contig, "lies", "lie", "on a contig that the header does not list");
        tell(summary_.odd_quality, "has", "have", "a QUAL that is not a number that VCF can hold");
        if (phased_) tell_phases(phased_->counts());
        run_.tell_end();
        if (summary_.replaced_fields > 0)
            log_.info("replaced " + counted(summary_.replaced_fields, "field") +
                      " of an earlier run of regsnp");
    }

    void tell_phases(const PhaseCounts& counts) {
        tell(counts.missing, "has", "have", "no genotype of the sample, or one that is not complete");
        tell(counts.unphased, "is", "are", "heterozygous without a phase: its variants are in no haplotype");
        tell(counts.polyploid, "has", "have", "more than two alleles of the sample: none is in a haplotype");
        tell(counts.other_sets, "lies", "lie",
             "near variants of another phase set, which are left out there");
        if (counts.missing == summary_.records && summary_.records > 0)
            log_.warn("no-genotypes",
                      p_.input + ": no record has the sample's genotype, so there is no REG_H1 and REG_H2");
    }

    void tell(std::int64_t records, const char* one_does, const char* many_do, const std::string& what) {
        if (records > 0)
            log_.info(counted(records, "record") + " " + (records == 1 ? one_does : many_do) + " " + what);
    }

    const AnnotateParameters& p_;
    Log& log_;
    const TellWork& tell_;
    VariantFormat format_ = VariantFormat::vcf;
    AlleleRun run_;
    TargetIntervals targets_;
    VcfReader reader_;
    std::vector<Pending> chunk_;
    std::size_t filled_ = 0;
    std::vector<Allele> alleles_;
    std::vector<InfoField> fields_;
    AnnotateSummary summary_;
    std::optional<Background> background_;
    std::optional<MarkerClasses> classes_;
    std::size_t sample_ = 0;
    std::optional<PhasedRecords> phased_;
};

}  // namespace

AnnotateSummary annotate(const AnnotateParameters& parameters, Log& log, const TellWork& tell) {
    return Annotator(parameters, log, tell).run();
}

}  // namespace regkit
