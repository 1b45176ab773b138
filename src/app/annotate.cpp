#include "app/annotate.hpp"

#include <algorithm>
#include <chrono>
#include <unordered_map>

#include "app/annotation_fields.hpp"
#include "app/effect_matrix.hpp"
#include "app/model.hpp"
#include "app/variant_scorer.hpp"
#include "base/error.hpp"
#include "base/version.hpp"
#include "io/atomic_file.hpp"
#include "io/contig_alias.hpp"
#include "io/fasta.hpp"
#include "io/vcf.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kCacheBases = 1 << 18;
constexpr std::int64_t kChunkRecordBytes = std::int64_t{64} << 20;
constexpr int kShownBases = 20;

// The reference with its last stretch at hand: neighbouring variants read overlapping windows.
class CachedReference {
  public:
    explicit CachedReference(const std::string& path) : fasta_(path) {}

    FastaFile& fasta() { return fasta_; }

    void read(int contig, std::int64_t begin, std::int64_t end, std::span<std::uint8_t> codes) {
        if (contig != contig_ || begin < begin_ || end > begin_ + static_cast<std::int64_t>(cache_.size())) load(contig, begin, end);
        std::copy_n(cache_.begin() + (begin - begin_), end - begin, codes.begin());
    }

  private:
    void load(int contig, std::int64_t begin, std::int64_t end) {
        const std::int64_t length = fasta_.contigs()[static_cast<std::size_t>(contig)].length;
        contig_ = -1;  // should reading throw
        begin_ = std::max<std::int64_t>(0, begin - kCacheBases / 8);
        const std::int64_t until = std::min(length, std::max(end, begin_ + kCacheBases));
        cache_.resize(static_cast<std::size_t>(until - begin_));
        fasta_.read(contig, begin_, until, cache_);
        contig_ = contig;
    }
    FastaFile fasta_;
    int contig_ = -1;
    std::int64_t begin_ = 0;
    std::vector<std::uint8_t> cache_;
};

std::string shortened(std::string_view bases) {
    if (bases.size() <= kShownBases) return std::string(bases);
    return std::string(bases.substr(0, kShownBases)) + "... (" + std::to_string(bases.size()) + " bases)";
}

// A record on its way through: read, then scored, then written.
struct Pending {
    VcfRecord record;
    std::vector<AlleleNote> notes;         // one an ALT
    std::vector<std::ptrdiff_t> queries;   // index of its Allele in the chunk, -1 = not scored
};

class Annotator {
  public:
    Annotator(const AnnotateParameters& parameters, Log& log)
        : p_(parameters),
          log_(log),
          model_(chosen(parameters)),
          reference_(parameters.fasta),
          alias_(parameters.alias.empty() ? ContigAlias() : ContigAlias(parameters.alias)),
          reader_(parameters.input) {
        check_paths();
        BackendChoice choice = make_backend(p_.backend);
        if (!choice.notice.empty()) log_.info(choice.notice);
        backend_ = std::move(choice.backend);
        scorer_ = std::make_unique<VariantScorer>(
            model_, *backend_,
            [this](int contig, std::int64_t begin, std::int64_t end, std::span<std::uint8_t> codes) {
                reference_.read(contig, begin, end, codes);
            },
            ScorerOptions{p_.span, p_.all_phases});
        compare_with_training();
    }

    AnnotateSummary run() {
        const auto start = std::chrono::steady_clock::now();
        const AnnotationFields fields(model_.markers, model_.spec.task, scorer_->compared());
        fields.define(reader_.header());
        complete_header();
        VcfWriter writer(p_.output, reader_.header(), {p_.format.value_or(variant_format_of(p_.output)), p_.write_index});
        std::optional<EffectMatrix> matrix;
        if (!p_.matrix.empty()) matrix.emplace(p_.matrix, model_.markers, p_.provenance ? provenance() : std::vector<std::string>{});
        while (read_chunk()) {
            const std::vector<AlleleEffect> effects = scorer_->score(alleles_);
            for (const std::string& notice : backend_->take_notices()) log_.info(notice);
            for (std::size_t i = 0; i < filled_; ++i) finish(chunk_[i], effects, fields, writer, matrix);
            writer.flush();
        }
        check_counts(matrix ? matrix->rows() : summary_.alleles);
        if (matrix) matrix->commit(p_.write_index ? longest_contig() : 0);
        writer.commit();
        summary_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        report();
        return summary_;
    }

