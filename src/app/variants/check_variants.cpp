// The records go through what annotate does with them, all but the scores: the same choice of records, the
// same finder of alleles, and a writer whose output nobody keeps, so that the two cannot disagree. What would
// end annotate is kept, the first of it, and counting goes on.
#include "app/variants/check_variants.hpp"

#include <algorithm>
#include <filesystem>
#include <set>
#include <unordered_set>

#include "app/model/model.hpp"
#include "app/model/trained_reference.hpp"
#include "app/variants/annotation_fields.hpp"
#include "app/variants/annotation_header.hpp"
#include "app/variants/assembly.hpp"
#include "app/variants/cached_reference.hpp"
#include "app/variants/record_alleles.hpp"
#include "app/variants/record_choice.hpp"
#include "app/variants/variant_scorer.hpp"
#include "base/printable.hpp"
#include "base/text.hpp"
#include "io/fasta/contig_alias.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kTellEvery = 4096;  // records
constexpr std::size_t kNamesShown = 20;
constexpr double kMatches = 0.99, kDiffers = 0.9;  // shares of REF that tell an assembly
constexpr std::int64_t kEnough = 20;               // records to tell it by

// Keeps the last warning, which is what TrainedReference has to say.
class WarningKeeper final : public Log {
  public:
    std::string text;

  private:
    void write(LogLevel level, const std::string& words) override {
        if (level == LogLevel::warning) text = words;
    }
};

class Checker {
  public:
    Checker(const AnnotateParameters& parameters, Log& log, const TellWork& tell)
        : p_(parameters), log_(log), tell_(tell), reference_(p_.fasta), reader_(p_.input, &log) {
        if (p_.span != ScorerOptions::kField) span_ = p_.span;
        if (p_.models.empty()) return;
        model_ = load_model(p_.models.front(), log_);
        model_.tensors.clear();
        const SpecSummary summary = summarise(model_.spec, static_cast<int>(model_.markers.size()));
        fixed_window_ = summary.fixed_window;
        if (p_.span == ScorerOptions::kField) span_ = default_span(model_.spec, summary);
        trained_.emplace(model_, p_.models.front(), reference_.fasta(), compared_);
        if (p_.check_reference) trained_->check_all();
    }

    VariantCheck run() {
        check_.index = index_state();
        check_.variants_assembly = assembly_of(reader_.header().contigs());
        check_.reference_assembly = assembly_of(reference_.contigs());
        Model model;
        model.spec.task = model_.spec.task;
        model.markers = markers_of_fields();
        const AnnotationFields fields(model, {}, {});
        const AlleleEffect scored{1, std::vector<MarkerEffect>(model.markers.size(), {.place = 0})};
        bool listed = !reader_.header().contigs().empty();
        bool writes = true;
        try {
            listed = complete_header(reader_.header(), fields, reference_.contigs(), {}, p_.fasta, quiet_);
        } catch (const Error& error) {
            stop(error);
            writes = false;
        }
        const RecordChoice choice(p_, reader_, reference_.fasta(), log_);
        RecordAlleleFinder finder(p_, reference_, reader_.header(), listed, check_.counts, quiet_,
                                  [this](const Error& error) { stop(error); });
        VcfWriter nowhere("/dev/null", reader_.header(), {});
        tell_records(false);
        while (reader_.next(record_) == VcfReader::Got::record) {
            if (!choice.takes(record_)) {
                ++check_.counts.outside;
                continue;
            }
            alleles_.clear();
            finder.find(record_, found_, alleles_);
            note_order();
            note_contig();
            note_ref();
            note_alleles();
            if (writes) write(fields, scored, nowhere);
            if (check_.counts.records % kTellEvery == 0) tell_records(false);
        }
        tell_records(true);
        if (trained_) check_.model_reference = model_reference();
        return std::move(check_);
    }

  private:
    void stop(const Error& error) {
        if (!check_.stop) check_.stop = error;
    }

    void tell_records(bool complete) {
        tell_({.unit = "records",
               .done = check_.counts.records,
               .share = reader_.share_read(),
               .complete = complete});
    }

    // By a reader of its own: the one in use would be led away from the start.
    std::string index_state() const {
        if (p_.input == "-" || !std::filesystem::is_regular_file(p_.input))
            return "no: the input is a stream";
        try {
            VcfReader(p_.input).fetch({});
            return "yes";
        } catch (const Error& error) {
            return std::string("no: ") + error.what();
        }
    }

