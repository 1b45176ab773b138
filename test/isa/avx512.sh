#!/usr/bin/env bash
# The tests of the CPU's kernels on AVX-512 and on AVX512_BF16, on a machine without them: the processor of Bochs, a Sapphire
# Rapids, emulates the test program's instructions (avx512.py). Each test case is a process of its own for each row of the
# table of back ends. Those by finite differences are of the reference alone, and left out.
# Usage: avx512.sh FOLDER TEST_KERNELS [test case...]   needs: tools/deps.sh avx512, and PyPI the first time
# FOLDER: for what is fetched, and a log a test case. JOBS of them at a time; REGKIT_TEST_BACKENDS: other rows, one alone.
set -euo pipefail
source=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
folder=$(realpath "$1") program=$(realpath "$2")
shift 2
if [[ -n ${REGKIT_TEST_BACKENDS:-} ]]; then rows=("$REGKIT_TEST_BACKENDS")
else rows=("cpu avx512bf16 bf16" "cpu avx512 f32" "cpu avx512 bf16"); fi

python=${REGKIT_PYTHON:-/usr/bin/python3}
[[ -d $folder/bochs ]] || "$python" -m pip install -q --root-user-action=ignore --no-deps --target "$folder/bochs" bochscpu-python==0.4.0
library=$(ls "$folder"/bochs/bochscpu/*.so)
cc -O1 -shared -fPIC -DLIBRARY="\"$library\"" "$source/bochscpu.c" -o "$folder/preload.so" -ldl

if (($# == 0)); then
    readarray -t names < <("$program" --list-test-cases --no-colors=true --source-file-exclude='*test/emulator/*,*memory_test*' \
        --test-case-exclude='*finite differences*,cuda*,make_backend*' | sed '/^\[doctest\]/d; /^===/d')
    set -- "${names[@]}"
fi

run() {  # ROW NUMBER NAME
    local log="$folder/${1// /_}.$2.log" code=0
    REGKIT_TEST_BACKENDS=$1 LD_PRELOAD="$folder/preload.so" PYTHONPATH="$folder/bochs" "$python" "$source/avx512.py" "$program" \
        --no-colors=true --test-case="${3//,/?}" > "$log" 2>&1 || code=$?
    local assertions
    assertions=$(sed -n 's/.*assertions: *\([0-9]*\) .*/\1/p' "$log")
    if ((code == 0 && ${assertions:-0} > 0)); then
        echo "passed  $1: $3 ($assertions assertions; $(tail -n 1 "$log"))"
    else
        echo "FAILED  $1: $3 (exit code $code, $log)"
        return 1
    fi
}
export -f run
export folder source program python
for row in "${rows[@]}"; do
    for i in $(seq $#); do printf '%s\0%s\0%s\0' "$row" "$i" "${!i}"; done
done | xargs -0 -n 3 -P "${JOBS:-$(nproc)}" bash -c 'run "$@"' run
