// What the files of regsnp's commands share.
#pragma once

#include <string>
#include <vector>

#include "base/log.hpp"
#include "cli/options.hpp"

namespace regkit {

cli::Option check_reference_option();
// What is told of the run, and where it computes.
std::vector<cli::Option> run_options();
// Of -R: a BED file, or "-" for one on standard input.
std::string bed_file(const cli::Arguments& args);

// regsnp-grad.cpp
cli::Tool grad_tool();
void run_grad(const cli::Arguments& args, Log& log);

}  // namespace regkit
