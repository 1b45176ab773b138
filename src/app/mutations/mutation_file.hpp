// What -o and -O say of the outputs of commands that say something of every base.
#pragma once

#include <string>
#include <vector>

#include "io/tracks/track_set.hpp"
#include "io/vcf/vcf.hpp"

namespace regkit {

struct MutationFile {
    // Bins are BED of the best bins of a region.
    enum class Kind { table, matrix, track, arrays, variants, bins };
    std::string name;
    Kind kind = Kind::table;
    bool gz = false;                     // text that is bgzipped
    const TrackFormat* track = nullptr;  // of a track
    VariantFormat variants = VariantFormat::vcf;
};
// Whose outputs: effects of mutations may be variants, attributions may be bins.
enum class BaseOutputs { effects, attributions };
// `word` is what -O says, "" where the name tells. Error(usage) where neither does.
MutationFile mutation_file(const std::string& name, const std::string& word, BaseOutputs of);
// What -O takes, for completions.
std::vector<std::string> mutation_words(BaseOutputs of);
// All files that it makes, one a marker where its name has {marker}. Error(usage) where one file cannot hold
// the markers. `modisco` asks for two more of arrays.
std::vector<std::string> paths_of(const MutationFile& file, const std::vector<std::string>& markers,
                                  bool modisco);

// What all -o and the one -O say, in a run of these markers. Error(usage) where they do not go together, with
// each other, with --modisco or --write-index, or where an output is one of the inputs or written twice.
struct MutationFiles {
    std::vector<std::string> outputs;
    std::string format;
    bool modisco = false, write_index = false;
};
std::vector<MutationFile> mutation_files(const MutationFiles& asked, BaseOutputs of,
                                         const std::vector<std::string>& markers,
                                         const std::vector<std::string>& inputs);

}  // namespace regkit
