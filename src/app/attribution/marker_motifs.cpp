// Markers one after the other, each with the contributions of all its sites in memory; sites are called for
// all at once.
#include "app/attribution/marker_motifs.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <tuple>

#include "app/attribution/region_sites.hpp"
#include "app/attribution/seqlet_motifs.hpp"
#include "app/attribution/seqlets.hpp"
#include "app/mutations/base_regions.hpp"
#include "base/printable.hpp"
#include "base/text.hpp"
#include "io/files/atomic_file.hpp"
#include "io/files/output_check.hpp"
#include "io/files/output_set.hpp"
#include "io/motifs/meme.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kBases = 4;

// Those of one marker, the largest logit first, of equals the first.
std::vector<RegionSite> strongest(const std::vector<RegionSite>& all, int marker, std::int64_t count) {
    std::vector<RegionSite> sites;
    for (const RegionSite& site : all)
        if (site.marker == marker) sites.push_back(site);
    std::ranges::stable_sort(sites, [](const auto& a, const auto& b) { return a.logit > b.logit; });
    sites.resize(std::min(sites.size(), static_cast<std::size_t>(count)));
    return sites;
}

class MarkerMotifs {
  public:
    MarkerMotifs(const MotifParameters& p, Log& log, const TellWork& tell)
        : p_(p), log_(log), tell_(tell), run_(p, log), pool_(p.backend.workers) {
        require(p.models.size() == 1, ErrorKind::usage,
                "motifs takes one model: the mean of several has no cutoffs, and calls no sites");
        require_distinct_outputs();
        output_.emplace(p.output);
        if (!p.sites.empty()) {
            sites_file_.emplace(p.sites);
            for (const std::string& line : run_.provenance())
                sites_file_->write(printable(line).substr(1) + "\n");
        }
    }

    MotifSummary run() {
        const std::vector<RegionSite> all = called();
        const std::vector<Marker> markers = run_.model().markers;
        std::vector<std::vector<RegionSite>> chosen;
        for (std::size_t m = 0; m < markers.size(); ++m) {
            chosen.push_back(strongest(all, static_cast<int>(m), p_.count));
            total_ += std::ssize(chosen.back());
        }
        require(total_ > 0, ErrorKind::input,
                "the model calls no site of " +
                    (markers.size() == 1 ? markers.front().name : "these markers") +
                    " in the regions: there is nothing to find motifs in");
        tell_sites(false);
        for (std::size_t m = 0; m < markers.size(); ++m) find(static_cast<int>(m), chosen[m]);
        tell_sites(true);
        write();
        run_.tell_end();
        return summary_;
    }

  private:
    void require_distinct_outputs() const {
        std::vector<std::string> outputs{p_.output};
        if (!p_.sites.empty()) outputs.push_back(p_.sites);
        refuse_inputs_as_outputs(outputs, {p_.models.front(), p_.fasta, p_.regions_file});
        refuse_equal_outputs(outputs);
    }

    std::vector<RegionSite> called() {
        std::vector<Model> models = run_.take_models();
        const FastaFile& fasta = run_.reference().fasta();
        std::vector<Region> asked;
        for (const ContigRange& range :
             asked_regions(p_.regions, p_.regions_file, fasta, "to find motifs in", log_))
            asked.push_back({nth(fasta.contigs(), range.contig).name, range.begin, range.end});
        const std::vector<ContigRange> regions = plan_regions(asked, false, fasta, 1, log_);
        require_known(regions, run_.reference(), p_.fasta, "to find motifs in");
        std::vector<RegionSite> sites =
            region_sites(models.front(), regions, run_.reference(), p_.rc_average, run_.backend());
        attribution_ = std::make_unique<Attribution>(
            std::move(models.front()), run_.backend(),
            [this](int contig, std::int64_t begin, std::int64_t end, std::span<std::uint8_t> codes) {
                run_.reference().read(contig, begin, end, codes);
            },
            AttributionOptions{p_.all_phases, p_.rc_average,
                               p_.integrated ? std::optional(p_.integration) : std::nullopt});
        return sites;
    }

    SiteContributions contributions(const RegionSite& site) {
        const std::int64_t half = p_.width / 2;
        SiteContributions result;
        result.bases = inside_contig({site.bases.contig, site.summit - half, site.summit - half + p_.width},
                                     run_.reference().fasta());
        const auto [contig, begin, end] = result.bases;
        run_.compare_with_training(contig, begin);
        result.codes.resize(static_cast<std::size_t>(end - begin));
        run_.reference().read(contig, begin, end, result.codes);
        result.four.assign(result.codes.size() * kBases, 0.0f);
        const AttributionTarget target{contig, nth(run_.reference().contigs(), contig).length,
                                       std::max(begin, site.bases.begin), std::min(end, site.bases.end)};
        attribution_->run(target, std::span(&site.marker, 1),
                          [&](std::int64_t from, std::int64_t to, std::span<const float> values) {
                              const std::int64_t first = std::max(from, result.bases.begin),
                                                 last = std::min(to, result.bases.end);
                              for (std::int64_t b = 0; b < kBases && first < last; ++b)
                                  std::copy_n(
                                      values.begin() + b * (to - from) + first - from, last - first,
                                      result.four.begin() + b * result.size() + first - result.bases.begin);
                          });
        run_.tell_notices();
        return result;
    }

