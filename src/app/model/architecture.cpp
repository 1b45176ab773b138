// A name that ends in .json is a file, any other one a preset. The tables are made from what the network
// itself would derive from the spec, so they show the sizes that training will have.
#include "app/model/architecture.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <tuple>
#include <vector>

#include "base/text.hpp"
#include "io/files/byte_source.hpp"
#include "kernels/base/error.hpp"

namespace regkit {
namespace {

constexpr std::uintmax_t kMaxSpecBytes = std::uintmax_t{1} << 20;

}  // namespace

Spec load_architecture(const std::string& name) {
    if (!name.ends_with(".json")) return preset(name);
    std::error_code unknown;  // of a pipe, and of a file that is not there
    const auto size = std::filesystem::file_size(name, unknown);
    require(unknown || size <= kMaxSpecBytes, ErrorKind::input,
            name + ": more than 1 MiB; a spec is shorter");
    return parse_spec(read_whole_file(name), name);
}

std::string presets_table(int markers, bool norm) {
    struct Row {
        Task task;
        std::int64_t parameters;
        std::string text;
    };
    std::vector<Row> rows;
    for (const std::string& name : preset_names()) {
        const Spec spec = norm ? preset(name) : without_norm(preset(name));
        const SpecSummary summary = summarise(spec, markers);
        rows.push_back({spec.task, summary.parameters,
                        name + "\t" + to_string(spec.task) + "\t" + std::to_string(spec.layers.size()) +
                            "\t" + std::to_string(summary.parameters) + "\t" +
                            std::to_string(summary.receptive_field()) + "\n"});
    }
    std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
        return std::tie(a.task, a.parameters) < std::tie(b.task, b.parameters);
    });
    std::string table = "preset\ttask\tlayers\tparameters\treceptive_field\n";
    for (const Row& row : rows) table += row.text;
    return table;
}

std::string describe_table(const Spec& spec, int markers) {
    std::string table = "layer\ttype\tfrom\tshape\tparameters\treceptive_field\tflops_per_base\n";
    std::int64_t parameters = 0;
    double flops = 0;
    for (const LayerDescription& row : describe(spec, markers)) {
        const std::string field = row.receptive_field > 0 ? std::to_string(row.receptive_field) : "window";
        table += row.name + "\t" + row.type + "\t" + row.from + "\t" + row.shape + "\t" +
                 std::to_string(row.parameters) + "\t" + field + "\t" + number_text(row.flops_per_base) +
                 "\n";
        parameters += row.parameters;
        flops += row.flops_per_base;
    }
    const SpecSummary summary = summarise(spec, markers);
    const std::string field = summary.fixed_window || !summary.finite_context
                                  ? "window"
                                  : std::to_string(summary.receptive_field());
    table += "total\t" + std::string(to_string(spec.task)) + "\tsequence\t" + std::to_string(markers) +
             " x " + std::to_string(summary.outputs) + "\t" + std::to_string(parameters) + "\t" + field +
             "\t" + number_text(flops) + "\n";
    return table;
}

}  // namespace regkit
