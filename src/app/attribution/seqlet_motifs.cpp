#include "app/attribution/seqlet_motifs.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numeric>
#include <utility>

#include "app/attribution/average_linkage.hpp"
#include "app/attribution/seqlet_profile.hpp"
#include "base/splitmix.hpp"
#include "io/fasta/fasta.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

// Both strands of all seqlets.
struct Profiles {
    std::vector<Profile> forward, reverse;

    std::size_t size() const { return forward.size(); }
    void add(Profile profile) {
        reverse.push_back(profile.reversed());
        forward.push_back(std::move(profile));
    }
};

// A profile with its places in another order.
Profile in_other_order(const Profile& profile, std::uint64_t seed) {
    std::array<std::int64_t, Profile::kPlaces> order{};
    std::iota(order.begin(), order.end(), 0);
    shuffle(std::span<std::int64_t>(order), seed);
    Profile other;
    for (std::int64_t place = 0; place < Profile::kPlaces; ++place)
        for (std::int64_t row = 0; row < Profile::kRow; ++row)
            other.at(place, row) = profile.at(nth(order, place))[row];
    return other;
}

class Clusters {
  public:
    struct Member {
        std::size_t seqlet = 0;
        Alignment alignment;
    };
    struct Cluster {
        std::vector<Member> members;
        Profile mean;
    };

    Clusters(const Profiles& profiles, const SeqletMotifOptions& options, ThreadPool& pool)
        : profiles_(profiles), options_(options), pool_(pool) {}

    std::vector<Cluster> find() {
        compare();
        cutoff_ = chance();
        const auto least = static_cast<std::size_t>(options_.min_seqlets);
        const std::size_t n = profiles_.size();
        for (const std::vector<std::size_t>& members : average_linkage(similarity_, n, cutoff_)) {
            // Those too small may yet be one that is large enough.
            if (members.size() < std::max<std::size_t>(2, least / 4)) break;
            clusters_.push_back(begin(members));
        }
        for (int round = 0; round < SeqletMotifOptions::kRounds; ++round) {
            unite();
            assign();
            std::erase_if(clusters_, [&](const Cluster& c) {
                return c.members.size() < (round + 1 < SeqletMotifOptions::kRounds
                                               ? std::max<std::size_t>(2, least / 2)
                                               : least);
            });
        }
        return std::move(clusters_);
    }

  private:
    void compare() {
        const std::size_t n = profiles_.size();
        similarity_.assign(n * n, 1.0f);
        pool_.run(static_cast<std::int64_t>(n), [&](std::int64_t task, int) {
            const auto a = static_cast<std::size_t>(task);
            for (std::size_t b = 0; b < a; ++b)
                similarity_[a * n + b] =
                    align(profiles_.forward[a], profiles_.forward[b], profiles_.reverse[b]).similarity;
        });
        for (std::size_t a = 0; a < n; ++a)
            for (std::size_t b = 0; b < a; ++b) similarity_[b * n + a] = similarity_[a * n + b];
    }

    // Each beside some others in another order.
    float chance() {
        constexpr std::size_t kOthers = 20;
        const std::size_t n = profiles_.size();
        std::vector<float> null(n * kOthers);
        pool_.run(static_cast<std::int64_t>(n), [&](std::int64_t task, int) {
            const auto a = static_cast<std::size_t>(task);
            const Profile mixed = in_other_order(profiles_.forward[a], splitmix(options_.seed ^ splitmix(a)));
            const Profile turned = mixed.reversed();
            for (std::size_t k = 0; k < kOthers; ++k) {
                const std::size_t b = (a + 1 + k * std::max<std::size_t>(1, n / kOthers)) % n;
                null[a * kOthers + k] = align(profiles_.forward[b], mixed, turned).similarity;
            }
        });
        std::ranges::sort(null);
        return null[static_cast<std::size_t>(SeqletMotifOptions::kChance *
                                             static_cast<double>(null.size() - 1))];
    }

    Alignment on(const Profile& mean, std::size_t seqlet) const {
        return align(mean, profiles_.forward[seqlet], profiles_.reverse[seqlet]);
    }

