// Makes one call to the system fail: a library for LD_PRELOAD, which faults.py drives through the environment.
//   FAULT_OP     which kind of call, a name of the table below
//   FAULT_N      which one of them in the life of the process, from 1
//   FAULT_ERRNO  what it fails with; 0: a read or a write that does half of what was asked for; below 0: a signal that comes
//                at this call, which then goes on
//   FAULT_STAYS  set: all from that one on fail, as on a full disk
//   FAULT_COUNT  a file that gets "KIND CALLS" for every kind when the process ends
//   FAULT_PLACE  a file that gets the shared objects that the failing call came from, innermost first
// Calls that libraries make are met too, those that the C library makes of itself are not.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind {
    OPEN, READ, PREAD, WRITE, PWRITE, FSYNC, RENAME, CLOSE, MMAP, MALLOC, UNLINK, MKDIR, FSTAT, FTRUNCATE, DUP, LSEEK,
    FLOCK, GETRANDOM, KINDS
};
static const char* const kNames[KINDS] = {"open", "read", "pread", "write", "pwrite", "fsync", "rename", "close", "mmap",
    "malloc", "unlink", "mkdir", "fstat", "ftruncate", "dup", "lseek", "flock", "getrandom"};
enum { FRAMES = 64, PATH = 4096 };

static atomic_long counts[KINDS];
static int armed, chosen = -1, error_number, stays;
static long when;
static char count_file[PATH], place_file[PATH];

