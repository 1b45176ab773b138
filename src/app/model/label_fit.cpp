// Task, window, bin and offset are compared in that order, and the first that differs becomes the message: of
// another task the window is beside the point. A model's own layout is held against its network by the same
// comparison.
#include "app/model/label_fit.hpp"

#include "base/text.hpp"
#include "kernels/base/error.hpp"

namespace regkit {
namespace {

std::string bases(std::int64_t n) {
    return counted(n, "base");
}

// What does not fit; empty where everything does.
std::string misfit(const Spec& spec, const SpecSummary& s, const LabelLayout& layout, std::int64_t window,
                   const std::string& name) {
    if (layout.task != to_string(spec.task))
        return "its task is '" + layout.task + "', that of " + name + " is '" + to_string(spec.task) + "'";
    if (s.fixed_window) {
        if (window != spec.window)
            return "its windows have " + bases(window) + ", " + name + " takes exactly " +
                   std::to_string(spec.window);
        if (s.outputs != layout.count)
            return "its windows have " + counted(layout.count, "label") + ", " + name + " gives " +
                   counted(s.outputs, "output") + " for " + bases(window);
        return "";
    }
    if (layout.bin != s.scale)
        return "a label stands for " + bases(layout.bin) + ", an output of " + name + " for " +
               std::to_string(s.scale);
    if (layout.offset != 0 || layout.count * layout.bin != window)
        return "its labels cover " + bases(layout.count * layout.bin) + " from base " +
               std::to_string(layout.offset) + " of a window of " + std::to_string(window) +
               " on, the outputs of " + name + " the whole window";
    return "";
}

}  // namespace

void require_fit(const Spec& spec, const SpecSummary& summary, const LabelLayout& layout, std::int64_t window,
                 const std::string& where, const std::string& name) {
    const std::string problem = misfit(spec, summary, layout, window, name);
    require(problem.empty(), ErrorKind::mismatch,
            where + ": " + problem +
                "; build a data set that fits (regds-build --target, --window, --label-bin)");
}

LabelLayout output_layout(const Model& model, const SpecSummary& summary) {
    if (model.spec.task == Task::nucleotide) {
        require(summary.scale == 1 && summary.outputs == model.spec.window, ErrorKind::input,
                "model '" + model.spec.name + "': a nucleotide model must give one output a base");
        return {to_string(model.spec.task), 1, 0, summary.outputs, 0};
    }
    const std::string problem = misfit(model.spec, summary, model.layout, model.spec.window, "the network");
    require(problem.empty(), ErrorKind::input,
            "model '" + model.spec.name + "': its label layout is of another: " + problem);
    return model.layout;
}

}  // namespace regkit