  private:
    static Model chosen(const AnnotateParameters& p) {
        Model model = load_model(p.model);
        if (p.markers.empty()) return model;
        const std::string digest = model.digest;
        const std::vector<int> indexes = select_markers(model.markers, p.markers);
        Model kept = restrict_markers(std::move(model), indexes);
        kept.digest = digest;
        return kept;
    }

    void check_paths() const {
        for (const std::string& output : {p_.output, p_.matrix}) {
            if (output.empty() || output == "-") continue;
            for (const std::string& input : {p_.input, p_.model, p_.fasta, p_.alias})
                if (!input.empty() && input != "-") refuse_same_file(output, input);
        }
        if (!p_.matrix.empty()) refuse_same_output(p_.output, p_.matrix);
    }

    const std::vector<Contig>& reference_contigs() { return reference_.fasta().contigs(); }

    // Any genome may be annotated; that it is another one than the model's is worth a word.
    void compare_with_training() {
        for (const ReferenceContig& trained : model_.reference) {
            const int found = reference_.fasta().find(trained.name);
            if (found >= 0 && reference_contigs()[static_cast<std::size_t>(found)].length == trained.length) continue;
            log_.info(p_.fasta + ": not the reference that the model was trained on (" + trained.name +
                      (found < 0 ? " is not in it)" : " has another length)"));
            return;
        }
    }

    std::int64_t longest_contig() {
        std::int64_t longest = 1;
        for (const Contig& contig : reference_contigs()) longest = std::max(longest, contig.length);
        return longest;
    }

    std::vector<std::string> provenance() {
        return {"##regsnpVersion=" + std::string(version()), "##regsnpCommand=" + p_.command_line,
                "##regsnpModel=sha256:" + model_.digest, "##regsnpReference=sha256:" + reference_digest(reference_.fasta()),
                "##regsnpDevice=" + std::string(backend_->description())};
    }

    void complete_header() {
        VcfHeader& header = reader_.header();
        // A header without contigs is legal text, yet no index and no BCF could be made of it.
        declared_ = !header.contigs().empty();
        if (!declared_)
            for (const Contig& contig : reference_contigs()) header.add_contig(contig);
        if (!p_.provenance) return;
        if (!header.has_line("reference")) header.add_line("##reference=" + p_.fasta);
        for (const std::string& line : provenance()) header.add_line(line);
    }

    // Reads until a chunk of alleles, or of memory, is full. False when there is nothing left.
    bool read_chunk() {
        filled_ = 0;
        alleles_.clear();
        std::size_t seen = 0;
        std::int64_t bytes = 0;
        while (seen < scorer_->chunk() && bytes < kChunkRecordBytes) {
            if (filled_ == chunk_.size()) chunk_.emplace_back();
            Pending& next = chunk_[filled_];
            if (!reader_.next(next.record)) break;
            ++filled_;
            prepare(next);
            // Records without alternatives count too, or a stretch of them would pile up.
            seen += std::max<std::size_t>(1, next.notes.size());
            bytes += next.record.bytes();
        }
        return filled_ > 0;
    }

    void prepare(Pending& pending) {
        VcfRecord& record = pending.record;
        ++summary_.records;
        summary_.replaced_fields += reader_.header().strip_info(record);
        const auto alleles = static_cast<std::size_t>(record.alts());
        summary_.alleles += static_cast<std::int64_t>(alleles);
        pending.notes.assign(alleles, AlleleNote::none);
        pending.queries.assign(alleles, -1);
        const int contig = contig_of(record);
        const std::int64_t length = reference_contigs()[static_cast<std::size_t>(contig)].length;
        const auto ref_kind = classify_allele(record.ref());
        for (std::size_t a = 0; a < alleles; ++a) pending.notes[a] = note_of(record, a, ref_kind);
        // POS 0 and the position past the end stand for the telomeres: there is no REF to compare.
        if (record.position() == -1 || record.position() == length) {
            for (AlleleNote& note : pending.notes)
                if (note == AlleleNote::none || note == AlleleNote::ambiguous) note = AlleleNote::telomere;
            return;
        }
        const RefState state = check_ref(record, contig, length);
        for (std::size_t a = 0; a < alleles; ++a) {
            if (state == RefState::unknown && pending.notes[a] == AlleleNote::none) pending.notes[a] = AlleleNote::ambiguous;
            if (state == RefState::skipped) pending.notes[a] = AlleleNote::ref_mismatch;
            if (pending.notes[a] != AlleleNote::none) continue;
            if (state == RefState::vcfs) pending.notes[a] = AlleleNote::vcf_ref;
            pending.queries[a] = static_cast<std::ptrdiff_t>(alleles_.size());
            alleles_.push_back(allele_of(record, a, contig, length, state == RefState::vcfs));
        }
    }