    // On the one that is most like all others, and then on their mean.
    Cluster begin(const std::vector<std::size_t>& members) const {
        const std::size_t n = profiles_.size();
        std::size_t middle = members.front();
        double most = -1;
        for (const std::size_t a : members) {
            double sum = 0;
            for (const std::size_t b : members) sum += static_cast<double>(similarity_[a * n + b]);
            if (sum > most) {
                most = sum;
                middle = a;
            }
        }
        Cluster cluster{{}, profiles_.forward[middle]};
        for (const std::size_t seqlet : members) cluster.members.push_back({seqlet, {}});
        settle(cluster);
        settle(cluster);
        return cluster;
    }

    void settle(Cluster& cluster) const {
        std::vector<AlignedProfile> aligned;
        for (Member& member : cluster.members) {
            member.alignment = on(cluster.mean, member.seqlet);
            aligned.push_back({&profiles_.forward[member.seqlet], member.alignment});
        }
        cluster.mean = mean_profile(aligned);
    }

    // The two that are most alike, again and again; the larger one's orientation stays.
    void unite() {
        while (clusters_.size() > 1) {
            std::pair<std::size_t, std::size_t> best{0, 0};
            float most = SeqletMotifOptions::kSame;
            for (std::size_t b = 1; b < clusters_.size(); ++b)
                for (std::size_t a = 0; a < b; ++a) {
                    const Profile& other = clusters_[b].mean;
                    const float alike = align(clusters_[a].mean, other, other.reversed()).similarity;
                    if (alike < most) continue;
                    most = alike;
                    best = {a, b};
                }
            if (best.second == 0) return;
            auto [first, second] = best;
            if (clusters_[first].members.size() < clusters_[second].members.size()) std::swap(first, second);
            std::ranges::copy(clusters_[second].members, std::back_inserter(clusters_[first].members));
            settle(clusters_[first]);
            clusters_.erase(clusters_.begin() + static_cast<std::ptrdiff_t>(second));
        }
    }

    void assign() {
        std::vector<std::pair<std::size_t, Alignment>> best(profiles_.size());
        pool_.run(std::ssize(best), [&](std::int64_t seqlet, int) {
            auto& [cluster, alignment] = nth(best, seqlet);
            cluster = clusters_.size();
            for (std::size_t c = 0; c < clusters_.size(); ++c) {
                const Alignment here = on(clusters_[c].mean, static_cast<std::size_t>(seqlet));
                if (here.similarity < cutoff_ || here.similarity <= alignment.similarity) continue;
                alignment = here;
                cluster = c;
            }
        });
        for (Cluster& cluster : clusters_) cluster.members.clear();
        for (std::size_t seqlet = 0; seqlet < best.size(); ++seqlet)
            if (best[seqlet].first < clusters_.size())
                clusters_[best[seqlet].first].members.push_back({seqlet, best[seqlet].second});
        for (Cluster& cluster : clusters_)
            if (!cluster.members.empty()) settle(cluster);
    }

    const Profiles& profiles_;
    const SeqletMotifOptions& options_;
    ThreadPool& pool_;
    std::vector<float> similarity_;  // [seqlet][seqlet]
    float cutoff_ = 0;
    std::vector<Cluster> clusters_;
};

// Columns of a cluster: those of its mean, and as many more at either end as seqlets can lie further.
class Columns {
  public:
    static constexpr std::int64_t kCount = Profile::kPlaces + 2 * Alignment::kMostShift;

    Columns(std::span<const SiteContributions> sites, std::span<const Seqlet> seqlets)
        : sites_(sites), seqlets_(seqlets), background_(composition(sites)) {}

    // No columns where too few say anything.
    SeqletMotif motif(const Clusters::Cluster& cluster) const {
        std::array<BaseProbabilities, kCount> weights{};
        SeqletMotif motif;
        for (const Clusters::Member& member : cluster.members) {
            motif.contribution += seqlets_[member.seqlet].contribution;
            for (std::int64_t column = 0; column < kCount; ++column)
                if (const std::uint8_t code = code_at(member, column); code != kCodeN)
                    nth(weights, column)[code - 1] += seqlets_[member.seqlet].contribution;
        }
        const auto [begin, end] = informative(weights, std::ssize(cluster.members));
        if (end - begin < SeqletMotifOptions::kLeastColumns) return motif;
        for (std::int64_t column = begin; column < end; ++column)
            motif.columns.push_back(frequencies(nth(weights, column)));
        for (const Clusters::Member& member : cluster.members) {
            const SiteContributions& site = sites_[seqlets_[member.seqlet].site];
            const std::int64_t one = place(member, begin), other = place(member, end - 1);
            const std::int64_t from = std::max<std::int64_t>(0, std::min(one, other)),
                               to = std::min(site.size(), std::max(one, other) + 1);
            motif.sites.push_back({member.seqlet,
                                   {site.bases.contig, site.bases.begin + from, site.bases.begin + to},
                                   member.alignment.reverse});
        }
        std::ranges::stable_sort(motif.sites, std::greater<>{},
                                 [&](const MotifSite& site) { return seqlets_[site.seqlet].contribution; });
        return motif;
    }

