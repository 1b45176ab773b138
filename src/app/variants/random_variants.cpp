// All substitutions of the regions have a number each, in their order. Known bases are counted first, numbers
// drawn (Floyd's way to draw without replacement: Bentley & Floyd 1987), and a second walk finds their bases,
// so that the reference is read front to back and what is drawn is sorted.
#include "app/variants/random_variants.hpp"

#include <algorithm>
#include <unordered_set>

#include "app/model/regions.hpp"
#include "app/variants/made_allele.hpp"
#include "app/variants/scored_vcf.hpp"
#include "base/splitmix.hpp"
#include "base/text.hpp"
#include "io/files/output_check.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kPiece = 1 << 20;  // bases of the reference read at a time
constexpr std::int64_t kAlts = 3;         // of a known base

// The generator's next number below `limit`, all of them alike.
class Generator {
  public:
    explicit Generator(std::uint64_t seed) : state_(seed) {}
    std::int64_t below(std::int64_t limit) {
        const auto n = static_cast<std::uint64_t>(limit);
        const std::uint64_t rest = (UINT64_MAX - n + 1) % n;  // 2^64 modulo n
        for (;;) {
            const std::uint64_t x = splitmix(state_);
            state_ += kSplitMixStep;
            if (x >= rest) return static_cast<std::int64_t>(x % n);
        }
    }

  private:
    std::uint64_t state_;
};

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
        draw();
        run_.make_scorer({.span = p.span, .all_phases = p.all_phases, .rc_average = p.rc_average});
        vcf_.emplace(p.output, format, run_, p, log);
    }

    void run() {
        tell_alleles(false);
        std::int64_t before = 0;  // known bases of the pieces before
        for (std::size_t i = 0; i < pieces_.size(); ++i) {
            take(i, before);
            before += known_[i];
        }
        score();
        tell_alleles(true);
        OutputSet outputs;
        vcf_->add_to(outputs);
        outputs.commit();
        log_.info(std::to_string(p_.count) + " of " + counted(before * kAlts, "substitution") + " at " +
                  counted(before, "base"));
        run_.tell_end();
    }

  private:
    void draw() {
        const FastaFile& fasta = run_.reference().fasta();
        std::vector<Region> regions = parse_regions(p_.regions, region_rules(fasta, "--region"));
        if (!p_.regions_file.empty())
            for (Region& region : read_bed_regions(p_.regions_file, log_))
                regions.push_back(std::move(region));
        const bool all = p_.regions.empty() && p_.regions_file.empty();
        std::int64_t known = 0;
        for (const ContigRange& range : plan_regions(regions, all, fasta, 1, log_))
            for (std::int64_t begin = range.begin; begin < range.end; begin += kPiece) {
                pieces_.push_back({range.contig, begin, std::min(range.end, begin + kPiece)});
                read(pieces_.back());
                known_.push_back(std::ssize(codes_) - std::count(codes_.begin(), codes_.end(), kCodeN));
                known += known_.back();
            }
        require(p_.count <= known * kAlts, ErrorKind::input,
                "the regions hold " + counted(known, "base") + " that are not N, and so " +
                    counted(known * kAlts, "substitution") + ": there are no " + std::to_string(p_.count) +
                    " to draw (-n)");
        numbers_ = random_numbers(known * kAlts, p_.count, p_.seed);
    }

    void read(const ContigRange& piece) {
        codes_.resize(static_cast<std::size_t>(piece.end - piece.begin));
        run_.reference().read(piece.contig, piece.begin, piece.end, codes_);
    }

    // The numbers that lie in a piece, before which there are so many known bases.
    void take(std::size_t index, std::int64_t base) {
        if (next_ == numbers_.size() || numbers_[next_] / kAlts >= base + known_[index]) return;
        const ContigRange& piece = pieces_[index];
        read(piece);
        for (std::int64_t at = piece.begin; at < piece.end; ++at) {
            const std::uint8_t code = nth(codes_, at - piece.begin);
            if (code == kCodeN) continue;
            for (; next_ < numbers_.size() && numbers_[next_] / kAlts == base; ++next_) {
                auto alt = static_cast<std::uint8_t>(1 + numbers_[next_] % kAlts);
                if (alt >= code) ++alt;  // the reference's own is passed over
                add(substitution(piece.contig, at, code, alt));
            }
            ++base;
        }
    }

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
    std::vector<ContigRange> pieces_;
    std::vector<std::int64_t> known_;    // bases of each piece
    std::vector<std::int64_t> numbers_;  // of the substitutions that were drawn
    std::size_t next_ = 0;
    std::optional<ScoredVcf> vcf_;
    std::vector<std::uint8_t> codes_;
    std::vector<MadeAllele> made_;
    std::vector<Allele> alleles_;
    std::int64_t done_ = 0;
};

}  // namespace

void random_variants(const RandomParameters& parameters, Log& log, const TellWork& tell) {
    RandomVariants(parameters, log, tell).run();
}

std::vector<std::int64_t> random_numbers(std::int64_t total, std::int64_t count, std::uint64_t seed) {
    Generator generator(seed);
    std::unordered_set<std::int64_t> drawn;
    drawn.reserve(static_cast<std::size_t>(count));
    for (std::int64_t last = total - count; last < total; ++last)
        if (!drawn.insert(generator.below(last + 1)).second) drawn.insert(last);
    std::vector<std::int64_t> numbers(drawn.begin(), drawn.end());
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

}  // namespace regkit