    void find(int marker, const std::vector<RegionSite>& chosen) {
        const std::string& name = nth(run_.model().markers, marker).name;
        std::vector<SiteContributions> sites;
        for (const RegionSite& site : chosen) {
            sites.push_back(contributions(site));
            ++summary_.sites;
            tell_sites(false);
        }
        const Seqlets seqlets = find_seqlets(sites, p_.seed);
        const std::vector<SeqletMotif> motifs =
            find_motifs(sites, seqlets.found, {.min_seqlets = p_.min_seqlets, .seed = p_.seed}, pool_);
        if (seqlets.found.size() > SeqletMotifOptions::kMostSeqlets)
            log_.warn("most-seqlets", name + ": motifs are made of the strongest " +
                                          std::to_string(SeqletMotifOptions::kMostSeqlets) + " of " +
                                          counted(std::ssize(seqlets.found), "seqlet"));
        std::string stem = name;  // one word, as the format of motifs wants it, in both outputs
        std::ranges::replace_if(
            stem, [](char c) { return c == ' ' || c == '\t'; }, '_');
        std::int64_t number = 0;
        for (const SeqletMotif& motif : motifs)
            add(stem + "." + std::to_string(++number), motif, seqlets.found);
        const BaseProbabilities here = composition(sites);
        for (std::size_t b = 0; b < here.size(); ++b)
            file_.background[b] += here[b] * static_cast<double>(sites.size());
        summary_.seqlets += std::ssize(seqlets.found);
        log_.info(name + ": " + counted(std::ssize(sites), "site") + ", " +
                  counted(std::ssize(seqlets.found), "seqlet") + ", " + counted(number, "motif"));
    }

    void add(const std::string& name, const SeqletMotif& motif, const std::vector<Seqlet>& seqlets) {
        file_.motifs.push_back({name, "", static_cast<double>(motif.sites.size()), motif.columns});
        for (const MotifSite& site : motif.sites)
            rows_.push_back({site, name, seqlets[site.seqlet].contribution});
    }

    void write() {
        if (file_.motifs.empty())
            log_.warn("no-motif",
                      "no " + std::to_string(p_.min_seqlets) +
                          " seqlets are alike, and the output holds no motif; search more sites (-n, a "
                          "larger region), or ask for fewer seqlets (--min-seqlets)");
        const double sites = static_cast<double>(summary_.sites);
        for (double& share : file_.background) share = (share - 0.25) / sites;
        output_->write(meme_text(file_));
        OutputSet outputs;
        outputs.add(std::move(*output_));
        if (sites_file_) {
            write_rows();
            outputs.add(std::move(*sites_file_));
        }
        outputs.commit();
        summary_.motifs = std::ssize(file_.motifs);
    }

    // By position. Of BED's score the strongest of a motif has 1000.
    void write_rows() {
        std::map<std::string, double> most;
        for (const Row& row : rows_) most[row.motif] = std::max(most[row.motif], row.contribution);
        std::ranges::stable_sort(rows_, [](const Row& a, const Row& b) {
            return std::tuple(a.site.bases.contig, a.site.bases.begin, a.site.bases.end) <
                   std::tuple(b.site.bases.contig, b.site.bases.begin, b.site.bases.end);
        });
        for (const Row& row : rows_) {
            const ContigRange& bases = row.site.bases;
            sites_file_->write(printable(nth(run_.reference().contigs(), bases.contig).name) + "\t" +
                               std::to_string(bases.begin) + "\t" + std::to_string(bases.end) + "\t" +
                               row.motif + "\t" +
                               std::to_string(std::lround(1000 * row.contribution / most[row.motif])) + "\t" +
                               (row.site.reverse ? "-" : "+") + "\t" + number_text(row.contribution) + "\n");
        }
    }

    void tell_sites(bool complete) {
        tell_({.unit = "sites", .done = summary_.sites, .total = total_, .complete = complete});
    }

    struct Row {
        MotifSite site;
        std::string motif;
        double contribution = 0;
    };

    const MotifParameters& p_;
    Log& log_;
    const TellWork& tell_;
    AlleleRun run_;
    ThreadPool pool_;
    std::optional<AtomicFile> output_, sites_file_;
    std::unique_ptr<Attribution> attribution_;
    MotifFile file_;
    std::vector<Row> rows_;
    std::int64_t total_ = 0;  // sites
    MotifSummary summary_;
};

}  // namespace

MotifSummary marker_motifs(const MotifParameters& parameters, Log& log, const TellWork& tell) {
    return MarkerMotifs(parameters, log, tell).run();
}

}  // namespace regkit