  private:
    // Of a column, from the site's first base on; it may lie outside.
    std::int64_t place(const Clusters::Member& member, std::int64_t column) const {
        const std::int64_t first = seqlets_[member.seqlet].begin - Seqlet::kFlank;
        const std::int64_t i = column - Alignment::kMostShift - member.alignment.shift;
        return first + (member.alignment.reverse ? Profile::kPlaces - 1 - i : i);
    }
    std::uint8_t code_at(const Clusters::Member& member, std::int64_t column) const {
        const SiteContributions& site = sites_[seqlets_[member.seqlet].site];
        const std::int64_t at = place(member, column);
        if (at < 0 || at >= site.size()) return kCodeN;
        const std::uint8_t code = nth(site.codes, at);
        return code == kCodeN || !member.alignment.reverse ? code : static_cast<std::uint8_t>(5 - code);
    }
    BaseProbabilities frequencies(const BaseProbabilities& weights) const {
        const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
        BaseProbabilities row = background_;
        for (std::size_t b = 0; b < 4 && sum > 0; ++b) row[b] = weights[b] / sum;
        return row;
    }
    // Bits against the background, less what so many draws from it have on average (Miller 1955).
    double information(const BaseProbabilities& weights, std::int64_t draws) const {
        const BaseProbabilities row = frequencies(weights);
        double bits = -3 / (2 * std::log(2.0) * static_cast<double>(draws));
        for (std::size_t b = 0; b < 4; ++b)
            if (row[b] > 0) bits += row[b] * std::log2(row[b] / background_[b]);
        return bits;
    }
    std::pair<std::int64_t, std::int64_t> informative(std::span<const BaseProbabilities> weights,
                                                      std::int64_t draws) const {
        std::pair<std::int64_t, std::int64_t> best{0, 0};
        double most = 0, sum = 0;
        std::int64_t begin = 0;
        for (std::int64_t column = 0; column < kCount; ++column) {
            if (sum <= 0) {
                sum = 0;
                begin = column;
            }
            sum += information(nth(weights, column), draws) - SeqletMotifOptions::kLeastBits;
            if (sum <= most) continue;
            most = sum;
            best = {begin, column + 1};
        }
        return best;
    }

    std::span<const SiteContributions> sites_;
    std::span<const Seqlet> seqlets_;
    BaseProbabilities background_;
};

}  // namespace

BaseProbabilities composition(std::span<const SiteContributions> sites) {
    BaseProbabilities count{1, 1, 1, 1}, share{};  // none is 0
    for (const SiteContributions& site : sites)
        for (const std::uint8_t code : site.codes)
            if (code != kCodeN) ++nth(count, code - 1);
    const double sum = std::accumulate(count.begin(), count.end(), 0.0);
    for (std::size_t b = 0; b < 4; ++b) share[b] = (count[b] + count[3 - b]) / (2 * sum);
    return share;
}

std::vector<SeqletMotif> find_motifs(std::span<const SiteContributions> sites,
                                     std::span<const Seqlet> seqlets, const SeqletMotifOptions& options,
                                     ThreadPool& pool) {
    seqlets = seqlets.first(std::min(seqlets.size(), SeqletMotifOptions::kMostSeqlets));
    std::vector<SeqletMotif> motifs;
    if (seqlets.empty()) return motifs;
    Profiles profiles;
    for (const Seqlet& seqlet : seqlets) profiles.add(Profile(sites[seqlet.site], seqlet));
    const Columns columns(sites, seqlets);
    for (const Clusters::Cluster& cluster : Clusters(profiles, options, pool).find())
        if (SeqletMotif motif = columns.motif(cluster); !motif.columns.empty())
            motifs.push_back(std::move(motif));
    std::ranges::stable_sort(motifs, [](const SeqletMotif& a, const SeqletMotif& b) {
        return std::pair(a.sites.size(), a.contribution) > std::pair(b.sites.size(), b.contribution);
    });
    return motifs;
}

}  // namespace regkit
