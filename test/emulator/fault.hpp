// What tests of the emulated device choose, and its end.
#pragma once

#include "test/emulator/cuda_runtime.h"

namespace regkit::test {

inline constexpr emulator::Order kOrders[] = {emulator::Order::forward, emulator::Order::reverse,
                                              emulator::Order::shuffled};
inline constexpr emulator::CopyTime kCopyTimes[] = {emulator::CopyTime::at_wait, emulator::CopyTime::at_once,
                                                    emulator::CopyTime::by_chance};

// The device has this compute capability, and this flaw, until the end. Back ends are made after it.
struct OnDevice {
    explicit OnDevice(int capability, emulator::HopperFlaw flaw = emulator::HopperFlaw::none) {
        emulator::Machine machine = emulator::machine();
        machine.capability = capability;
        machine.flaw = flaw;
        emulator::set_machine(machine);
    }
    OnDevice(const OnDevice&) = delete;
    OnDevice& operator=(const OnDevice&) = delete;
    ~OnDevice() { emulator::set_machine(before_); }

  private:
    emulator::Machine before_ = emulator::machine();
};

// At its end nothing is left out any more, and order and times are the usual ones.
struct Fault {
    Fault() = default;
    Fault(const Fault&) = delete;
    Fault& operator=(const Fault&) = delete;
    ~Fault() {
        emulator::leave_out_barrier(-1);
        emulator::leave_out_wait(-1);
        emulator::set_copy_time(emulator::CopyTime::at_wait);
        emulator::set_order(emulator::Order::forward);
    }
};

}  // namespace regkit::test
