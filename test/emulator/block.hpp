// What the emulator's parts know of the block that runs, and what they do beside its threads.
#pragma once

#include <cstddef>
#include <functional>

namespace regkit::emulator {

// Of the calling thread, in its block.
unsigned thread_number();
struct SharedMemory {
    unsigned char* data;
    std::size_t size;
};
SharedMemory shared_memory();  // of launch_with_shared
// Whether what may be done late is to be done now.
bool is_due_at_once();
// Counts the calling thread's waits; whether this one is left out.
bool is_wait_left_out();
// The calling thread goes on when `condition` holds; nobody else's doing so is the launch's end, as an error.
void wait_until(std::function<bool()> condition);

// ---- of hopper.cpp
// A block begins.
void begin_hopper_block();
// Does one thing that was put off, where no thread can go on without it; false where there is none.
bool advance_hopper();
// What the thread or the block that ends has left undone; null: nothing.
const char* undone_by_hopper_thread();
const char* undone_by_hopper_block();

}  // namespace regkit::emulator
