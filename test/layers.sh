#!/usr/bin/env bash
# Who may include whom: a table of layers, and every #include of the project held against it. Also run on planted
# violations, so that a table that lets everything pass is noticed.
set -euo pipefail
source_dir=${REGKIT_SOURCE:-$(cd "$(dirname "$0")/.." && pwd)}

# Room, then the prefixes that it may include besides its own folder, each only from further up in this table. "std" stands
# for headers without a dot and without a folder (<vector>); posix for the system's own.
allowed() {
    local seam="kernels/backend.hpp kernels/communicator.hpp kernels/compose.hpp kernels/dropout.hpp kernels/ops/ kernels/sinks.hpp kernels/status.hpp kernels/tensor.hpp"
    local files="std posix kernels/base/ base/ htslib/ zlib.h libdeflate.h openssl/ nlohmann/ io/files/"
    local app="std posix kernels/base/ base/ nn/ io/ $seam nlohmann/"
    case $1 in
        kernels/base) echo "std posix" ;;
        kernels) echo "std posix kernels/base/" ;;
        kernels/ops) echo "std kernels/base/ $seam" ;;
        kernels/reference) echo "std kernels/base/ $seam" ;;
        kernels/cpu) echo "std posix kernels/base/ $seam kernels/reference/ hwy/" ;;
        kernels/cuda) echo "std posix kernels/base/ $seam cuda cublas cudnn nccl mma.h cub/" ;;
        base) echo "std posix kernels/base/" ;;
        nn) echo "std kernels/base/ base/ $seam nlohmann/" ;;
        io/files) echo "$files" ;;
        io/fasta | io/bigwig | io/safetensors) echo "$files" ;;
        io/tracks) echo "$files io/bigwig/" ;;
        io/vcf | io/dataset | io/motifs) echo "$files io/fasta/" ;;
        ranks) echo "std posix kernels/base/ base/ kernels/communicator.hpp kernels/tensor.hpp mpi.h" ;;
        app/model) echo "$app" ;;
        app/dataset | app/evaluate | app/call) echo "$app app/model/" ;;
        app/variants) echo "$app app/model/ app/call/" ;;
        app/mutations) echo "$app app/model/ app/variants/" ;;
        app/attribution) echo "$app app/model/ app/call/ app/variants/ app/mutations/" ;;
        app/train) echo "$app app/model/ app/evaluate/ ranks/" ;;
        cli) echo "std posix kernels/base/ base/ app/ ranks/ boost/" ;;
        tools) echo "std kernels/base/ base/ app/ ranks/ cli/" ;;
        *) return 1 ;;
    esac
}

# The room that a path belongs to: its folder, which in io, app and kernels is that of a subject.
layer_of() {
    local below=${1#src/}
    case $below in
        io/*/* | app/*/* | kernels/*/*)
            local subject=${below#*/}
            echo "${below%%/*}/${subject%%/*}"
            ;;
        io/* | app/*) echo "${below%%/*} (name a room of it)" ;;
        *) echo "${below%%/*}" ;;
    esac
}

is_allowed() {  # layer, header as written in the #include
    local layer=$1 header=$2 rule
    [[ $header == "$layer"/* ]] && return 0
    for rule in $(allowed "$layer"); do
        case $rule in
            std) [[ $header =~ ^[a-z_0-9]+$ ]] && return 0 ;;
            posix) [[ $header =~ ^(sys/[a-z]+|unistd|fcntl|fnmatch|dlfcn|sched|signal|pthread|poll|limits|errno|execinfo)\.h$ ]] && return 0 ;;
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
plant src/base/x.hpp '"io/fasta/fasta.hpp"'
plant src/io/files/x.cpp '"nn/spec.hpp"'
plant src/io/files/x.cpp '"io/fasta/fasta.hpp"'
plant src/io/bigwig/x.cpp '"io/tracks/track_set.hpp"'
plant src/io/x.cpp '<vector>'
plant kernels/base/x.cpp '"base/text.hpp"'
plant kernels/x.cpp '"base/text.hpp"'
plant src/ranks/x.cpp '"io/files/atomic_file.hpp"'
plant src/app/model/x.cpp '"app/call/call.hpp"'
plant src/app/evaluate/x.cpp '"app/train/trainer.hpp"'
plant src/app/x.cpp '"app/model/model.hpp"'
plant src/nn/x.cpp '"kernels/cpu/conv.hpp"'
plant src/nn/x.cpp '<htslib/vcf.h>'
plant src/app/model/x.cpp '"cli/options.hpp"'
plant src/app/call/x.cpp '<htslib/hts.h>'
plant src/app/train/x.cpp '<mpi.h>'
plant src/cli/x.cpp '"nn/network.hpp"'
plant kernels/device.cpp '<hwy/highway.h>'
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
