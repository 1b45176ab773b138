// What a part of regsnp annotate --shard says of its run: a line of its header, ##regsnpShard=...
#pragma once

#include <optional>
#include <string>

#include "app/variants/allele_run.hpp"
#include "app/variants/annotate.hpp"
#include "io/vcf/vcf.hpp"

namespace regkit {

inline constexpr const char* kShardKey = "regsnpShard";

// Digests (SHA-256) of all that must be equal in the parts of one run.
struct VariantPart {
    int shard = 1, shards = 1;
    std::string model, reference, input, options;
};

// Of this run; the parameters name a shard.
VariantPart part_of(const AnnotateParameters& parameters, AlleleRun& run);
// "##regsnpShard=2/7 model=... reference=... input=... options=..."
std::string part_line(const VariantPart& part);
// Of a header that was read: Error(input) naming the file where it has no such line, or one that is damaged.
VariantPart read_part(const VcfHeader& header);
// In what two parts differ: "another model"; empty where they are of one run.
std::string difference(const VariantPart& a, const VariantPart& b);

}  // namespace regkit
