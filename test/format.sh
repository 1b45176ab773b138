#!/usr/bin/env bash
# Whether all C++ and CUDA code has the shape that .clang-format describes; --fix gives it that shape. Its versions differ in
# small things, so the one of Debian 12 decides. Also run on a planted line, so that a check that lets everything pass is noticed.
set -euo pipefail
source_dir=${REGKIT_SOURCE:-$(cd "$(dirname "$0")/.." && pwd)}
cd "$source_dir"
for program in clang-format-14 clang-format; do
    if command -v $program > /dev/null && [[ $($program --version) == *" 14."* ]]; then
        format=$program
        break
    fi
done
if [[ -z ${format:-} ]]; then
    echo "SKIPPED: there is no clang-format 14"
    exit 77
fi
mapfile -t files < <(find kernels src tools test examples -type f \( -name '*.[ch]pp' -o -name '*.h' -o -name '*.cu' \))
((${#files[@]} > 300)) || { echo "only ${#files[@]} files of code found: the search is broken"; exit 1; }
if [[ ${1:-} == --fix ]]; then
    printf '%s\0' "${files[@]}" | xargs -0 -P "$(nproc)" -n 20 $format -i
    exit
fi
if echo 'int  x ;' | $format --dry-run -Werror > /dev/null 2>&1; then
    echo "the check missed a line that is out of shape"
    exit 1
fi
out=$(printf '%s\0' "${files[@]}" | xargs -0 -P "$(nproc)" -n 20 $format --dry-run -Werror 2>&1 |
    sed -nE 's/^([^ ]+):[0-9]+:[0-9]+: .*/\1/p' | sort -u || true)
if [[ -n $out ]]; then
    echo "$out"
    echo "these files are out of shape; mend them: make format"
    exit 1
fi
echo "format: ${#files[@]} files in shape"
