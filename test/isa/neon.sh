#!/usr/bin/env bash
# The tests of the CPU's kernels on the NEON instructions of 64-bit ARM: cross-compiled, and run under QEMU. Those by finite
# differences are of the reference alone, and left out. Usage: neon.sh FOLDER [doctest's options]
# FOLDER: the build folder's isa/, where CMakeLists.txt leaves the lists of sources and flags. Needs: tools/deps.sh neon
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$(realpath "$1")
shift
(($#)) || set -- '--test-case-exclude=*finite differences*'
mkdir -p "$folder/neon"
make -j "${JOBS:-$(nproc)}" -s -f test/isa/kernels.mk OUT="$folder/neon" CXX="$(command -v ccache || true) aarch64-linux-gnu-g++"
qemu-aarch64 -L /usr/aarch64-linux-gnu "$folder/neon/test_kernels" --duration=true "$@"
