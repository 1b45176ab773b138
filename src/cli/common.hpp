// The options that several tools share, defined once: the same name, letter and meaning everywhere.
#pragma once

#include <string>
#include <vector>

#include "app/model/session.hpp"
#include "cli/options.hpp"

namespace regkit::cli {

enum class Need : bool { optional, needed };
inline constexpr Need kNeeded = Need::needed;

namespace common {

Option fasta(Need need = Need::optional);                                   // -f, --fasta REF
Option check_reference(const std::string& help);                            // --check-reference
Option regions();                                                           // -r, --region REGION, repeatable
Option regions_file();                                                      // -R, --regions-file BED
Option model(Need need = Need::optional);                                   // -m, --model MODEL
Option models();                                                            // the same, needed and repeatable
Option dataset(Need need = Need::optional);                                 // -d, --dataset X.regds
Option markers();                                                           // -k, --markers LIST, repeatable
Option output(const std::string& help, const std::string& value = "FILE");  // -o, --output FILE
Option format(const std::vector<std::string>& choices,
              const std::string& help);           // -O, --output-format FORMAT
Option force();                                   // --force
Option rc_average();                              // --rc-average
Option window_mode(const std::string& fallback);  // --window-mode paper|tiled
Option threads();                                 // -@, --threads N
Option device();                                  // --device auto|cpu|cuda[:N]
Option precision();                               // --precision f32|bf16
Option isa();                                     // --isa NAME
Option seed(const std::string& fallback);         // --seed N
Option progress();                                // --progress auto|none|json
Option no_version();                              // --no-version
Option verbosity();                               // --verbosity N (every tool has it)

}  // namespace common

// -@ as a number of workers: 0 is every processor that this process may use. Error(usage) above 256.
int threads(const Arguments& args);
// -@, --device, --precision and --isa together.
BackendOptions backend_options(const Arguments& args);
// What a tool reads that takes one file or standard input: its argument, or "-" where there is none.
// Error(usage) where that would be a terminal, at which nobody expects to type; "-" in so many words is taken
// there, too.
std::string stream_input(const Arguments& args);
// -m and the like: the file's name, after a check that it can be read, so that a slip is told before hours of
// work.
std::string readable_file(const Arguments& args, const std::string& name);
// The same, and that it is what the option takes: Error(input) where it is recognised as something else.
std::string fasta_file(const Arguments& args, const std::string& name = "fasta");  // "" where not given
std::string model_file(const Arguments& args);
std::vector<std::string> model_files(const Arguments& args);  // of models(), in order
// The file that a model's name or path stands for (find_model), which can be read.
std::string model_named(const std::string& name);
std::string dataset_folder(const Arguments& args);
// An output's name, "" where not given. Error(resource) where its folder is missing, which is told with the
// cure, before hours of work; Error(usage) for the name of a folder.
std::string output_file(const Arguments& args, const std::string& name);
// The same of one that can be given several times; with `parents`, folders may be missing.
std::vector<std::string> output_files(const Arguments& args, const std::string& name, bool parents);

}  // namespace regkit::cli
