// Preloaded where Python loads bochscpu (avx512.sh). Its processor is the first that Bochs has with AVX512_BF16, instead of the
// default; and what it takes from glibc 2.38 is here for Debian 12, which has 2.36. LIBRARY is the file of bochscpu.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void* _Z23create_corei3_cnl_cpuidP8BX_CPU_C(void* cpu) {
    void* (*create)(void*) = dlsym(dlopen(LIBRARY, RTLD_NOLOAD | RTLD_LAZY), "_Z28create_sapphire_rapids_cpuidP8BX_CPU_C");
    return create(cpu);
}

unsigned long long __isoc23_strtoull(const char* text, char** end, int base) {
    return strtoull(text, end, base);
}

int __isoc23_sscanf(const char* text, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int count = vsscanf(text, format, arguments);
    va_end(arguments);
    return count;
}