    enum class RefState { same, unknown, skipped, vcfs };

    AlleleNote note_of(const VcfRecord& record, std::size_t a, std::optional<AlleleKind> ref_kind) const {
        const std::string_view alt = record.alt(static_cast<int>(a));
        const auto kind = classify_allele(alt);
        require(kind.has_value(), ErrorKind::input,
                record.where() + ": ALT '" + shortened(alt) + "' is neither bases nor symbolic, nor a breakend nor '*'");
        switch (*kind) {
            case AlleleKind::star: return AlleleNote::star;
            case AlleleKind::symbolic: return AlleleNote::symbolic;
            case AlleleKind::breakend: return AlleleNote::breakend;
            case AlleleKind::ambiguous: return AlleleNote::ambiguous;
            case AlleleKind::bases: break;
        }
        return ref_kind == AlleleKind::bases ? AlleleNote::none : AlleleNote::ambiguous;
    }

    static Allele allele_of(const VcfRecord& record, std::size_t a, int contig, std::int64_t length, bool use_vcf) {
        const std::string_view ref = record.ref(), alt = record.alt(static_cast<int>(a));
        Allele allele;
        allele.contig = contig;
        allele.contig_length = length;
        allele.change = trimmed_edit(record.position(), ref, alt);
        allele.alt_edit = use_vcf ? whole_edit(record.position(), ref, alt) : allele.change;
        if (use_vcf) allele.ref_edit = whole_edit(record.position(), ref, ref);
        return allele;
    }

    // Number of the record's contig in the reference, looked up once a contig.
    int contig_of(const VcfRecord& record) {
        const auto known = contigs_.find(record.contig());
        if (known != contigs_.end()) return known->second;
        const int contig = find_contig(record);
        const auto& declared = reader_.header().contigs();
        const auto line = std::find_if(declared.begin(), declared.end(), [&](const Contig& c) { return c.name == record.contig(); });
        if (declared_) {
            require(line != declared.end(), ErrorKind::mismatch,
                    record.where() + ": contig '" + record.contig() + "' is not among the ##contig lines of the header, which has '" +
                        declared.front().name + "'; bcftools reheader -f REF.fai completes it");
            const std::int64_t length = reference_contigs()[static_cast<std::size_t>(contig)].length;
            require(line->length == 0 || line->length == length, ErrorKind::mismatch,
                    record.where() + ": " + record.contig() + " has " + std::to_string(line->length) + " bases in the VCF's header and " +
                        std::to_string(length) + " in " + p_.fasta + ": another assembly");
        }
        return contigs_.emplace(record.contig(), contig).first->second;
    }

    int find_contig(const VcfRecord& record) {
        for (const std::string& name : alias_.candidates(record.contig())) {
            const int found = reference_.fasta().find(name);
            if (found >= 0) return found;
        }
        try {
            return reference_.fasta().require_contig(record.contig(), "rename one or give --alias ucsc");
        } catch (const Error& error) {
            throw Error(error.kind(), record.where() + ": " + error.what());
        }
    }

