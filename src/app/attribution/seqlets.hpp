// Seqlets: short stretches of a sequence whose bases contribute more to a prediction than bases in another
// order would, as in TF-MoDISco (Shrikumar et al., arXiv:1811.00416), in outline.
//
// A stretch of kCore bases is as good as the sum of its bases' contributions. Of a site those are taken that
// no better one overlaps. The null is the same search in the site's own contributions at places drawn at
// random: it has their sizes and their mean, yet not their neighbourhood, which is what a motif is. The
// cutoff is the lowest one at which the null, of all sites together, has at most a share kFalse of the
// stretches that are found.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "app/model/regions.hpp"

namespace regkit {

// What bases around a site contribute to one marker's prediction there.
struct SiteContributions {
    ContigRange bases;                // inside of the contig
    std::vector<std::uint8_t> codes;  // of the reference
    std::vector<float> four;          // hypothetical [A, C, G, T][base]; of N no matter

    std::int64_t size() const { return bases.end - bases.begin; }
    // That of the base that is there; 0 for N.
    double actual(std::int64_t i) const;
};

struct Seqlet {
    static constexpr std::int64_t kCore = 15, kFlank = 10;
    static constexpr std::int64_t kLength = kCore + 2 * kFlank;  // bases that seqlets are compared by

    std::size_t site = 0;
    std::int64_t begin = 0;   // of the core, from the site's first base on
    double contribution = 0;  // of the core
};

struct Seqlets {
    static constexpr double kFalse = 0.05;
    static constexpr int kOrders = 10;  // of the null, a site

    std::vector<Seqlet> found;   // those from the cutoff on, the best first
    std::int64_t stretches = 0;  // of positive contribution, that were looked at
    double cutoff = 0;           // contribution; no meaning where nothing was found
};

// Whose flanks lie within their site; where sites overlap, bases are in the core of one. The same seed gives
// the same null.
Seqlets find_seqlets(std::span<const SiteContributions> sites, std::uint64_t seed);

}  // namespace regkit
