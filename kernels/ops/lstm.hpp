// LSTMs (Hochreiter & Schmidhuber 1997; gates and names as PyTorch's: i, f, g, o).
#pragma once

#include <cstdint>

#include "kernels/tensor.hpp"

namespace regkit {

// Largest number of directions of an LSTM.
inline constexpr int kMaxDirections = 2;

// The recurrence alone: for t ascending (direction 1: descending), with h and c zero before the first,
//   a = gates[t] + W_hh h[t-1];  i, f, o = sigmoid(a), g = tanh(a);
//   c[t] = f * c[t-1] + i * g;  h[t] = o * tanh(c[t])
struct LstmRecurrence {
    static constexpr const char* kName = "lstm_recurrence";
    View gates;  // (batch, directions * 4 * hidden, length), a direction's together; i, f, g, o on return
    Slice weight_hh;  // [directions][4 * hidden][hidden]
    int hidden;
    int directions;
    View cell;  // (batch, directions * hidden, length)
    View y;     // as cell; may have a halo

    void check() const;
};

// gates, cell and y as LstmRecurrence left them; dy is the gradient of y. On return gates hold the gradient
// of what they held before it. d_weight_hh is added to.
struct LstmRecurrenceGrad {
    static constexpr const char* kName = "lstm_recurrence_grad";
    View gates;
    Slice weight_hh;
    int hidden;
    int directions;
    View cell;
    View y;
    View dy;
    Slice d_weight_hh;

    void check() const;
};

// A layer over `in` channels: gates = weight_ih x + bias at every position, then the recurrence.
struct LstmLayer {
    Slice weight_ih;  // [directions][4 * hidden][in]
    Slice weight_hh;  // [directions][4 * hidden][hidden]
    Slice bias;       // [directions][4 * hidden]
    int hidden = 1;
    int directions = 1;
};

struct LstmGradient {
    Slice weight_ih, weight_hh, bias;
};

// What a layer works in and leaves for its gradient. Made by compose::alloc_lstm.
struct LstmMemory {
    Buffer gates, cell;     // where the layer is a convolution and the recurrence
    Buffer own;             // flat, where the back end has the layer as a whole; its content is its business
    bool is_whole = false;  // whether `own` was filled by the layer as a whole
    Shape x;                // what it was made for: inputs of up to this batch and length,
    std::int64_t states = 0;  // directions * hidden,
    bool training = false;    // and a gradient to follow
};

// How many values LstmMemory::own has to hold for inputs of up to this batch and length. A back end that has
// not got this has not got Lstm and LstmGrad either: compose::lstm and lstm_grad then take the parts.
struct LstmRoom {
    static constexpr const char* kName = "lstm_room";
    Shape x;
    int hidden;
    int directions;
    bool training;
    std::int64_t* values;

    void check() const;
};

// The layer as a whole.
struct Lstm {
    static constexpr const char* kName = "lstm";
    View x;
    LstmLayer layer;
    LstmMemory* memory;
    View y;

    void check() const;
};

// x, memory and y as Lstm left them; dy is the gradient of y. What memory holds is gone then. The gradients
// of weights and bias are added to.
struct LstmGrad {
    static constexpr const char* kName = "lstm_grad";
    View x;
    LstmLayer layer;
    LstmMemory* memory;
    View y;
    View dy;
    LstmGradient gradient;
    bool accumulate = false;
    View dx;

    void check() const;
};

}  // namespace regkit