    RefState check_ref(const VcfRecord& record, int contig, std::int64_t length) {
        const std::string_view ref = record.ref();
        const std::int64_t begin = record.position(), end = begin + static_cast<std::int64_t>(ref.size());
        const bool inside = end <= length;
        bool same = inside, unknown = false;
        std::string bases;
        if (inside) {
            std::vector<std::uint8_t> codes(ref.size());
            reference_.read(contig, begin, end, codes);
            for (std::size_t i = 0; i < ref.size(); ++i) {
                const std::uint8_t code = encode_base(ref[i]);
                // N stands for every IUPAC code here, in REF and in the reference: it agrees with any base.
                unknown = unknown || codes[i] == kCodeN || code == kCodeN;
                same = same && (codes[i] == code || codes[i] == kCodeN || code == kCodeN);
                bases += decode_base(codes[i]);
            }
        }
        if (same) return unknown ? RefState::unknown : RefState::same;
        const std::string what = record.where() + ": REF '" + shortened(ref) + "', but " + p_.fasta + " has " +
                                 (inside ? "'" + shortened(bases) + "' there"
                                         : "only " + std::to_string(length) + " bases of " + record.contig());
        require(p_.ref_mismatch != RefMismatch::error, ErrorKind::input,
                what + "; another assembly? --ref-mismatch skip or use-vcf goes on");
        ++summary_.ref_mismatches;
        // A REF that reaches past the contig has no place on it.
        const bool skip = p_.ref_mismatch == RefMismatch::skip || !inside;
        log_.warn("ref-mismatch", what + (skip ? "; not scored" : "; scored against the record's REF"));
        return skip ? RefState::skipped : RefState::vcfs;
    }

    void finish(Pending& pending, const std::vector<AlleleEffect>& effects, const AnnotationFields& fields, VcfWriter& writer,
                std::optional<EffectMatrix>& matrix) {
        std::vector<AlleleEffect> own(pending.notes.size());
        for (std::size_t a = 0; a < own.size(); ++a) {
            if (pending.queries[a] >= 0) {
                own[a] = effects[static_cast<std::size_t>(pending.queries[a])];
                if (own[a].compared == 0) pending.notes[a] = AlleleNote::uncompared;
            }
            summary_.scored += own[a].compared > 0;
            ++summary_.notes[static_cast<std::size_t>(pending.notes[a])];
        }
        fields.set(reader_.header(), pending.record, own, pending.notes);
        writer.write(pending.record);
        if (matrix) matrix->add(pending.record, own);
    }

    // Rows out = alleles in; every allele is scored or has a reason.
    void check_counts(std::int64_t rows) const {
        std::int64_t accounted = 0;
        for (const std::int64_t count : summary_.notes) accounted += count;
        const std::int64_t reasons = accounted - summary_.notes[static_cast<std::size_t>(AlleleNote::none)] -
                                     summary_.notes[static_cast<std::size_t>(AlleleNote::vcf_ref)];
        if (rows != summary_.alleles || accounted != summary_.alleles || summary_.scored + reasons != summary_.alleles)
            throw std::logic_error("alleles in and out differ");
    }

    void report() {
        if (reader_.unterminated())
            log_.warn("unterminated", p_.input + ": the last line has no newline; was the file cut there?");
        std::string text = std::to_string(summary_.records) + " records, " + std::to_string(summary_.alleles) + " alleles, " +
                           std::to_string(summary_.scored) + " scored";
        for (int i = 1; i < kAlleleNotes; ++i)
            if (summary_.notes[static_cast<std::size_t>(i)] > 0)
                text += ", " + std::to_string(summary_.notes[static_cast<std::size_t>(i)]) + " " + to_string(static_cast<AlleleNote>(i));
        log_.info(text);
        if (summary_.ref_mismatches > 0)
            log_.info(std::to_string(summary_.ref_mismatches) + " records whose REF is not the reference's");
        if (summary_.replaced_fields > 0)
            log_.info(std::to_string(summary_.replaced_fields) + " REG_ fields of the input replaced");
    }

    const AnnotateParameters& p_;
    Log& log_;
    Model model_;
    CachedReference reference_;
    ContigAlias alias_;
    VcfReader reader_;
    std::unique_ptr<Backend> backend_;
    std::unique_ptr<VariantScorer> scorer_;
    std::unordered_map<std::string, int> contigs_;
    bool declared_ = true;
    std::vector<Pending> chunk_;
    std::size_t filled_ = 0;
    std::vector<Allele> alleles_;
    AnnotateSummary summary_;
};

}  // namespace

AnnotateSummary annotate(const AnnotateParameters& parameters, Log& log) {
    return Annotator(parameters, log).run();
}

}  // namespace regkit
