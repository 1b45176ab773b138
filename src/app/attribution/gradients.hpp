// regsnp grad: what each base of a region contributes to a model's outputs on a target.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/attribution/attribution.hpp"
#include "app/variants/allele_run.hpp"
#include "base/log.hpp"
#include "base/work_done.hpp"

namespace regkit {

// What outputs of one value a base have: the contribution of the base that is there, of gradients or of
// integrated gradients; or the Euclidean norm of the four of gradients.
enum class GradientMethod { input, norm, integrated };

struct GradientParameters : ScoringParameters {
    std::vector<std::string> regions;
    std::string regions_file;
    std::int64_t width = 0;  // told of are so many bases around a region's middle; 0: the region
    std::string target;      // a region: the outputs there; "": those of each region itself
    bool sites = false;      // the sites that are called in the regions, each by itself, instead of regions
    GradientMethod method = GradientMethod::input;
    IntegrationOptions integration;   // of `integrated`
    std::int64_t bin = 128, top = 3;  // of BED
    std::vector<std::string> outputs{"-"};
    std::string format;    // of -O; "": what names tell
    bool modisco = false;  // beside arrays two files for modisco-lite
};

struct GradientSummary {
    std::int64_t regions = 0;
    std::int64_t bases = 0, unknown = 0;  // known ones, and N
    double off = 0;                       // of integrated gradients: the worst Completeness::off()
};

// Throws Error; on any the outputs do not come to be. Of several models contributions are the mean. Memory
// grows with the regions for arrays, and with the longest one where there are several models.
GradientSummary gradients(const GradientParameters& parameters, Log& log, const TellWork& tell = tell_nobody);

}  // namespace regkit
