// A safetensors file: what was read can be written, and is read again the same.
#include "io/safetensors/safetensors.hpp"

#include "test/fuzz/fuzz.hpp"

void fuzz_one(std::string_view input) {
    const regkit::TensorFile file = regkit::read_safetensors(put("x", input));
    const std::string path = absent("y");
    regkit::write_safetensors(path, file);
    const regkit::TensorFile again = regkit::read_safetensors(path);
    expect(again.metadata == file.metadata && again.tensors.size() == file.tensors.size(), "another file");
    for (std::size_t i = 0; i < file.tensors.size(); ++i)
        expect(again.tensors[i].name == file.tensors[i].name &&
                   again.tensors[i].shape == file.tensors[i].shape &&
                   again.tensors[i].values == file.tensors[i].values,
               "another tensor");
}
