// Agglomerative clustering of a few thousand things by how alike they are.
#pragma once

#include <cstddef>
#include <vector>

namespace regkit {

// Two clusters are as alike as their members are on average, and the two that are most alike become one as
// long as that is at least `cutoff` (UPGMA: Sokal and Michener 1958, by chains of nearest neighbours:
// Murtagh 1983). `similarity` [n][n] is symmetric, and is used up. Returns clusters of ascending members,
// the largest first, of equals that with the smallest member.
std::vector<std::vector<std::size_t>> average_linkage(std::vector<float> similarity, std::size_t n,
                                                      float cutoff);

}  // namespace regkit
