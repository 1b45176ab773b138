# cmake -DOUTPUT=build_hash.cpp -DHEADER=x.hpp -DFUNCTION=build_hash -DCOMPILER=... -DFILES=a;b -P build_hash.cmake: writes the
# function, declared in HEADER, that tells whether a host and its plug-in were built from the same sources by the same compiler.
set(text "${COMPILER}")
foreach(file IN LISTS FILES)
  file(SHA256 "${file}" digest)
  string(APPEND text " ${digest}")
endforeach()
string(SHA256 hash "${text}")
file(CONFIGURE OUTPUT "${OUTPUT}" CONTENT [[
#include "@HEADER@"

const char* regkit::@FUNCTION@() {
    return "@hash@";
}
]] @ONLY)
