#!/usr/bin/env python3
"""Runs a Linux program in the processor of Bochs (bochscpu): its instructions are emulated, its system calls made here.

Usage: avx512.py PROGRAM [argument...]   started by avx512.sh
What the tests of the CPU's kernels call is here: files that are read, memory, threads that wait for each other. Threads take
turns: one runs until it waits. Memory is what the program sees at its addresses; it lies in one array of this process.
"""
import ctypes
import errno
import mmap
import os
import struct
import sys
import time
import traceback
from collections import deque

import bochscpu
import bochscpu.cpu
import bochscpu.memory

PAGE, CHUNK = 4096, 1 << 16
MEMORY = 2 << 30
STUB, SAVED_RAX, SAVED_FS = 0x1000, 0x1100, 0x1108
PROGRAM, INTERPRETER, MAPS, MAPS_END, STACK = 0x400000, 0x10000000, 0x20000000, 0x7E000000, 0x7FFF0000
TABLES = 1 << 32  # page tables, where the program cannot write
STACK_LIMIT = 1 << 20

memory = mmap.mmap(-1, MEMORY, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
base = ctypes.addressof(ctypes.c_char.from_buffer(memory))


def put(at, layout, *values):
    struct.pack_into("<" + layout, memory, at, *values)


def text(at):
    return memory[at : memory.find(b"\0", at)].decode()


def pages(size):
    return -(-size // PAGE) * PAGE


# ---- the processor


def map_memory():
    """Virtual addresses are physical ones, in pages of 2 MiB."""
    tables = mmap.mmap(-1, (2 + (MEMORY >> 30)) * PAGE)
    host = ctypes.addressof(ctypes.c_char.from_buffer(tables))
    for page in range(0, len(tables), PAGE):
        bochscpu.memory.page_insert(TABLES + page, host + page)
    struct.pack_into("<Q", tables, 0, TABLES + PAGE | 7)
    for gib in range(MEMORY >> 30):
        struct.pack_into("<Q", tables, PAGE + 8 * gib, TABLES + (2 + gib) * PAGE | 7)
        for i in range(512):
            struct.pack_into("<Q", tables, (2 + gib) * PAGE + 8 * i, (gib << 30) + (i << 21) | 0x87)
    return tables


def give_memory(address):
    """Physical memory is there once it is used."""
    first = address & -CHUNK
    if first + CHUNK > MEMORY:
        raise RuntimeError("no such memory")
    for page in range(first, first + CHUNK, PAGE):
        bochscpu.memory.page_insert(page, base + page)


def segment(selector, attributes):
    s = bochscpu.Segment()
    s.base, s.limit, s.selector, s.attr, s.present = 0, 0xFFFFFFFF, selector, attributes, True
    return s


def user_state(start, stack):
    """64-bit mode, unprivileged, with all of AVX-512's registers."""
    state = bochscpu.State()
    bochscpu.cpu.set_long_mode(state)
    state.cr0, state.cr3, state.efer, state.xcr0 = 0x80050033, TABLES, 0xD01, 0xE7
    state.cr4 = 0x506A0  # PAE, PGE, OSFXSR, OSXMMEXCPT, FSGSBASE, OSXSAVE
    state.star, state.lstar, state.sfmask = 0x23 << 48 | 0x10 << 32, STUB, 0x700
    state.mxcsr, state.mxcsr_mask, state.fpcw, state.fptw, state.rflags = 0x1F80, 0xFFFF, 0x37F, 0xFFFF, 0x202
    state.cs = segment(0x33, 0xA0FB)
    for name in ("ss", "ds", "es", "fs", "gs"):
        setattr(state, name, segment(0x2B, 0xC0F3))
    state.rip, state.rsp = start, stack
    # A system call has been made by the time it gets here: mov rax, [SAVED_FS]; wrfsbase rax; mov rax, [SAVED_RAX]; sysretq
    code = b"\x48\xa1%b\xf3\x48\x0f\xae\xd0\x48\xa1%b\x48\x0f\x07" % (
        struct.pack("<Q", SAVED_FS),
        struct.pack("<Q", SAVED_RAX),
    )
    memory[STUB : STUB + len(code)] = code
    return state


# ---- the program


def load(path, at):
    """Its segments, at `at` if it can be anywhere: entry, program headers, their number, interpreter, end."""
    with open(path, "rb") as file:
        data = file.read()
    if data[16] == 2:
        at = 0
    entry, headers = struct.unpack_from("<QQ", data, 24)
    count = struct.unpack_from("<H", data, 56)[0]
    interpreter, end = None, 0
    for i in range(count):
        kind, _, offset, address, _, size, memory_size = struct.unpack_from("<IIQQQQQ", data, headers + 56 * i)
        if kind == 1:
            memory[at + address : at + address + size] = data[offset : offset + size]
            end = max(end, at + address + memory_size)
        elif kind == 3:
            interpreter = data[offset : offset + size - 1].decode()
    return entry + at, headers + at, count, interpreter, end


def start_program(arguments):
    """The first instruction's address, the stack's and the end of the program's data."""
    entry, headers, count, interpreter, end = load(arguments[0], PROGRAM)
    start = load(interpreter, INTERPRETER)[0] if interpreter else entry
    stack = STACK

    def push(data):
        nonlocal stack
        stack -= len(data)
        memory[stack : stack + len(data)] = data
        return stack

    argv = [push(os.fsencode(a) + b"\0") for a in arguments]
    env = [push(os.fsencode(f"{k}={v}") + b"\0") for k, v in os.environ.items() if k.startswith("REGKIT_")]
    random = push(os.urandom(16))
    auxiliary = {3: headers, 4: 56, 5: count, 6: PAGE, 7: INTERPRETER, 9: entry, 11: 0, 12: 0, 13: 0, 14: 0, 17: 100, 23: 0}
    words = [len(argv), *argv, 0, *env, 0]
    for pair in [*auxiliary.items(), (25, random), (0, 0)]:
        words += pair
    stack &= ~63
    stack -= 8 * (len(words) % 2)
    push(struct.pack(f"<{len(words)}Q", *words))
    return start, stack, pages(end)


# ---- threads

REGISTERS = "rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15".split()  # vectors do not outlive a call


class Thread:
    def __init__(self, number):
        self.number, self.fs, self.clear, self.result, self.registers = number, 0, 0, 0, None


class Futexes:
    def __init__(self):
        self.ready, self.waiting = deque(), {}  # of threads; by address, (thread, whether it has a time limit)

    def wait(self, address, thread, timed):
        self.waiting.setdefault(address, deque()).append((thread, timed))

    def wake(self, address, count):
        queue = self.waiting.get(address, ())
        woken = min(count, len(queue))
        for _ in range(woken):
            thread = queue.popleft()[0]
            thread.result = 0
            self.ready.append(thread)
        return woken

    def next(self):
        """Who runs now; where all wait, one whose time limit will have passed."""
        if self.ready:
            return self.ready.popleft()
        for queue in self.waiting.values():
            for entry in queue:
                if entry[1]:
                    queue.remove(entry)
                    entry[0].result = -errno.ETIMEDOUT
                    return entry[0]
        raise RuntimeError("every thread waits for another")


class Linux:
    def __init__(self, cpu, end):
        self.cpu, self.end, self.break_, self.maps, self.free = cpu, end, end, MAPS, {}
        self.thread, self.threads, self.futexes = Thread(1), 1, Futexes()
        self.begun = time.monotonic()

    def call(self):
        """The system call in the registers; afterwards they are those of the thread that runs on."""
        c, caller = self.cpu, self.thread
        number = c.rax & 0xFFFFFFFF
        function = CALLS.get(number)
        try:
            result = function(self, c.rdi, c.rsi, c.rdx, c.r10, c.r8, c.r9) if function else -errno.ENOSYS
        except OSError as error:
            result = -error.errno
        if self.thread is caller:
            caller.result = result
        put(SAVED_RAX, "qQ", self.thread.result, self.thread.fs)

    def save(self):
        self.thread.registers = [getattr(self.cpu, name) for name in REGISTERS]

    def switch(self):
        self.thread = self.futexes.next()
        for name, value in zip(REGISTERS, self.thread.registers):
            setattr(self.cpu, name, value)

    # Files and what else is asked once

    def read(self, file, to, size, *_):
        data = os.read(file, size)
        memory[to : to + len(data)] = data
        return len(data)

    def pread(self, file, to, size, offset, *_):
        data = os.pread(file, size, offset)
        memory[to : to + len(data)] = data
        return len(data)

    def write(self, file, at, size, *_):
        return os.write(file, memory[at : at + size])

    def writev(self, file, vectors, count, *_):
        return sum(self.write(file, *struct.unpack_from("<QQ", memory, vectors + 16 * i)) for i in range(count))

    def openat(self, _, path, flags, mode, *rest):
        return os.open(text(path), flags, mode)

    def close(self, file, *_):
        if file > 2:
            os.close(file)
        return 0

    def fstatat(self, file, path, to, *_):
        s = os.stat(text(path)) if memory[path] else os.fstat(file)
        put(to, "QQQIIIIQqqq", s.st_dev, s.st_ino, s.st_nlink, s.st_mode, 0, 0, 0, s.st_rdev, s.st_size, PAGE, s.st_blocks)
        return 0

    def clock(self, clock, to, *_):
        put(to, "qq", *divmod(time.clock_gettime_ns(clock if clock < 2 else 1), 10**9))
        return 0

    def day(self, to, *_):
        now = time.time_ns()
        put(to, "qq", now // 10**9, now % 10**9 // 1000)
        return 0

    def processors(self, _, size, to, *rest):
        put(to, "Q", 1)
        return 8

    def limit(self, _, resource, new, old, *rest):
        if old:
            put(old, "QQ", STACK_LIMIT, STACK_LIMIT)
        return 0

    # Memory

    def mmap(self, at, size, _, flags, file, offset):
        size = pages(size)
        if not flags & 0x10:  # MAP_FIXED
            if self.free.get(size):
                at = self.free[size].pop()
            elif self.maps + size <= MAPS_END:
                at, self.maps = self.maps, self.maps + size
            else:
                return -errno.ENOMEM
        ctypes.memset(base + at, 0, size)
        if not flags & 0x20:  # MAP_ANONYMOUS
            data = os.pread(file, size, offset)
            memory[at : at + len(data)] = data
        return at

    def munmap(self, at, size, *_):
        self.free.setdefault(pages(size), []).append(at)
        return 0

    def brk(self, to, *_):
        if self.end <= to < INTERPRETER:
            self.break_ = to
        return self.break_

    # Threads

    def arch_prctl(self, what, address, *_):
        if what != 0x1002:  # ARCH_SET_FS
            return -errno.EINVAL
        self.thread.fs = address
        return 0

    def thread_number(self, *_):
        return self.thread.number

    def clear_at_exit(self, address, *_):
        self.thread.clear = address
        return self.thread.number

    def clone(self, flags, stack, parent, child, fs, *_):
        self.threads += 1
        new = Thread(self.threads)
        self.save()
        new.registers = list(self.thread.registers)
        new.registers[REGISTERS.index("rsp")] = stack
        new.fs = fs
        if flags & 0x100000:  # CLONE_PARENT_SETTID
            put(parent, "I", new.number)
        if flags & 0x200000:  # CLONE_CHILD_CLEARTID
            new.clear = child
        self.futexes.ready.append(new)
        return new.number

    def yield_(self, *_):
        self.save()
        self.thread.result = 0
        self.futexes.ready.append(self.thread)
        self.switch()
        return 0

    def futex(self, address, operation, value, limit, *_):
        operation &= 0x7F
        if operation in (1, 10):  # FUTEX_WAKE, FUTEX_WAKE_BITSET
            return self.futexes.wake(address, value)
        if operation not in (0, 9):  # FUTEX_WAIT, FUTEX_WAIT_BITSET
            return -errno.ENOSYS
        if struct.unpack_from("<I", memory, address)[0] != value & 0xFFFFFFFF:
            return -errno.EAGAIN
        self.save()
        self.futexes.wait(address, self.thread, bool(limit))
        before = self.thread
        self.switch()
        return self.thread.result if self.thread is before else 0

    def exit_thread(self, *_):
        if self.thread.clear:
            put(self.thread.clear, "I", 0)
            self.futexes.wake(self.thread.clear, 1)
        self.switch()
        return 0

    def exit(self, status, *_):
        finish(status)

    def nothing(self, *_):
        return 0


CALLS = {0: Linux.read, 1: Linux.write, 3: Linux.close, 9: Linux.mmap, 10: Linux.nothing, 11: Linux.munmap, 12: Linux.brk,
         13: Linux.nothing, 14: Linux.nothing, 17: Linux.pread, 20: Linux.writev, 24: Linux.yield_, 28: Linux.nothing,
         39: Linux.thread_number, 56: Linux.clone, 60: Linux.exit_thread, 96: Linux.day, 131: Linux.nothing,
         158: Linux.arch_prctl, 186: Linux.thread_number, 202: Linux.futex, 204: Linux.processors, 218: Linux.clear_at_exit,
         228: Linux.clock, 231: Linux.exit, 257: Linux.openat, 262: Linux.fstatat, 273: Linux.nothing, 302: Linux.limit}

IS_SYSCALL = bochscpu.InstructionType.IS_SYSCALL.value

# ---- what was executed

class Places:
    """Where the instructions on 512 bits lie that were executed, and vdpbf16ps among them. Bochs decodes what is not in its
    cache in runs that begin at the instruction pointer."""

    def __init__(self):
        self.run = self.next = 0
        self.wide, self.dots = set(), set()

    def decoded(self, pointer, first, length):
        if pointer != self.run or memory[self.next] != first:
            self.run = self.next = pointer
        code = memory[self.next : self.next + length]
        if length > 5 and first == 0x62 and code[3] & 0x60 == 0x40:
            self.wide.add(self.next)
            if code[4] == 0x52 and code[1] & 7 == 2 and code[2] & 0x83 == 2:
                self.dots.add(self.next)
        self.next += length

    def report(self):
        print(f"Instructions on 512 bits from {len(self.wide)} places, {len(self.dots)} of them vdpbf16ps.", flush=True)
        if "REGKIT_PLACES" in os.environ:
            with open(os.environ["REGKIT_PLACES"], "a") as file:
                file.writelines(f"{place:x}\n" for place in sorted(self.wide))


places = Places()


def finish(status):
    places.report()
    os._exit(status)


def main():
    start, stack, end = start_program(sys.argv[1:])
    tables = map_memory()
    session = bochscpu.Session()
    session.cpu.state = user_state(start, stack)
    linux = Linux(session.cpu, end)

    def fail(what):
        print(f"avx512.py: {what} at {session.cpu.rip:#x}", file=sys.stderr, flush=True)
        finish(1)

    def far_branch(_session, _cpu, what, *_):
        if what != IS_SYSCALL:
            return
        try:
            linux.call()
        except Exception:
            traceback.print_exc()
            fail("a system call failed")

    hook = bochscpu.Hook()
    hook.far_branch = far_branch
    hook.opcode = lambda _session, _cpu, _instruction, first, length, *_: places.decoded(session.cpu.rip, first, length)
    hook.exception = lambda _session, _cpu, vector, code: fail(f"exception {vector}")

    def missing(address):
        try:
            give_memory(address)
        except RuntimeError as error:
            fail(f"{error}: {address:#x}")

    session.missing_page_handler = missing
    session.run([hook])
    del tables


main()
