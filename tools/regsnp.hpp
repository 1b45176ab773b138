// What the files of regsnp's commands share: rows of option tables, each written once, and what they become.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/attribution/attribution.hpp"
#include "app/variants/allele_run.hpp"
#include "base/log.hpp"
#include "cli/common.hpp"
#include "cli/options.hpp"

namespace regkit {

inline constexpr std::int64_t kMaxSpan = 1'000'000;
inline constexpr std::int64_t kMaxTop = 1000;

// ---- regsnp-options.cpp
void add(std::vector<cli::Option>& options, std::vector<cli::Option> more);
std::vector<cli::Option> reference_options();  // -f, --check-reference
std::vector<cli::Option> region_options();     // the same, -r and -R: read_regions()
cli::Option width_option(const std::string& help);
cli::Option count_option(const std::string& help);  // -n
cli::Option seed_option(const std::string& fallback, const char* group);
std::vector<cli::Option> scoring_options();  // -m, -k and how alleles are scored: read_scoring()
cli::Option span_option();
cli::Option target_option(const std::string& help);  // one region
cli::Option phases_option();
cli::Option variants_option();  // -O of VCF and BCF
cli::Option modisco_option();
cli::Option write_index_option(const std::string& what);
// What is told of the run, and where it computes.
std::vector<cli::Option> run_options();

// Of -R: a BED file, or "-" for one on standard input.
std::string bed_file(const cli::Arguments& args);
std::int64_t span_of(const cli::Arguments& args);
// What scoring_options(), phases_option() and run_options() are about, -f, --check-reference and --span.
void read_scoring(const cli::Arguments& args, ScoringParameters& p);

// What region_options() are about, apart from the reference.
template <class Parameters>
void read_regions(const cli::Arguments& args, Parameters& p) {
    p.regions = args.all("region");
    p.regions_file = bed_file(args);
}
// Model, reference and where to compute.
template <class Parameters>
void read_run(const cli::Arguments& args, Parameters& p) {
    p.models = cli::model_files(args);
    p.fasta = cli::fasta_file(args);
    p.check_reference = args.flag("check-reference");
    p.markers = args.list("markers");
    p.all_phases = args.text("phases") == "all";
    p.rc_average = args.flag("rc-average");
    p.provenance = !args.flag("no-version");
    p.command_line = args.command_line();
    p.backend = cli::backend_options(args);
}

// ---- regsnp-annotate.cpp and regsnp-merge.cpp
cli::Tool annotate_tool();
cli::Tool check_tool();
void run_annotate(const cli::Arguments& args, Log& log);
void run_check(const cli::Arguments& args, Log& log);
cli::Tool merge_tool();
void run_merge(const cli::Arguments& args, Log& log);

// ---- regsnp-grad.cpp
std::vector<cli::Option> integration_options();  // --baseline, --seed, --steps: read_integration()
void read_integration(const cli::Arguments& args, bool integrated, IntegrationOptions& options);
cli::Option attribution_phases_option();
cli::Tool grad_tool();
void run_grad(const cli::Arguments& args, Log& log);

// ---- regsnp-motifs.cpp
cli::Tool motifs_tool();
void run_motifs(const cli::Arguments& args, Log& log);

}  // namespace regkit
