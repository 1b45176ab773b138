// The tool's own version, then a line a library, as the layers below name them. Boost is added here, as no
// other layer uses it.
#include "cli/versions.hpp"

#include <boost/version.hpp>

#include "app/model/libraries.hpp"
#include "base/version.hpp"

namespace regkit::cli {

std::string version_text(const std::string& tool) {
    std::string text = tool + " " + std::string(version()) + "\n";
    for (const std::string& library : libraries_in_use()) text += "Using " + library + "\n";
    text += "Using Boost " + std::to_string(BOOST_VERSION / 100000) + "." +
            std::to_string(BOOST_VERSION / 100 % 1000) + "." + std::to_string(BOOST_VERSION % 100) + "\n";
    return text;
}

}  // namespace regkit::cli
