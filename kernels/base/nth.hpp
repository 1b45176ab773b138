// Elements by a signed number. Positions, counts and numbers of contigs or markers are signed here, since
// they are subtracted; containers count in std::size_t, and a cast at each access would hide what is
// accessed.
#pragma once

#include <cstddef>
#include <utility>

namespace regkit {

// values[i], for an integer or an enumerator that is not negative; checked no more than values[i] is.
template <class Values, class Index>
constexpr decltype(auto) nth(Values&& values, Index i) {
    return std::forward<Values>(values)[static_cast<std::size_t>(i)];
}

}  // namespace regkit
