// A model file; its checksum does not stand in the way.
#include "app/model/model.hpp"

#include "test/fuzz/fuzz.hpp"

void fuzz_one(std::string_view input) {
    regkit::TensorFile file = regkit::read_safetensors(put("x", input));
    file.metadata.erase(regkit::kChecksumKey);
    regkit::NullLog quiet;
    const regkit::Model model = regkit::model_of(std::move(file), "x");
    expect(regkit::select_markers(model.markers, {"*"}).size() == model.markers.size(),
           "'*' does not choose all");
    const std::string path = absent("y");
    regkit::save_model(path, regkit::restrict_markers(model, {0}));
    const regkit::Model again = regkit::load_model(path, quiet);
    // Its name may have been cleaned.
    expect(again.spec == model.spec && again.markers.size() == 1, "another model");
}