    // One of each class is enough to know the fields; without a model those that every model has.
    std::vector<Marker> markers_of_fields() const {
        std::vector<Marker> some;
        std::set<std::string> classes;
        for (const Marker& marker : model_.markers)
            if (classes.insert(marker.class_name).second) some.push_back(marker);
        if (some.empty()) some.emplace_back();
        return some;
    }

    std::string model_reference() const {
        if (model_.reference.empty()) return "not told";
        return compared_.text.empty() ? "same" : compared_.text;
    }

    void note_order() {
        const bool same = record_.contig() == contig_;
        const bool ordered = same ? record_.position() >= position_ : seen_.emplace(record_.contig()).second;
        if (!ordered && check_.unsorted.empty()) check_.unsorted = record_.where();
        position_ = record_.position();
    }

    void note_contig() {
        if (record_.contig() == contig_ && !check_.contigs.empty()) return;
        contig_ = record_.contig();
        if (!known_.insert(contig_).second) return;
        check_.contigs.push_back(contig_);
        if (found_.contig < 0) check_.missing.push_back(contig_);
        const std::string other = found_.contig < 0 ? other_name() : contig_of_reference().name;
        if (!other.empty() && other != contig_) check_.other_name.push_back(contig_ + " = " + other);
        const Contig* declared = reader_.header().contig(contig_);
        if (found_.contig < 0 || declared == nullptr) return;
        const std::int64_t length = contig_of_reference().length;
        if (is_other_length(declared->length, length))
            check_.other_length.push_back(contig_ + ": " + std::to_string(declared->length) + ", not " +
                                          std::to_string(length));
    }

    const Contig& contig_of_reference() const { return nth(reference_.contigs(), found_.contig); }

    std::string other_name() {
        for (const std::string& other : other_conventions(contig_))
            if (reference_.fasta().find(other) >= 0) return other;
        return {};
    }

    void note_ref() {
        switch (found_.ref) {
            case RefState::unchecked:
                return;
            case RefState::same:
                ++check_.ref_same;
                return;
            case RefState::unknown:
                ++check_.ref_unknown;
                return;
            case RefState::skipped:
            case RefState::vcfs:
                break;
        }
        ++check_.ref_differs;
        for (int a = 0; a < record_.alts(); ++a) {
            if (!is_reference(record_.alt(a))) continue;
            ++check_.swapped;
            return;
        }
    }

    bool is_reference(std::string_view allele) {
        const auto length = static_cast<std::int64_t>(allele.size());
        if (classify_allele(allele) != AlleleKind::bases ||
            record_.position() + length > contig_of_reference().length)
            return false;
        codes_.resize(allele.size());
        reference_.read(found_.contig, record_.position(), record_.position() + length, codes_);
        return std::equal(codes_.begin(), codes_.end(), allele.begin(),
                          [](std::uint8_t code, char base) { return code == encode_base(base); });
    }

    // Whether there is a base to compare, as a scorer along the flanks counts them. What keeps its length is
    // compared itself, and so is a bin that holds it.
    bool is_compared(const Allele& allele) {
        if (fixed_window_ || allele.change.shift() == 0) return true;
        for (const SharedBlock& block : shared_blocks(allele.change, span_, allele.contig_length)) {
            codes_.resize(static_cast<std::size_t>(block.length));
            reference_.read(allele.contig, block.ref_begin, block.ref_begin + block.length, codes_);
            if (std::any_of(codes_.begin(), codes_.end(), [](std::uint8_t code) { return code != kCodeN; }))
                return true;
        }
        return false;
    }

    void note_alleles() {
        if (trained_ && !alleles_.empty() && alleles_.front().contig != compared_contig_) {
            const Allele& first = alleles_.front();
            compared_contig_ = first.contig;
            trained_->reading(first.contig, first.change.begin, first.change.begin + 1);
        }
        for (std::size_t a = 0; a < found_.notes.size(); ++a) {
            const std::ptrdiff_t query = found_.queries[a];
            if (query >= 0 && !is_compared(nth(alleles_, query))) {
                found_.notes[a] = AlleleNote::uncompared;
                found_.queries[a] = -1;
            }
            check_.counts.scored += found_.queries[a] >= 0;
            ++nth(check_.counts.notes, found_.notes[a]);
        }
    }

