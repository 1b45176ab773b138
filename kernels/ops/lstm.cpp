#include "kernels/ops/lstm.hpp"

#include "kernels/ops/checks.hpp"

namespace regkit {

namespace {

void check_sizes(const Checks& check, int hidden, int directions) {
    check.that(hidden >= 1, "no hidden units");
    check.that(directions >= 1 && directions <= kMaxDirections, "neither one direction nor two");
}

std::int64_t gates_of(int hidden, int directions) {
    return std::int64_t{4} * directions * hidden;
}

void check_recurrence(const Checks& check, const View& gates, const Slice& weight_hh, int hidden,
                      int directions, const View& cell, const View& y) {
    check_sizes(check, hidden, directions);
    check.tensor("gates", gates);
    check.equal("channels of gates", gates.shape.channels, gates_of(hidden, directions));
    check.values("weight_hh", weight_hh, gates_of(hidden, directions) * hidden);
    const Shape state{gates.shape.batch, std::int64_t{directions} * hidden, gates.shape.length};
    check.shape("cell", cell, state);
    check.shape("y", y, state);
}

void check_layer(const Checks& check, const View& x, const LstmLayer& layer, const LstmMemory* memory,
                 const View& y) {
    check_sizes(check, layer.hidden, layer.directions);
    const std::int64_t gates = gates_of(layer.hidden, layer.directions);
    check.tensor("x", x);
    check.values("weight_ih", layer.weight_ih, gates * x.shape.channels);
    check.values("weight_hh", layer.weight_hh, gates * layer.hidden);
    check.values("bias", layer.bias, gates);
    check.shape("y", y, x.shape.batch, std::int64_t{layer.directions} * layer.hidden, x.shape.length);
    check.that(memory, "no memory");
    check.that(memory->x.batch >= x.shape.batch && memory->x.channels == x.shape.channels &&
                   memory->x.length >= x.shape.length && memory->states == y.shape.channels,
               "memory that was not made for this layer");
}

}  // namespace

void LstmRecurrence::check() const {
    check_recurrence(Checks(kName), gates, weight_hh, hidden, directions, cell, y);
}

void LstmRecurrenceGrad::check() const {
    const Checks check(kName);
    check_recurrence(check, gates, weight_hh, hidden, directions, cell, y);
    check.shape("dy", dy, y.shape);
    check.values("d_weight_hh", d_weight_hh, weight_hh.count);
}

void LstmRoom::check() const {
    const Checks check(kName);
    check_sizes(check, hidden, directions);
    check.that(x.batch >= 1 && x.channels >= 1 && x.length >= 1, "an empty shape");
    check.that(values, "nowhere to say it");
}

void Lstm::check() const {
    check_layer(Checks(kName), x, layer, memory, y);
}

void LstmGrad::check() const {
    const Checks check(kName);
    check_layer(check, x, layer, memory, y);
    check.that(memory->training, "memory that was not made for training");
    check.shape("dy", dy, y.shape);
    check.shape("dx", dx, x.shape);
    check.values("d_weight_ih", gradient.weight_ih, layer.weight_ih.count);
    check.values("d_weight_hh", gradient.weight_hh, layer.weight_hh.count);
    check.values("d_bias", gradient.bias, layer.bias.count);
}

}  // namespace regkit
