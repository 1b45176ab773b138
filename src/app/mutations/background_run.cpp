// Random variants are drawn as regsnp random draws its substitutions; a generator of their own then makes
// some of them insertions and deletions at the same place. They are scored in the order of the reference.
#include "app/mutations/background_run.hpp"

#include <algorithm>
#include <functional>
#include <optional>

#include "app/mutations/known_bases.hpp"
#include "app/mutations/made_allele.hpp"
#include "app/variants/annotate.hpp"
#include "app/variants/background.hpp"
#include "app/variants/record_alleles.hpp"
#include "base/text.hpp"
#include "io/files/bgzf_writer.hpp"
#include "io/files/output_check.hpp"
#include "io/files/output_set.hpp"
#include "io/vcf/vcf.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kAlts = 3;     // of a known base
constexpr std::int64_t kAround = 50;  // bases to either side from which inserted ones are taken
constexpr std::int64_t kFew = 1000;   // variants below which quantiles say little

class BackgroundRun {
  public:
    BackgroundRun(const BackgroundParameters& p, Log& log, const TellWork& tell)
        : p_(p), log_(log), tell_(tell), run_(p, log), classes_(run_.model().markers), random_(p.seed + 1) {
        std::vector<std::string> inputs = p.models;
        inputs.insert(inputs.end(), {p.fasta, p.regions_file, p.from});
        refuse_inputs_as_outputs({p.output}, inputs);
    }

    void run() {
        if (p_.from.empty()) {
            KnownBases bases(run_.reference(), p_.regions, p_.regions_file, log_);
            require(p_.count <= bases.count() * kAlts, ErrorKind::input,
                    "the regions hold " + counted(bases.count(), "base") +
                        " that are not N: there are not so many substitutions to draw (-n)");
            make_scorer();
            bases.visit(random_numbers(bases.count() * kAlts, p_.count, p_.seed), kAlts,
                        [this](int contig, std::int64_t at, std::uint8_t code, std::int64_t choice) {
                            draw(contig, at, code, choice);
                        });
        } else {
            make_scorer();
            read_variants();
        }
        score();
        tell_variants(true);
        if (background_->size() < kFew)
            log_.warn("few", "a background of " +
                                 counted(static_cast<std::int64_t>(background_->size()), "variant") +
                                 ": quantiles are coarse; 20,000 are usual");
        OutputSet outputs;
        add_text(outputs, p_.output, background_->text(comments()));
        outputs.commit();
        log_.info(counted(static_cast<std::int64_t>(background_->size()), "variant") + " scored, " +
                  std::to_string(left_out_) + " left out");
        run_.tell_end();
    }

  private:
    void make_scorer() {
        run_.make_scorer({.span = p_.span, .all_phases = p_.all_phases, .rc_average = p_.rc_average});
        background_.emplace(run_.settings(), classes_.names());
    }

    std::vector<std::string> comments() { return run_.provenance(); }

    // Base `at`, which is `code`; the choice says which of the three others.
    void draw(int contig, std::int64_t at, std::uint8_t code, std::int64_t choice) {
        auto alt = static_cast<std::uint8_t>(1 + choice);
        if (alt >= code) ++alt;
        Edit change{at, 1, {alt}};
        if (random_.below(5) == 0)
            change = random_.below(2) == 0 ? insertion(contig, at) : deletion(contig, at);
        add(contig, change);
    }

    std::int64_t random_length() {
        static constexpr std::int64_t kFirst[] = {1, 2, 3, 5, 9}, kCount[] = {1, 1, 2, 4, 8};
        const std::int64_t x = random_.below(16);
        const int bin = x < 8 ? 0 : x < 12 ? 1 : x < 14 ? 2 : x < 15 ? 3 : 4;
        return nth(kFirst, bin) + random_.below(nth(kCount, bin));
    }

    std::int64_t contig_length(int contig) { return nth(run_.reference().contigs(), contig).length; }

    // In front of base `at`.
    Edit insertion(int contig, std::int64_t at) {
        const std::int64_t length = random_length();
        Edit change{at, 0, std::vector<std::uint8_t>(static_cast<std::size_t>(length))};
        if (random_.below(2) == 0 && at + length <= contig_length(contig)) {
            run_.reference().read(contig, at, at + length, change.inserted);
            return change;
        }
        const std::int64_t begin = std::max<std::int64_t>(0, at - kAround),
                           end = std::min(contig_length(contig), at + kAround);
        std::vector<std::uint8_t> around(static_cast<std::size_t>(end - begin));
        run_.reference().read(contig, begin, end, around);
        for (std::uint8_t& code : change.inserted) code = nth(around, random_.below(end - begin));
        return change;
    }

    Edit deletion(int contig, std::int64_t at) {
        return {at, std::min(random_length(), contig_length(contig) - at), {}};
    }

    void add(int contig, const Edit& change) {
        Allele allele{.contig = contig,
                      .contig_length = contig_length(contig),
                      .change = change,
                      .ref_edit = {},
                      .alt_edit = change};
        run_.compare_with_training(allele);
        alleles_.push_back(std::move(allele));
        if (alleles_.size() >= run_.scorer().chunk()) score();
    }

    void read_variants() {
        AnnotateParameters p;
        static_cast<ScoringParameters&>(p) = p_;
        p.input = p_.from;
        p.ref_mismatch = RefMismatch::skip;
        p.missing_contig = MissingContig::skip;
        VcfReader reader(p.input, &log_);
        AnnotateSummary summary;
        RecordAlleleFinder finder(p, run_.reference(), reader.header(), !reader.header().contigs().empty(),
                                  summary, log_);
        VcfRecord record;
        RecordAlleles found;
        std::vector<Allele> alleles;
        while (reader.next(record, VcfReader::kMaxLine) == VcfReader::Got::record) {
            alleles.clear();
            finder.find(record, found, alleles);
            left_out_ += static_cast<std::int64_t>(found.notes.size() - alleles.size());
            for (const Allele& allele : alleles) add(allele.contig, allele.change);
        }
    }

    // What is N, or at a contig's end beside nothing, has no kind or no score.
    void score() {
        const std::vector<AlleleEffect> effects = run_.score(alleles_, [this](std::size_t i) {
            return nth(run_.reference().contigs(), alleles_[i].contig).name + ":" +
                   std::to_string(alleles_[i].change.begin + 1);
        });
        for (std::size_t i = 0; i < alleles_.size(); ++i) {
            const std::optional<VariantKind> kind = run_.kind_of(alleles_[i]);
            if (kind && effects[i].compared > 0)
                background_->add(classes_.effect_of(effects[i], *kind));
            else
                ++left_out_;
        }
        done_ += std::ssize(alleles_);
        alleles_.clear();
        tell_variants(false);
    }

    void tell_variants(bool complete) {
        tell_({.unit = "variants",
               .done = done_,
               .total = p_.from.empty() ? p_.count : 0,
               .complete = complete});
    }

    const BackgroundParameters& p_;
    Log& log_;
    const TellWork& tell_;
    AlleleRun run_;
    MarkerClasses classes_;
    Generator random_;
    std::optional<Background> background_;
    std::vector<Allele> alleles_;
    std::int64_t done_ = 0, left_out_ = 0;
};

}  // namespace

void make_background(const BackgroundParameters& parameters, Log& log, const TellWork& tell) {
    BackgroundRun(parameters, log, tell).run();
}

}  // namespace regkit
