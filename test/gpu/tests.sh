#!/usr/bin/env bash
# The kernels' tests on this machine's GPU, with plain and with fast kernels, and with cuDNN where it is installed: the same bodies as everywhere. Without a GPU it
# says SKIPPED.
set -euo pipefail
if ! devices=$(nvidia-smi -L 2> /dev/null) || [[ -z $devices ]]; then
    echo "SKIPPED: this machine has no NVIDIA GPU that nvidia-smi sees"
    exit 77
fi
REGKIT_TEST_BACKENDS=cuda exec "${REGKIT_BIN:?}/test_kernels" "$@"
