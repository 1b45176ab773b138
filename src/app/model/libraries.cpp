// Puts together what the formats and the numeric core name, so that cli need know neither.
#include "app/model/libraries.hpp"

#include "io/files/libraries.hpp"
#include "kernels/backend.hpp"

namespace regkit {

std::vector<std::string> libraries_in_use() {
    std::vector<std::string> all = io_libraries();
    for (const std::string& library : backend_libraries()) all.push_back(library);
    return all;
}

}  // namespace regkit
