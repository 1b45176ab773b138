// Records are read until a chunk of alleles, or of memory, is full; all their alleles are scored together;
// then the records are finished and written in the order in which they came. Every allele leaves with a score
// or a note, and the counts are compared at the end. Memory of records is used again from chunk to chunk,
// unless one was very long.
#include "app/variants/annotate.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "app/model/genome_of.hpp"
#include "app/model/session.hpp"
#include "app/model/trained_reference.hpp"
#include "app/variants/annotation_fields.hpp"
#include "app/variants/annotation_header.hpp"
#include "app/variants/cached_reference.hpp"
#include "app/variants/effect_matrix.hpp"
#include "app/variants/record_alleles.hpp"
#include "app/variants/record_choice.hpp"
#include "app/variants/variant_scorer.hpp"
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
};

class Annotator {
  public:
    Annotator(const AnnotateParameters& parameters, Log& log, const TellWork& tell)
        : p_(parameters),
          log_(log),
          tell_(tell),
          session_(parameters.model, parameters.markers, parameters.backend, log),
          reference_(parameters.fasta),
          trained_(model(), parameters.model, reference_.fasta(), log),
          reader_(parameters.input, &log) {
        check_outputs({});
        format_ = p_.format ? *p_.format : variant_format_of(p_.output);
        check_outputs(index_names());
        scorer_ = std::make_unique<VariantScorer>(
            session_.take_model(), session_.backend(),
            [this](int contig, std::int64_t begin, std::int64_t end, std::span<std::uint8_t> codes) {
                reference_.read(contig, begin, end, codes);
            },
            ScorerOptions{p_.span, p_.all_phases, p_.rc_average});
        if (p_.check_reference) trained_.check_all();
    }

    AnnotateSummary run() {
        const auto start = std::chrono::steady_clock::now();
        const AnnotationFields fields(model(), scorer_->text());
        const std::vector<std::string> about = p_.provenance ? provenance() : std::vector<std::string>{};
        const bool listed =
            complete_header(reader_.header(), fields, reference_.contigs(), about, p_.fasta, log_);
        const RecordChoice choice(p_, reader_, reference_.fasta(), log_);
        RecordAlleleFinder finder(p_, reference_, reader_.header(), listed, summary_, log_);
        VcfWriter writer(p_.output, reader_.header(),
                         {format_, p_.write_index, longest_contig(), &log_, p_.lossy});
        std::optional<EffectMatrix> matrix;
        if (!p_.matrix.empty()) matrix.emplace(p_.matrix, model().markers, about);
        tell_records(false);
        while (read_chunk(finder, choice)) {
            const std::vector<AlleleEffect> effects = scorer_->score(alleles_);
            session_.tell_notices();
            for (std::size_t i = 0; i < filled_; ++i) finish(chunk_[i], effects, fields, writer, matrix);
            writer.flush();
            tell_records(false);
        }
        tell_records(true);
        check_counts(matrix ? matrix->rows() : summary_.alleles);
        OutputSet outputs;
        if (matrix) matrix->add_to(outputs, p_.write_index ? longest_contig() : 0);
        writer.add_to(outputs);
        outputs.commit();
        summary_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        report();
        return summary_;
    }

  private:
    const Model& model() const { return session_.model(); }

    // Beside the outputs; older ones are removed, whether or not new ones are made.
    std::vector<std::string> index_names() const {
        std::vector<std::string> names;
        for (const std::string& data : {is_compressed(format_) ? p_.output : "", p_.matrix})
            if (!data.empty() && !is_special_output(data))
                for (const char* ending : {".tbi", ".csi", ".gzi"}) names.push_back(data + ending);
        return names;
    }

    void check_outputs(std::vector<std::string> outputs) const {
        outputs.insert(outputs.begin(), p_.output);
        if (!p_.matrix.empty()) outputs.push_back(p_.matrix);
        refuse_inputs_as_outputs(outputs, {p_.input, p_.model, p_.fasta, p_.alias, p_.regions_file,
                                           p_.targets_file, p_.excluded_file});
        refuse_equal_outputs(outputs);
    }

    std::int64_t longest_contig() {
        std::int64_t longest = 1;
        for (const Contig& contig : reference_.contigs()) longest = std::max(longest, contig.length);
        return longest;
    }

    std::vector<std::string> provenance() {
        std::vector<std::string> lines = tool_lines("regsnp", p_.command_line);
        const std::vector<std::string> more =
            session_.provenance("regsnp", reference_digest(reference_.fasta()));
        lines.insert(lines.end(), more.begin(), more.end());
        for (std::string& line : lines) line.insert(0, "##");
        return lines;
    }

    // Around the first variant of a contig.
    void compare_with_training(const Allele& allele) {
        if (allele.contig == compared_contig_) return;
        compared_contig_ = allele.contig;
        trained_.reading(allele.contig, allele.change.begin, allele.change.begin + 1);
    }

