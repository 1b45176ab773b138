// Which records of an indexed file one of several runs takes, as the index alone tells it.
#pragma once

#include <string>
#include <vector>

#include "base/region.hpp"

namespace regkit {

// Stretches of positions, in the order of the file: records whose POS lies in them belong to shard `number`
// of `of`, from 1 on. Every position of every contig that has records is in one shard. The cuts lie where the
// index knows about as many compressed bytes between them, to some 16,000 bases, and by .csi to 64 KiB, since
// it joins smaller windows. A stretch that has the first records of its contig begins at -1, which is POS 0;
// one that has the last ends at INT64_MAX. A shard may have none. Error(usage) on standard input and for a
// file that is not in blocks, Error(resource) without an index, Error(input) for one that lacks its end.
std::vector<Region> shard_stretches(const std::string& path, int number, int of);

}  // namespace regkit
