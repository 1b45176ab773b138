// The numeric core: the list of operations, at the level of the operation, so that the network exists once
// (src/nn).
//
// An operation is a struct of kernels/ops: named operands, what it computes in shapes, check(). A caller has
// only `backend(Conv{...})`, which checks, throws Error where that or the back end fails, and else has the
// operation done. Implementations: reference/ (double precision, obvious loops: the meaning of every
// operation), cpu/ (fp32, vectorised, threaded), cuda/ (plug-in, and the same kernels' source under the CPU
// emulator).
//
// Conventions for every operation:
//  - Weights have PyTorch's names, shapes and order: conv [out][in][width], up-convolution [in][out][width],
//    dense [out][in], row-major; they and their gradients are Slices of flat arrays.
//  - Convolution is cross-correlation.
//  - Parameter gradients are added to what the Slice holds (shared weights). Gradients with respect to an
//    input are added when `accumulate` is true (forks), else written.
//  - One output element is one sum in an order fixed by the layer alone, so that no result depends on the
//    number of workers, the batch or the row length.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/backend_of.hpp"
#include "kernels/ops/adam.hpp"
#include "kernels/ops/add.hpp"
#include "kernels/ops/all_reduce.hpp"
#include "kernels/ops/conv.hpp"
#include "kernels/ops/flat_dense.hpp"
#include "kernels/ops/lstm.hpp"
#include "kernels/ops/norm.hpp"
#include "kernels/ops/pool.hpp"
#include "kernels/ops/sequence.hpp"
#include "kernels/ops/splice.hpp"
#include "kernels/ops/tail.hpp"
#include "kernels/ops/up_conv.hpp"
#include "kernels/ops/up_norm.hpp"

namespace regkit {

// A new operation goes here, and nowhere else but to its own files (CONTRIBUTING.md).
class Backend : public BackendOf<                                                  //
                    SequenceConv, SequenceConvGrad, Embed,                         //
                    Conv, ConvGradInput, ConvGradWeight,                           //
                    UpConv, UpConvGradInput, UpConvGradWeight,                     //
                    FlatDense, FlatDenseGradInput, FlatDenseGradWeight,            //
                    Flatten, FlattenGrad,                                          //
                    LstmRecurrence, LstmRecurrenceGrad, LstmRoom, Lstm, LstmGrad,  //
                    Moments, UpdateRunning, NormAct, NormActGrad, NormGrad,        //
                    Pool, PoolGrad, Add, CopyChannels, Splice,                     //
                    TailInfer, TailCodes, TailRuns, TailTrain,                     //
                    FoldUpNorm, FoldUpNormGrad,                                    //
                    GradNorm, Adam, AllReduce> {};

// Operands of the products of convolutions, dense layers of every position and the tail: f32, or rounded to
// bf16 with sums in f32. Everything else is f32 in both; on the CPU that is also the first layer, a look-up
// of sums; flatten-and-dense and tails over few windows, which read each weight once from memory; and the
// LSTM's recurrence.
enum class Precision : int { f32, bf16 };
const char* precision_name(Precision precision);  // "f32", "bf16"

struct BackendOptions {
    std::string device = "auto";  // auto | cpu | cuda[:N] | reference
    int workers = 0;              // threads of the CPU back ends; 0 = all processors
    std::string isa;  // cpu: pins the instruction set (avx2, avx512, ...); empty = the best one here
    Precision precision = Precision::f32;  // bf16: of cpu and cuda
};

struct BackendChoice {
    std::unique_ptr<Backend> backend;
    std::string
        notice;  // for the user: `auto` found a driver and still fell back, or it will be slow; or empty
};

// Throws Error(resource) naming the cause when the device asked for cannot be used, Error(usage) on an
// unknown one.
BackendChoice make_backend(const BackendOptions& options);

// What the back ends are made with, for --version: "Highway 1.0.3", "no CUDA plug-in".
std::vector<std::string> backend_libraries();

}  // namespace regkit