    // For what a writer refuses: another's field under one of our names.
    void write(const AnnotationFields& fields, const AlleleEffect& scored, VcfWriter& nowhere) {
        effects_.assign(found_.notes.size(), {});
        for (std::size_t a = 0; a < effects_.size(); ++a)
            if (found_.queries[a] >= 0) effects_[a] = scored;
        fields.values(record_.position(), effects_, found_.notes, values_);
        try {
            check_.counts.replaced_fields += nowhere.write(record_, values_);
        } catch (const Error& error) {
            stop(error);
        }
    }

    const AnnotateParameters& p_;
    Log& log_;
    const TellWork& tell_;
    NullLog quiet_;  // what annotate says of single records
    WarningKeeper compared_;
    Model model_;
    std::int64_t span_ = ScorerOptions().span;
    bool fixed_window_ = false;
    CachedReference reference_;
    std::optional<TrainedReference> trained_;
    VcfReader reader_;
    VcfRecord record_;
    RecordAlleles found_;
    std::vector<Allele> alleles_;
    std::vector<AlleleEffect> effects_;
    std::vector<InfoField> values_;
    std::vector<std::uint8_t> codes_;
    std::string contig_;  // of the record before
    std::int64_t position_ = -1;
    int compared_contig_ = -1;
    std::unordered_set<std::string> seen_, known_;
    VariantCheck check_;
};

// Bases tell more than what a header says of lengths.
std::string likely_assembly(const VariantCheck& check, double share) {
    const std::string &of_reference = check.reference_assembly, &of_header = check.variants_assembly;
    const bool enough = check.ref_same + check.ref_differs >= kEnough && !of_reference.empty();
    if (enough && share >= kMatches) return of_reference;
    const bool differs = enough && share < kDiffers;
    if (!of_header.empty() && !(differs && of_header == of_reference)) return of_header;
    return differs ? "not " + of_reference : "unknown";
}

}  // namespace

VariantCheck check_variants(const AnnotateParameters& parameters, Log& log, const TellWork& tell) {
    return Checker(parameters, log, tell).run();
}

std::string check_table(const AnnotateParameters& parameters, const VariantCheck& check) {
    std::string rows = "key\tvalue\n";
    const auto row = [&](const std::string& key, const std::string& value) {
        rows += key + "\t" + printable(value) + "\n";
    };
    const auto count = [&](const std::string& key, std::int64_t value) { row(key, std::to_string(value)); };
    const auto names = [&](const std::string& key, const std::vector<std::string>& list) {
        count(key, std::ssize(list));
        if (!list.empty()) row(key + "_names", some_of(list, kNamesShown));
    };
    const auto known = [](const std::string& assembly) { return assembly.empty() ? "unknown" : assembly; };
    const std::int64_t compared = check.ref_same + check.ref_differs;
    const double share = static_cast<double>(check.ref_same) / static_cast<double>(compared);
    row("input", parameters.input == "-" ? "standard input" : parameters.input);
    row("reference", parameters.fasta);
    row("assembly_of_contigs", known(check.variants_assembly));
    row("assembly_of_reference", known(check.reference_assembly));
    row("assembly_likely", likely_assembly(check, share));
    row("sorted", check.unsorted.empty() ? "yes" : "no: " + check.unsorted);
    row("index", check.index);
    count("contigs", std::ssize(check.contigs));
    names("contigs_missing", check.missing);
    names("contigs_other_name", check.other_name);
    names("contigs_other_length", check.other_length);
    count("records", check.counts.records);
    count("records_outside_targets", check.counts.outside);
    count("records_unlisted_contig", check.counts.unlisted_contig);
    count("records_missing_contig", check.counts.missing_contig);
    count("records_odd_qual", check.counts.odd_quality);
    count("ref_same", check.ref_same);
    count("ref_differs", check.ref_differs);
    count("ref_unknown", check.ref_unknown);
    row("ref_same_share", number_text(share));
    count("ref_swapped", check.swapped);
    count("alleles", check.counts.alleles);
    count("scored", check.counts.scored);
    for (int i = 1; i <= static_cast<int>(AlleleNote::vcf_ref); ++i)  // the others are about haplotypes
        count(std::string("note_") + to_string(static_cast<AlleleNote>(i)), nth(check.counts.notes, i));
    count("fields_replaced", check.counts.replaced_fields);
    if (!parameters.models.empty()) {
        row("model", parameters.models.front());
        row("model_reference", check.model_reference);
    }
    row("annotate", check.stop ? std::string("stops: ") + check.stop->what() : "runs");
    return rows;
}

}  // namespace regkit
