// Motifs: seqlets of one kind, laid one on the other.
//
// In outline that of TF-MoDISco (Shrikumar et al., arXiv:1811.00416). Seqlets are compared in every
// alignment of both strands by the cosine of their contributions (TF-MoDISco: continuous Jaccard), and
// clustered by average linkage (there: Leiden's communities). What is no more alike than by chance stays
// apart: the cutoff is a quantile of the similarities between seqlets and others whose places are in another
// order. Of a cluster the seqlets lie on their mean as they are most like it; clusters whose means are alike
// become one; every seqlet goes to the mean that it is most like, if it is like any. That is done kRounds
// times.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "app/attribution/seqlets.hpp"
#include "io/motifs/meme.hpp"
#include "kernels/base/thread_pool.hpp"

namespace regkit {

struct MotifSite {
    std::size_t seqlet = 0;
    ContigRange bases;  // that the motif's columns lie on, inside of the contig
    bool reverse = false;
};

struct SeqletMotif {
    // Of each column the frequencies of bases, a seqlet counting as much as it contributes.
    std::vector<BaseProbabilities> columns;
    std::vector<MotifSite> sites;  // the strongest first
    double contribution = 0;       // of all its seqlets
};

struct SeqletMotifOptions {
    static constexpr double kChance = 0.99;  // the quantile
    static constexpr float kSame = 0.8f;     // of means: the least similarity of one and the same motif
    static constexpr int kRounds = 3;
    // A motif's columns are the stretch of them in which information beyond so many bits each, against the
    // sites' own composition, sums up to most.
    static constexpr double kLeastBits = 0.25;
    static constexpr std::int64_t kLeastColumns = 4;
    static constexpr std::size_t kMostSeqlets = 2000;  // the strongest

    std::int64_t min_seqlets = 20;
    std::uint64_t seed = 1;  // of the orders for the cutoff
};

// Of the known bases of all sites, and of their other strand.
BaseProbabilities composition(std::span<const SiteContributions> sites);

// The one with the most seqlets first. Results do not depend on the threads of `pool`.
std::vector<SeqletMotif> find_motifs(std::span<const SiteContributions> sites,
                                     std::span<const Seqlet> seqlets, const SeqletMotifOptions& options,
                                     ThreadPool& pool);

}  // namespace regkit
