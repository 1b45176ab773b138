// The emulated plug-in takes its settings from the tool's environment when it is loaded: REGKIT_EMULATOR
// holds words NAME=VALUE, of
//   order=forward|reverse|shuffled   of threads
//   fault=CALL:N:ERROR               the N-th call of this function (kernel: the N-th that runs) gives CUDA's
//   error of
//                                    this number
//   skip=CALL                        all calls of this function are left out
//   cudnn=wrong|absent               what stands in for cuDNN computes wrongly, is not installed
//   cublaslt=absent                  what stands in for cuBLASLt is not installed
//   lstm=unsupported|wrong|wrong-gradient   what stands in for cuDNN makes of LSTMs
//   driver=12020, capability=75      what the machine has
//   gpu=1                            which GPU of several processes' this is
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>

#include "test/emulator/emulator_backend.hpp"
#include "test/emulator/stand_in_engines.hpp"
#include "test/emulator/stand_in_matmul.hpp"

namespace regkit::emulator {

namespace {

[[noreturn]] void refuse(const std::string& word) {
    std::fprintf(stderr, "REGKIT_EMULATOR: what is %s?\n", word.c_str());
    std::abort();
}

Order order_of(const std::string& name) {
    if (name == "forward") return Order::forward;
    if (name == "reverse") return Order::reverse;
    if (name == "shuffled") return Order::shuffled;
    refuse(name);
}

void inject_as(const std::string& text) {
    char call[64];
    int nth = 0, error = 0;
    if (std::sscanf(text.c_str(), "%63[^:]:%d:%d", call, &nth, &error) != 3) refuse(text);
    inject(call, nth, static_cast<cudaError_t>(error));
}

// What stands in for cuDNN.
void offer(const std::string& way) {
    stand_in().installed = way != "absent";
    if (way == "wrong")
        stand_in().plans = {{StandInPlan::Way::wrong}};
    else if (way != "absent")
        refuse("cudnn=" + way);
}

void offer_lstm(const std::string& way) {
    StandInLstm& lstm = stand_in().lstm;
    if (way == "unsupported")
        lstm.forward = StandInLstm::Way::unsupported;
    else if (way == "wrong")
        lstm.forward = StandInLstm::Way::wrong;
    else if (way == "wrong-gradient")
        lstm.gradient = StandInLstm::Way::wrong;
    else
        refuse("lstm=" + way);
}

bool apply(const char* words) {
    Machine machine;
    std::istringstream in(words ? words : "");
    for (std::string word; in >> word;) {
        const std::size_t equals = word.find('=');
        if (equals == std::string::npos) refuse(word);
        const std::string name = word.substr(0, equals), value = word.substr(equals + 1);
        if (name == "order")
            use_order(order_of(value));
        else if (name == "fault")
            inject_as(value);
        else if (name == "skip")
            leave_out_calls(value);
        else if (name == "cudnn")
            offer(value);
        else if (name == "cublaslt" && value == "absent")
            stand_in_matmul().installed = false;
        else if (name == "lstm")
            offer_lstm(value);
        else if (name == "driver")
            machine.driver = std::stoi(value);
        else if (name == "capability")
            machine.capability = std::stoi(value);
        else if (name == "gpu")
            machine.gpu = std::stoi(value);
        else
            refuse(word);
    }
    set_machine(machine);
    return true;
}

const bool applied = apply(std::getenv("REGKIT_EMULATOR"));

}  // namespace

}  // namespace regkit::emulator
