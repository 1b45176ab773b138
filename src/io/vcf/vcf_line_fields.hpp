// Private to src/io/vcf* and bcf*: a record of VCF text taken apart to its fields, for what BCF cannot hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace regkit {

struct VcfLineFields {
    std::vector<std::string_view> fixed;                  // CHROM to QUAL
    std::vector<std::string_view> filters, info, format;  // without empty ones
    std::vector<std::vector<std::string_view>> samples;   // the values of each, as many as it has

    // Of a line whose columns were counted; of at most so many samples.
    explicit VcfLineFields(std::string_view line, std::size_t most_samples = SIZE_MAX);

    std::string text() const;
    // The record with one key of FORMAT alone and no INFO.
    std::string text_with_only(std::size_t key) const;
    // Takes a key of FORMAT and its values away.
    void remove_format(std::size_t key);
};

// What a record says otherwise in `printed` than in `line`, each as "INFO/RS=2148352434 as '.'"; floats may
// lose what six digits do not show. Both are records of VCF text without line ends.
std::vector<std::string> differences(std::string_view line, std::string_view printed);

}  // namespace regkit
