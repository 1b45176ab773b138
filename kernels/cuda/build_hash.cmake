# cmake -DOUTPUT=build_hash.cpp -DCOMPILER=... -DFILES=a;b -P build_hash.cmake: writes the function that tells whether the
# host and the plug-in were built from the same sources by the same compiler.
set(text "${COMPILER}")
foreach(file IN LISTS FILES)
  file(SHA256 "${file}" digest)
  string(APPEND text " ${digest}")
endforeach()
string(SHA256 hash "${text}")
file(CONFIGURE OUTPUT "${OUTPUT}" CONTENT [[
#include "kernels/cuda/plugin.hpp"

const char* regkit::build_hash() {
    return "@hash@";
}
]] @ONLY)
