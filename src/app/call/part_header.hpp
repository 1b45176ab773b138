// What a part file says of its call (part_file.hpp).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "app/call/call_cutoffs.hpp"
#include "base/marker.hpp"
#include "io/fasta/fasta.hpp"

namespace regkit {

struct PartHeader {
    int shard = 1, shards = 1;  // which of how many, from 1
    bool holds_values = false, holds_runs = false;
    std::vector<std::string> model_paths, model_digests;  // of an ensemble several, in its order
    std::string reference_path, reference_digest;
    bool coverage = false;  // instead of probabilities
    bool spread = false;    // values have a second row of each marker, behind those of all: its spread
    std::vector<Marker> markers;
    std::vector<MarkerCalls> calls;
    SiteOptions sites;
    std::int64_t cell = 1, width = 1;     // bases an output of the model, bases a value
    int decimals = 4;                     // that values are rounded to
    std::string modes;                    // whatever else of the options changes values, as text
    std::string ranges;                   // digest of the stretches of the reference that the call is about
    std::vector<std::string> provenance;  // lines of outputs' headers
    std::vector<Contig> contigs;          // of the reference

    std::int64_t value_rows() const { return std::ssize(markers) * (spread ? 2 : 1); }
    bool is_ensemble() const { return model_paths.size() > 1; }
};
// All that must be equal in the parts of one call: a line of text.
std::string call_key(const PartHeader& header);
// All but the contigs, as a part has it: JSON.
std::string header_text(const PartHeader& header);
// The same, read: Error(input) that begins with `path` and says what is wrong.
PartHeader parse_header(std::string_view text, const std::string& path);

}  // namespace regkit
