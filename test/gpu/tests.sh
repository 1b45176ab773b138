#!/usr/bin/env bash
# The kernels' tests on this machine's GPU: the same bodies as everywhere. Without a GPU it says SKIPPED.
#   tests.sh [KERNELS [CASES [COMMAND...]]]   KERNELS: words of REGKIT_CUDA_KERNELS that test/kernels/cuda_backends.cpp has, by default all; CASES: a
#                                             filter of doctest's; COMMAND: what runs them, such as a sanitizer
# With $QUICK set it checks on any machine that there are such cases, and runs none.
set -euo pipefail
tests=${REGKIT_BIN:?}/test_kernels
kernels=${1:-}
cases=${2:-*}
shift $(($# < 2 ? $# : 2))
if [[ -n ${QUICK:-} ]]; then
    IFS=, read -ra patterns <<< "$cases"
    for pattern in "${patterns[@]}"; do
        "$tests" --count --test-case="$pattern" --source-file-exclude="*/emulator/*" | grep -qE 'filters: [1-9]' ||
            { echo "no test case is '$pattern'"; exit 1; }
    done
    echo "not run: cuda $kernels, cases '$cases'"
    exit
fi
if ! devices=$(nvidia-smi -L 2> /dev/null) || [[ -z $devices ]]; then
    echo "SKIPPED: this machine has no NVIDIA GPU that nvidia-smi sees"
    exit 77
fi
REGKIT_TEST_BACKENDS="cuda${kernels:+ $kernels;}" exec "$@" "$tests" --test-case="$cases" --source-file-exclude="*/emulator/*"