    // Reads until a chunk of alleles, or of memory, is full. False when there is nothing left.
    bool read_chunk(RecordAlleleFinder& finder, const RecordChoice& choice) {
        filled_ = 0;
        alleles_.clear();
        std::size_t seen = 0, bytes = 0;
        while (seen < scorer_->chunk() && bytes < kWaitingBytes) {
            if (filled_ == chunk_.size()) chunk_.emplace_back();
            Pending& next = chunk_[filled_];
            const std::size_t room = filled_ == 0 ? VcfReader::kMaxLine : kWaitingBytes - bytes;
            if (reader_.next(next.record, room) != VcfReader::Got::record) break;
            if (!choice.takes(next.record)) {
                ++summary_.outside;
                continue;
            }
            ++filled_;
            const std::size_t before = alleles_.size();
            finder.find(next.record, next.alleles, alleles_);
            if (alleles_.size() > before) compare_with_training(alleles_[before]);
            // Records without alternatives count too, or a stretch of them would pile up.
            seen += std::max<std::size_t>(1, next.alleles.notes.size());
            bytes += next.record.bytes();
        }
        return filled_ > 0;
    }

    void tell_records(bool complete) {
        tell_({.unit = "records",
               .done = summary_.records,
               .share = reader_.share_read(),
               .complete = complete});
    }

    void finish(Pending& pending, const std::vector<AlleleEffect>& effects, const AnnotationFields& fields,
                VcfWriter& writer, std::optional<EffectMatrix>& matrix) {
        auto& [record, alleles] = pending;
        std::vector<AlleleEffect> own(alleles.notes.size());
        for (std::size_t a = 0; a < own.size(); ++a) {
            if (alleles.queries[a] >= 0) {
                own[a] = nth(effects, alleles.queries[a]);
                if (own[a].compared == 0) alleles.notes[a] = AlleleNote::uncompared;
                check_finite(record, own[a]);
            }
            summary_.scored += own[a].compared > 0;
            changed_ = changed_ || std::any_of(own[a].markers.begin(), own[a].markers.end(),
                                               [](const MarkerEffect& e) { return e.delta != 0; });
            ++nth(summary_.notes, alleles.notes[a]);
        }
        fields.values(record.position(), own, alleles.notes, fields_);
        summary_.replaced_fields += writer.write(record, fields_);
        if (matrix) matrix->add(record, own);
        if (record.bytes() > kKeptBytes) record.release();
    }

    // What is no number is no score.
    void check_finite(const VcfRecord& record, const AlleleEffect& effect) const {
        for (std::size_t m = 0; m < effect.markers.size(); ++m) {
            const MarkerEffect& e = effect.markers[m];
            require(std::isfinite(e.delta) && std::isfinite(e.ref) && std::isfinite(e.alt), ErrorKind::input,
                    p_.model + ": its output for marker " + model().markers[m].name + " is not finite at " +
                        record.where() + "; the model is damaged or did not learn");
        }
    }

    // Rows out = alleles in; every allele is scored or has a reason.
    void check_counts(std::int64_t rows) const {
        std::int64_t accounted = 0;
        for (const std::int64_t count : summary_.notes) accounted += count;
        const std::int64_t reasons =
            accounted - nth(summary_.notes, AlleleNote::none) - nth(summary_.notes, AlleleNote::vcf_ref);
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
        tell(summary_.outside, "was", "were", "outside the targets, and left out");
        tell(summary_.ref_mismatches, "has", "have", "a REF that is not the reference's");
        tell(summary_.missing_contig, "lies", "lie", "on a contig that the reference lacks");
        tell(summary_.unlisted_contig, "lies", "lie", "on a contig that the header does not list");
        tell(summary_.odd_quality, "has", "have", "a QUAL that is not a number that VCF can hold");
        if (summary_.scored > 1 && !changed_)
            log_.warn("constant", p_.model + ": its output did not change at any of " +
                                      counted(summary_.scored, "allele") + "; it may have learned nothing");
        tell_placeholders(p_.fasta, reference_.fasta().placeholders(), log_);
        tell_empty_records(reference_.fasta(), log_);
        if (summary_.replaced_fields > 0)
            log_.info("replaced " + counted(summary_.replaced_fields, "field") +
                      " of an earlier run of regsnp");
    }

    void tell(std::int64_t records, const char* one_does, const char* many_do, const std::string& what) {
        if (records > 0)
            log_.info(counted(records, "record") + " " + (records == 1 ? one_does : many_do) + " " + what);
    }

    const AnnotateParameters& p_;
    Log& log_;
    const TellWork& tell_;
    VariantFormat format_ = VariantFormat::vcf;
    Session session_;
    CachedReference reference_;
    TrainedReference trained_;
    int compared_contig_ = -1;
    VcfReader reader_;
    std::unique_ptr<VariantScorer> scorer_;
    std::vector<Pending> chunk_;
    std::size_t filled_ = 0;
    std::vector<Allele> alleles_;
    std::vector<InfoField> fields_;
    bool changed_ = false;  // an allele changes some marker
    AnnotateSummary summary_;
};

}  // namespace

AnnotateSummary annotate(const AnnotateParameters& parameters, Log& log, const TellWork& tell) {
    return Annotator(parameters, log, tell).run();
}

}  // namespace regkit
