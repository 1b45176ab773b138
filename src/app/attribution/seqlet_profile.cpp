#include "app/attribution/seqlet_profile.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "io/fasta/fasta.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

// Of places side by side; a sum a row first, which is vector code in one order everywhere.
float product(const float* a, const float* b, std::int64_t places) {
    std::array<float, Profile::kRow> sums{};
    for (std::int64_t i = 0; i < places * Profile::kRow; i += Profile::kRow)
        for (std::size_t row = 0; row < sums.size(); ++row)
            sums[row] += a[i + static_cast<std::int64_t>(row)] * b[i + static_cast<std::int64_t>(row)];
    float all = 0;
    for (const float sum : sums) all += sum;
    return all;
}

}  // namespace

Profile::Profile(const SiteContributions& site, const Seqlet& seqlet) : Profile() {
    for (std::int64_t place = 0; place < kPlaces; ++place) {
        const std::int64_t i = seqlet.begin - Seqlet::kFlank + place;
        if (const std::uint8_t code = nth(site.codes, i); code != kCodeN)
            at(place, code - 1) = static_cast<float>(site.actual(i));
    }
    scale();
}

Profile Profile::reversed() const {
    Profile turned;
    for (std::int64_t place = 0; place < kPlaces; ++place)
        for (std::int64_t row = 0; row < kRow; ++row)  // the complement: the last for the first
            turned.at(kPlaces - 1 - place, row) = at(place)[kRow - 1 - row];
    return turned;
}

void Profile::scale() {
    double squares = 0;
    for (const float value : rows_) squares += std::pow(static_cast<double>(value), 2);
    const auto factor = static_cast<float>(squares > 0 ? 1 / std::sqrt(squares) : 0);
    for (float& value : rows_) value *= factor;
}

Alignment align(const Profile& profile, const Profile& other, const Profile& reversed) {
    Alignment best;
    for (const bool reverse : {false, true})
        for (std::int64_t shift = -Alignment::kMostShift; shift <= Alignment::kMostShift; ++shift) {
            const Profile& moved = reverse ? reversed : other;
            const float similarity =
                product(profile.at(std::max<std::int64_t>(0, shift)),
                        moved.at(std::max<std::int64_t>(0, -shift)), Profile::kPlaces - std::abs(shift));
            if (similarity > best.similarity) best = {similarity, shift, reverse};
        }
    return best;
}

Profile mean_profile(std::span<const AlignedProfile> members) {
    Profile mean;
    for (const AlignedProfile& member : members) {
        const Profile turned = member.alignment.reverse ? member.profile->reversed() : Profile();
        const Profile& moved = member.alignment.reverse ? turned : *member.profile;
        for (std::int64_t place = 0; place < Profile::kPlaces; ++place) {
            const std::int64_t from = place - member.alignment.shift;
            if (from < 0 || from >= Profile::kPlaces) continue;
            for (std::int64_t row = 0; row < Profile::kRow; ++row) mean.at(place, row) += moved.at(from)[row];
        }
    }
    mean.scale();
    return mean;
}

}  // namespace regkit
