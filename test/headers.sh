#!/usr/bin/env bash
# Every header compiles alone: it includes what it uses, once. Usage: headers.sh COMPILER [FLAGS...]
# A header that its own source includes first was compiled alone by the build; the others are compiled here.
# Left out: kernels/cuda (needs nvcc's or the emulator's prelude) and *-inl.hpp (Highway's per-target text, which is
# included once per instruction set by its .cpp).
set -euo pipefail
source_dir=${REGKIT_SOURCE:-$(cd "$(dirname "$0")/.." && pwd)}
cd "$source_dir"
compiler=("$@")
((${#compiler[@]})) || compiler=(c++)

mapfile -t headers < <(find src kernels tools -name '*.hpp' ! -path 'kernels/cuda/*' ! -name '*-inl.hpp' 2> /dev/null | sort)
((${#headers[@]} > 10)) || { echo "only ${#headers[@]} headers found: the search is broken"; exit 1; }

is_listed() {  # source: by a CMakeLists.txt above it
    local folder=$1
    while [[ $folder == */* ]]; do
        folder=${folder%/*}
        if [[ -f $folder/CMakeLists.txt ]] && grep -qE "(^|[[:space:]])${1#"$folder/"}([[:space:]]|$)" "$folder/CMakeLists.txt"; then
            return 0
        fi
    done
    return 1
}
built_alone() {  # header
    local source=${1%.hpp}.cpp first
    [[ -f $source ]] || return 1
    is_listed "$source" || return 1
    first=$(grep -m1 -E '^[[:space:]]*#' "$source")
    [[ $first == "#include \"$1\"" || $first == "#include \"${1#src/}\"" ]]
}
alone=()
for header in "${headers[@]}"; do
    grep -qx '#pragma once' "$header" || { echo "$header has no #pragma once"; exit 1; }
    built_alone "$header" || alone+=("$header")
done
((${#alone[@]} < ${#headers[@]})) || { echo "no source includes its header first: the search is broken"; exit 1; }

check() {
    local header=$1
    shift
    # An #include from standard input, not the header itself: "#pragma once in main file" would be a warning.
    printf '#include "%s"\n' "$header" |
        "$@" -std=c++20 -fsyntax-only -Wall -Wextra -Wconversion -Werror -I. -Isrc -x c++ - ||
        { echo "$header does not compile alone"; return 1; }
}
export -f check
((${#alone[@]} == 0)) || printf '%s\0' "${alone[@]}" | xargs -0 -P 2 -I{} bash -c 'check "$@"' _ {} "${compiler[@]}"
echo "headers: ${#headers[@]} compile alone, ${#alone[@]} of them compiled here"
