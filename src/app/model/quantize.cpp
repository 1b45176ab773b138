// The work is packed_weights.cpp's: a model that is marked is written that way.
#include "app/model/quantize.hpp"

#include "app/model/model.hpp"
#include "io/files/output_check.hpp"

namespace regkit {

void quantize_model(const std::string& path, const std::string& output, Log& log) {
    refuse_inputs_as_outputs({output}, {path});
    Model model = load_model(path, log);
    if (model.packed) log.info(path + ": its weights have 8 bits already");
    model.packed = true;
    save_model(output, model);
}

}  // namespace regkit
