#!/usr/bin/env bash
# Who may include whom: a table of layers, and every #include of the project held against it. Also run on planted
# violations, so that a table that lets everything pass is noticed.
set -euo pipefail
source_dir=${REGKIT_SOURCE:-$(cd "$(dirname "$0")/.." && pwd)}

# Layer, then the prefixes that it may include besides its own folder. "std" stands for headers without a dot and
# without a folder (<vector>); POSIX for the system's own.
allowed() {
    local seam="kernels/backend.hpp kernels/communicator.hpp kernels/dropout.hpp kernels/sinks.hpp kernels/tensor.hpp"
    case $1 in
        base) echo "std posix" ;;
        kernels) echo "std posix base/" ;;
        kernels/cpu) echo "std posix base/ $seam kernels/reference/ hwy/" ;;
        kernels/reference) echo "std base/ $seam" ;;
        kernels/cuda) echo "std posix base/ $seam cuda cublas cudnn nccl mma.h cub/" ;;
        nn) echo "std base/ $seam nlohmann/" ;;
        io) echo "std posix base/ htslib/ zlib.h libdeflate.h openssl/ nlohmann/" ;;
        app) echo "std posix base/ nn/ io/ $seam nlohmann/" ;;
        cli) echo "std posix base/ app/ boost/" ;;
        tools) echo "std base/ app/ cli/" ;;
        *) return 1 ;;
    esac
}

# The layer that a path belongs to; the folders of kernels/ are layers of their own.
layer_of() {
    local below=${1#*/}
    case $1 in
        src/*) echo "${below%%/*}" ;;
        kernels/*/*) echo "kernels/${below%%/*}" ;;
        kernels/*) echo kernels ;;
        tools/*) echo tools ;;
    esac
}

is_allowed() {  # layer, header as written in the #include
    local layer=$1 header=$2 rule
    [[ $header == "$layer"/* ]] && return 0
    for rule in $(allowed "$layer"); do
        case $rule in
            std) [[ $header =~ ^[a-z_0-9]+$ ]] && return 0 ;;
            posix) [[ $header =~ ^(sys/[a-z]+|netdb|netinet/in|netinet/tcp|unistd|fcntl|fnmatch|dlfcn|sched|signal|pthread|poll|limits|errno|execinfo)\.h$ ]] && return 0 ;;
            *) [[ $header == "$rule"* ]] && return 0 ;;
        esac
    done
    return 1
}

# Prints "file:line: why" for each include that breaks the table; fails when there is one.
check_tree() {
    local root=$1 bad=0 total=0 file line header layer
    while IFS=: read -r file line header; do
        layer=$(layer_of "$file")
        total=$((total + 1))
        if ! allowed "$layer" > /dev/null; then
            echo "$file:$line: layer '$layer' is not in the table of test/layers.sh"
            bad=1
        elif ! is_allowed "$layer" "$header"; then
            echo "$file:$line: layer $layer must not include $header"
            bad=1
        fi
    done < <(cd "$root" && find src kernels tools -type f \
                 \( -name '*.hpp' -o -name '*.cpp' -o -name '*.h' -o -name '*.cu' -o -name '*.cuh' -o -name '*.inc' \) 2> /dev/null |
             sort | xargs grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*["<]' /dev/null |
             sed -E 's/^([^:]*:[0-9]+:)[^"<]*["<]([^">]*)[">].*/\1\2/')
    checked=$total
    return $bad
}

# Prints "file:line: ..." for each copy, fill or launch beside the back end's one stream (kernels/cuda/stream.hpp); fails
# when there is one.
check_streams() {
    ! (cd "$1" && grep -rnE 'cuda(Memcpy|Memset|LaunchKernel|StreamCreate|DeviceSynchronize)|<<<' kernels/cuda \
        --include='*.cu' --include='*.hpp' | grep -vE '^kernels/cuda/(stream\.cu|runtime\.hpp):|^[^:]*:[0-9]+: *//')
}

check_tree "$source_dir" || exit 1
check_streams "$source_dir" || { echo "the lines above go around kernels/cuda/stream.hpp"; exit 1; }
((checked > 20)) || { echo "only $checked includes found under $source_dir: the search is broken"; exit 1; }
real=$checked

planted=$(mktemp -d)
trap 'rm -rf "$planted"' EXIT
plant() {  # file, include that must be refused there
    rm -rf "${planted:?}"/*
    mkdir -p "$planted/$(dirname "$1")"
    printf '#include %s\n' "$2" > "$planted/$1"
    if check_tree "$planted" > /dev/null; then
        echo "the check missed $2 in $1"
        exit 1
    fi
}
plant src/base/x.hpp '"io/fasta.hpp"'
plant src/io/x.cpp '"nn/spec.hpp"'
plant src/nn/x.cpp '"kernels/cpu/conv.hpp"'
plant src/nn/x.cpp '<htslib/vcf.h>'
plant src/app/x.cpp '"cli/options.hpp"'
plant src/app/x.cpp '<htslib/hts.h>'
plant src/cli/x.cpp '"nn/network.hpp"'
plant kernels/backend.cpp '<hwy/highway.h>'
plant kernels/cpu/x.cpp '<cuda_runtime.h>'
plant kernels/reference/x.cpp '"kernels/cpu/conv.hpp"'
plant tools/x.cpp '"kernels/backend.hpp"'
plant src/tools/x.cpp '<boost/program_options.hpp>'
plant src/nowhere/x.cpp '<vector>'
rm -rf "${planted:?}"/*
mkdir -p "$planted/kernels/cuda"
for line in 'cudaMemcpy(to, from, 4, cudaMemcpyHostToDevice);' 'kernel<<<1, 32>>>();' 'cudaMemsetAsync(to, 0, 4, 0);'; do
    echo "$line" > "$planted/kernels/cuda/x.cu"
    if check_streams "$planted" > /dev/null; then
        echo "the check missed: $line"
        exit 1
    fi
done
echo "layers: $real includes, all allowed"
