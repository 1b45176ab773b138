// This machine's GPU as cuDNN sees it, in the form of test/cuda/h100.json: gpu_properties > FILE. With such a
// file test_cudnn_plans answers for the device without it.
#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

#include "kernels/base/error.hpp"
#include "kernels/cuda/cudnn/graph.hpp"
#include "kernels/cuda/cudnn/library.hpp"

using namespace regkit;
using namespace regkit::cuda::cudnn;

int main() {
    try {
        Descriptor properties(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
        const std::int32_t device = 0;
        properties.set(CUDNN_ATTR_DEVICEPROP_DEVICE_ID, CUDNN_TYPE_INT32, 1, &device);
        properties.finalize();
        std::vector<char> text(1 << 16);
        const std::int64_t count = properties.get(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
                                                  static_cast<std::int64_t>(text.size()), text.data());
        require(count > 0 && count < static_cast<std::int64_t>(text.size()), ErrorKind::resource,
                "cuDNN describes the device in no or in too many words");
        nlohmann::ordered_json file;
        file["source"] = "cuDNN " + library().version() + " on the device";
        file["properties"] = nlohmann::ordered_json::parse(text.data());
        std::printf("%s\n", file.dump(2).c_str());
        return 0;
    } catch (const CallFailed& failed) {
        std::fprintf(stderr, "gpu_properties: %s\n", failed.what.c_str());
    } catch (const std::exception& error) {
        std::fprintf(stderr, "gpu_properties: %s\n", error.what());
    }
    return 1;
}
