#include "app/attribution/average_linkage.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "base/splitmix.hpp"

using namespace regkit;

namespace {

using Clusters = std::vector<std::vector<std::size_t>>;

std::vector<float> random_similarity(std::size_t n, std::uint64_t seed) {
    std::vector<float> all(n * n, 1);
    for (std::size_t a = 0; a < n; ++a)
        for (std::size_t b = 0; b < a; ++b)
            all[a * n + b] = all[b * n + a] =
                static_cast<float>(splitmix(seed * 1'000'003 + a * n + b) >> 40) / 16777216.0f;
    return all;
}

// The textbook's: the two most alike of all, again and again, averages from the members.
Clusters textbook(const std::vector<float>& similarity, std::size_t n, float cutoff) {
    Clusters clusters;
    for (std::size_t i = 0; i < n; ++i) clusters.push_back({i});
    while (true) {
        double most = -1;
        std::size_t x = 0, y = 0;
        for (std::size_t b = 0; b < clusters.size(); ++b)
            for (std::size_t a = 0; a < b; ++a) {
                double sum = 0;
                for (const std::size_t i : clusters[a])
                    for (const std::size_t j : clusters[b]) sum += static_cast<double>(similarity[i * n + j]);
                const double mean = sum / static_cast<double>(clusters[a].size() * clusters[b].size());
                if (mean > most) {
                    most = mean;
                    x = a;
                    y = b;
                }
            }
        if (most < static_cast<double>(cutoff)) break;
        clusters[x].insert(clusters[x].end(), clusters[y].begin(), clusters[y].end());
        clusters.erase(clusters.begin() + static_cast<std::ptrdiff_t>(y));
    }
    for (auto& cluster : clusters) std::ranges::sort(cluster);
    std::ranges::sort(clusters);
    return clusters;
}

}  // namespace

TEST_CASE("clusters by average linkage are the textbook's") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed)
        for (const float cutoff : {0.2f, 0.55f, 0.7f, 0.95f, 2.0f}) {
            const std::vector<float> similarity = random_similarity(24, seed);
            Clusters got = average_linkage(similarity, 24, cutoff);
            std::ranges::sort(got);
            CHECK(got == textbook(similarity, 24, cutoff));
        }
}

TEST_CASE("clusters come with the largest first") {
    std::vector<float> blocks(49, 0.1f);
    for (const auto& [begin, end] : {std::pair<std::size_t, std::size_t>{0, 2}, {2, 6}, {6, 7}})
        for (std::size_t a = begin; a < end; ++a)
            for (std::size_t b = begin; b < end; ++b) blocks[a * 7 + b] = 0.9f;
    CHECK(average_linkage(blocks, 7, 0.5f) == Clusters{{2, 3, 4, 5}, {0, 1}, {6}});
    CHECK(average_linkage(std::vector<float>(9, 0.5f), 3, 0.5f) == Clusters{{0, 1, 2}});  // all equal
    CHECK(average_linkage({}, 0, 0.5f).empty());
    CHECK(average_linkage({1}, 1, 0.5f) == Clusters{{0}});
}