// Without the calls that are watched.
static int open_quietly(const char* path) {
    return (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}
static void write_quietly(int file, const char* text) {
    if (syscall(SYS_write, file, text, strlen(text)) < 0) abort();
}

static void tell_place(void) {
    void* frames[FRAMES];
    Dl_info info, last = {0};
    const int file = open_quietly(place_file), count = backtrace(frames, FRAMES);
    for (int i = 0; i < count; ++i) {
        if (!dladdr(frames[i], &info) || info.dli_fname == NULL || info.dli_fname == last.dli_fname) continue;
        const char* name = strrchr(info.dli_fname, '/');
        write_quietly(file, name != NULL ? name + 1 : info.dli_fname);
        write_quietly(file, "\n");
        last = info;
    }
    syscall(SYS_close, file);
}

// Whether this call is to fail.
static int hit(enum kind kind) {
    if (!armed) return 0;
    const long number = atomic_fetch_add(&counts[kind], 1) + 1;
    if ((int)kind != chosen || (stays ? number < when : number != when)) return 0;
    if (number == when && place_file[0] != '\0') {
        const int saved = errno;
        armed = 0;
        tell_place();
        armed = 1;
        errno = saved;
    }
    if (error_number < 0) {
        raise(-error_number);
        return 0;
    }
    return 1;
}

static void report(void) {
    armed = 0;
    if (count_file[0] == '\0') return;
    const int file = open_quietly(count_file);
    char line[64];
    for (int i = 0; i < KINDS; ++i) {
        snprintf(line, sizeof line, "%s %ld\n", kNames[i], (long)counts[i]);
        write_quietly(file, line);
    }
    syscall(SYS_close, file);
}

static void copy_setting(char* to, const char* name) {
    const char* value = getenv(name);
    if (value != NULL) strncpy(to, value, PATH - 1);
}

__attribute__((constructor)) static void start(void) {
    const char* kind = getenv("FAULT_OP");
    for (int i = 0; kind != NULL && i < KINDS; ++i)
        if (strcmp(kind, kNames[i]) == 0) chosen = i;
    if (chosen >= 0) {
        when = atol(getenv("FAULT_N"));
        error_number = atoi(getenv("FAULT_ERRNO"));
        stays = getenv("FAULT_STAYS") != NULL;
    }
    copy_setting(count_file, "FAULT_COUNT");
    copy_setting(place_file, "FAULT_PLACE");
    void* frame;
    backtrace(&frame, 1);  // loads what it needs now
    atexit(report);
    armed = 1;
}

// The function that this one stands before.
#define REAL(type, name, arguments)                 \
    static type(*real) arguments;                   \
    if (real == NULL) *(void**)&real = dlsym(RTLD_NEXT, name)
#define FAIL_IF_HIT(kind, value) \
    do {                         \
        if (hit(kind)) {         \
            errno = error_number; \
            return value;        \
        }                        \
    } while (0)
// Of a transfer of `size` bytes: it fails, or `half` is done.
#define FAIL_OR_HALF(kind, size, half)                  \
    do {                                                \
        if (hit(kind)) {                                \
            if (error_number == 0 && (size) > 1) return half; \
            if (error_number != 0) {                    \
                errno = error_number;                   \
                return -1;                              \
            }                                           \
        }                                               \
    } while (0)

#define OPEN_AS(name)                                             \
    int name(const char* path, int flags, ...) {                  \
        va_list rest;                                             \
        va_start(rest, flags);                                    \
        const mode_t mode = va_arg(rest, mode_t);                 \
        va_end(rest);                                             \
        REAL(int, #name, (const char*, int, ...));                \
        FAIL_IF_HIT(OPEN, -1);                                    \
        return real(path, flags, mode);                           \
    }
OPEN_AS(open)
OPEN_AS(open64)

#define OPENAT_AS(name)                                           \
    int name(int folder, const char* path, int flags, ...) {      \
        va_list rest;                                             \
        va_start(rest, flags);                                    \
        const mode_t mode = va_arg(rest, mode_t);                 \
        va_end(rest);                                             \
        REAL(int, #name, (int, const char*, int, ...));           \
        FAIL_IF_HIT(OPEN, -1);                                    \
        return real(folder, path, flags, mode);                   \
    }
OPENAT_AS(openat)
OPENAT_AS(openat64)

int mkostemp(char* pattern, int flags) {
    REAL(int, "mkostemp", (char*, int));
    FAIL_IF_HIT(OPEN, -1);
    return real(pattern, flags);
}

ssize_t read(int file, void* to, size_t size) {
    REAL(ssize_t, "read", (int, void*, size_t));
    FAIL_OR_HALF(READ, size, real(file, to, size / 2));
    return real(file, to, size);
}

#define PREAD_AS(name)                                               \
    ssize_t name(int file, void* to, size_t size, off_t at) {        \
        REAL(ssize_t, #name, (int, void*, size_t, off_t));           \
        FAIL_OR_HALF(PREAD, size, real(file, to, size / 2, at));     \
        return real(file, to, size, at);                             \
    }
PREAD_AS(pread)
PREAD_AS(pread64)

// Standard error is left alone: what a tool says there is judged.
ssize_t write(int file, const void* from, size_t size) {
    REAL(ssize_t, "write", (int, const void*, size_t));
    if (file != STDERR_FILENO) FAIL_OR_HALF(WRITE, size, real(file, from, size / 2));
    return real(file, from, size);
}

ssize_t writev(int file, const struct iovec* parts, int count) {
    REAL(ssize_t, "writev", (int, const struct iovec*, int));
    if (file != STDERR_FILENO) FAIL_OR_HALF(WRITE, count, real(file, parts, count / 2));
    return real(file, parts, count);
}

#define PWRITE_AS(name)                                              \
    ssize_t name(int file, const void* from, size_t size, off_t at) { \
        REAL(ssize_t, #name, (int, const void*, size_t, off_t));     \
        FAIL_OR_HALF(PWRITE, size, real(file, from, size / 2, at));  \
        return real(file, from, size, at);                           \
    }
PWRITE_AS(pwrite)
PWRITE_AS(pwrite64)

int fsync(int file) {
    REAL(int, "fsync", (int));
    FAIL_IF_HIT(FSYNC, -1);
    return real(file);
}
int fdatasync(int file) {
    REAL(int, "fdatasync", (int));
    FAIL_IF_HIT(FSYNC, -1);
    return real(file);
}

int rename(const char* from, const char* to) {
    REAL(int, "rename", (const char*, const char*));
    FAIL_IF_HIT(RENAME, -1);
    return real(from, to);
}
int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) {
    REAL(int, "renameat2", (int, const char*, int, const char*, unsigned));
    FAIL_IF_HIT(RENAME, -1);
    return real(from_folder, from, to_folder, to, flags);
}

// As Linux does, it closes also where it fails.
int close(int file) {
    REAL(int, "close", (int));
    if (file > STDERR_FILENO && hit(CLOSE)) {
        real(file);
        errno = error_number;
        return -1;
    }
    return real(file);
}

#define MMAP_AS(name)                                                                    \
    void* name(void* at, size_t size, int protection, int flags, int file, off_t offset) { \
        REAL(void*, #name, (void*, size_t, int, int, int, off_t));                       \
        FAIL_IF_HIT(MMAP, MAP_FAILED);                                                   \
        return real(at, size, protection, flags, file, offset);                          \
    }
MMAP_AS(mmap)
MMAP_AS(mmap64)

int unlink(const char* path) {
    REAL(int, "unlink", (const char*));
    FAIL_IF_HIT(UNLINK, -1);
    return real(path);
}
int unlinkat(int folder, const char* path, int flags) {
    REAL(int, "unlinkat", (int, const char*, int));
    FAIL_IF_HIT(UNLINK, -1);
    return real(folder, path, flags);
}
int mkdir(const char* path, mode_t mode) {
    REAL(int, "mkdir", (const char*, mode_t));
    FAIL_IF_HIT(MKDIR, -1);
    return real(path, mode);
}

#define FSTAT_AS(name, type)                \
    int name(int file, struct type* info) { \
        REAL(int, #name, (int, struct type*)); \
        FAIL_IF_HIT(FSTAT, -1);             \
        return real(file, info);            \
    }
FSTAT_AS(fstat, stat)
FSTAT_AS(fstat64, stat64)

#define FTRUNCATE_AS(name)                    \
    int name(int file, off_t size) {          \
        REAL(int, #name, (int, off_t));       \
        FAIL_IF_HIT(FTRUNCATE, -1);           \
        return real(file, size);              \
    }
FTRUNCATE_AS(ftruncate)
FTRUNCATE_AS(ftruncate64)

int dup(int file) {
    REAL(int, "dup", (int));
    FAIL_IF_HIT(DUP, -1);
    return real(file);
}

#define LSEEK_AS(name)                             \
    off_t name(int file, off_t offset, int whence) { \
        REAL(off_t, #name, (int, off_t, int));     \
        FAIL_IF_HIT(LSEEK, -1);                    \
        return real(file, offset, whence);         \
    }
LSEEK_AS(lseek)
LSEEK_AS(lseek64)

int flock(int file, int operation) {
    REAL(int, "flock", (int, int));
    FAIL_IF_HIT(FLOCK, -1);
    return real(file, operation);
}
ssize_t getrandom(void* to, size_t size, unsigned flags) {
    REAL(ssize_t, "getrandom", (void*, size_t, unsigned));
    FAIL_OR_HALF(GETRANDOM, size, real(to, size / 2, flags));
    return real(to, size, flags);
}

// dlsym allocates, so that the allocator is called by the names that the C library has for it.
extern void* __libc_malloc(size_t);
extern void* __libc_calloc(size_t, size_t);
extern void* __libc_realloc(void*, size_t);
extern void* __libc_memalign(size_t, size_t);
static int no_memory(void) {
    if (!hit(MALLOC)) return 0;
    errno = ENOMEM;
    return 1;
}
void* malloc(size_t size) {
    return no_memory() ? NULL : __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
    return no_memory() ? NULL : __libc_calloc(count, size);
}
void* realloc(void* old, size_t size) {
    return no_memory() ? NULL : __libc_realloc(old, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
    return no_memory() ? NULL : __libc_memalign(alignment, size);
}
int posix_memalign(void** to, size_t alignment, size_t size) {
    if (no_memory()) return ENOMEM;
    void* got = __libc_memalign(alignment, size);
    if (got == NULL) return ENOMEM;
    *to = got;
    return 0;
}
