#!/usr/bin/env bash
# Installs the Debian packages that regkit needs and that are missing; does nothing, and needs no network, when none is.
#   tools/deps.sh build           to compile, and to run the tests
#   tools/deps.sh build demo      what the demo needs besides
#   tools/deps.sh build bench     for the benchmarks
#   tools/deps.sh build oracles   the programs that tests compare with; tests say SKIPPED where they are missing
#   tools/deps.sh build fuzz      clang, for the fuzz targets
#   tools/deps.sh neon            to run the kernels' tests on an emulated ARM; avx512: on an emulated AVX-512
set -euo pipefail

declare -A packages=(
    [build]="g++ cmake make pkg-config libboost-program-options-dev libdeflate-dev libhts-dev libhwy-dev libopenmpi-dev
             libssl-dev nlohmann-json3-dev doctest-dev zlib1g-dev"
    [demo]="bedops python3-matplotlib"
    [bench]="libbenchmark-dev libdnnl-dev libopenblas0-pthread python3-torch"
    [oracles]="bcftools bedtools bedops clang-format igv mandoc openmpi-bin python3-matplotlib python3-numpy python3-pybigwig python3-sklearn python3-torch samtools
               snakemake strace tabix xauth xvfb zsh"
    [fuzz]="clang libclang-rt-dev"
    [neon]="g++-aarch64-linux-gnu qemu-user"
    [avx512]="python3-pip"
)

wanted=()
for list in "${@:-build}"; do
    read -r -d '' -a names <<< "${packages[$list]:?"$0: no list of packages '$list'"} " || true
    wanted+=("${names[@]}")
done

if ! command -v dpkg-query > /dev/null; then
    echo "This is not a Debian system. Going on; wanted are the counterparts of: ${wanted[*]}" >&2
    exit 0
fi
missing=()
for name in "${wanted[@]}"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2> /dev/null) == installed ]] || missing+=("$name")
done
((${#missing[@]})) || exit 0

echo "Installing: ${missing[*]}" >&2
as_root=()
if [[ $(id -u) != 0 ]]; then
    if ! command -v sudo > /dev/null; then
        echo "This needs root, and there is no sudo. Ask for: apt-get install ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get -qq update
"${as_root[@]}" apt-get -qq install -y --no-install-recommends "${missing[@]}" > /dev/null
