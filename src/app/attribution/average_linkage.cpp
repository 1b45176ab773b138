// A chain goes from a cluster to the one most like it, and on from there, until two are each other's: these
// are among the pairs that the textbook's way would merge, in whatever order, since an average is never above
// the larger of what it is of. For the same reason two that are too different stay what they are.
#include "app/attribution/average_linkage.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace regkit {

std::vector<std::vector<std::size_t>> average_linkage(std::vector<float> similarity, std::size_t n,
                                                      float cutoff) {
    std::vector<std::vector<std::size_t>> members(n), done;
    std::vector<std::size_t> open(n), chain;
    std::iota(open.begin(), open.end(), std::size_t{0});
    for (std::size_t i = 0; i < n; ++i) members[i] = {i};
    const auto like = [&](std::size_t a, std::size_t b) -> float& { return similarity[a * n + b]; };
    const auto close = [&](std::size_t cluster) {
        done.push_back(std::move(members[cluster]));
        open.erase(std::ranges::lower_bound(open, cluster));
    };
    const auto merge = [&](std::size_t a, std::size_t b) {
        const auto x = static_cast<float>(members[a].size()), y = static_cast<float>(members[b].size());
        open.erase(std::ranges::lower_bound(open, b));
        for (const std::size_t other : open)
            if (other != a)
                like(a, other) = like(other, a) = (x * like(a, other) + y * like(b, other)) / (x + y);
        members[a].insert(members[a].end(), members[b].begin(), members[b].end());
    };
    while (!open.empty()) {
        if (chain.empty()) chain.push_back(open.front());
        const std::size_t last = chain.back();
        const std::size_t before = chain.size() > 1 ? chain[chain.size() - 2] : n;
        std::size_t nearest = before;  // of equals the one that the chain came from: it ends
        for (const std::size_t other : open)
            if (other != last && (nearest == n || like(last, other) > like(last, nearest))) nearest = other;
        if (nearest != n && nearest != before) {
            chain.push_back(nearest);
            continue;
        }
        chain.pop_back();
        if (nearest == n) {
            close(last);
            continue;
        }
        chain.pop_back();
        if (like(last, nearest) >= cutoff) {
            merge(std::min(last, nearest), std::max(last, nearest));
        } else {
            close(last);
            close(nearest);
        }
    }
    for (std::vector<std::size_t>& cluster : done) std::ranges::sort(cluster);
    std::ranges::sort(done, [](const auto& a, const auto& b) {
        return a.size() != b.size() ? a.size() > b.size() : a.front() < b.front();
    });
    return done;
}

}  // namespace regkit
