// What seqlets are compared by: the contributions of the bases that are there. (Hypothetical ones follow from
// a network's weights wherever one of its filters answers at all, and make everything look alike.)
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "app/attribution/seqlets.hpp"

namespace regkit {

// Of each place the contributions of A, C, G and T, of a seqlet three of them 0; scaled so that their squares
// sum up to 1.
class Profile {
  public:
    static constexpr std::int64_t kPlaces = Seqlet::kLength;
    static constexpr std::int64_t kRow = 4;

    Profile() : rows_(static_cast<std::size_t>(kPlaces * kRow)) {}
    Profile(const SiteContributions& site, const Seqlet& seqlet);

    float& at(std::int64_t place, std::int64_t row) {
        return rows_[static_cast<std::size_t>(place * kRow + row)];
    }
    const float* at(std::int64_t place) const { return rows_.data() + place * kRow; }
    Profile reversed() const;  // of the other strand
    void scale();

  private:
    std::vector<float> rows_;  // [place][A, C, G, T]
};

// How another profile lies on one.
struct Alignment {
    static constexpr std::int64_t kMostShift = 10;

    float similarity = -2;   // the cosine, what hangs over being 0
    std::int64_t shift = 0;  // of the other's first place, on this one
    bool reverse = false;    // the other's reverse complement
};
// The best of all shifts and strands, of equals the first. `reversed` is other.reversed().
Alignment align(const Profile& profile, const Profile& other, const Profile& reversed);

struct AlignedProfile {
    const Profile* profile;
    Alignment alignment;
};
// The mean of profiles that lie on one, scaled.
Profile mean_profile(std::span<const AlignedProfile> members);

}  // namespace regkit
