#!/usr/bin/env bash
# All that needs a GPU, within 10 minutes: the kernels' tests on it, the CPU against the GPU on a real model, compute-sanitizer
# on small cases, and our speed beside PyTorch's. Ends with one table; exits 1 where something failed.
#   test/gpu/run.sh                 builds here, in build-gpu
#   test/gpu/run.sh --pack FOLDER   on a machine with the libraries, with or without a GPU: builds, and puts the programs and
#                                   the libraries that they need into FOLDER
#   test/gpu/run.sh FOLDER          runs what was packed, on a machine that lacks those libraries
# Logs are kept in $LOGS (gpu-logs). $PYTHON (python3) is the one with PyTorch.
set -euo pipefail

source_dir=$(cd "$(dirname "$0")/../.." && pwd)
logs=${LOGS:-gpu-logs}
python=${PYTHON:-python3}
readonly limit=600 batch=32 markers=919
readonly spec=$source_dir/examples/models/dilated.json
table=()

fail() {
    echo "run.sh: $*" >&2
    exit 1
}

# ---- building
has_header() { echo "#include <$1>" | g++ -std=c++20 -E -x c++ - > /dev/null 2>&1; }

check_tools() {
    local missing=() name
    if ! command -v nvcc > /dev/null; then PATH=$PATH:${CUDA_HOME:-/usr/local/cuda}/bin; fi
    for name in g++ cmake make pkg-config nvcc; do command -v "$name" > /dev/null || missing+=("$name"); done
    for name in libhwy htslib libdeflate zlib libcrypto; do pkg-config --exists "$name" 2> /dev/null || missing+=("$name"); done
    for name in boost/program_options.hpp nlohmann/json.hpp doctest/doctest.h; do has_header "$name" || missing+=("<$name>"); done
    ((${#missing[@]} == 0)) || fail "cannot build here, for want of: ${missing[*]}; build elsewhere with --pack FOLDER, bring FOLDER"
}

build() {
    check_tools
    cmake -S "$source_dir" -B "$source_dir/build-gpu" -DCMAKE_BUILD_TYPE=Release > "$logs/configure.log" 2>&1 ||
        fail "cmake failed: $logs/configure.log"
    cmake --build "$source_dir/build-gpu" -j "$(nproc)" --target regkit_cuda test_kernels gpu_compare model_speed \
        > "$logs/build.log" 2>&1 || fail "the build failed: $logs/build.log"
    bin=$source_dir/build-gpu/bin
}

pack() {
    local folder=$1 program
    build
    mkdir -p "$folder/lib"
    for program in libregkit_cuda.so test_kernels gpu_compare model_speed; do
        cp "$bin/$program" "$folder/"
        # All but what belongs to the C library and the loader.
        ldd "$bin/$program" | awk '$3 ~ /^\// {print $3}' | grep -vE '/(libc|libm|libdl|librt|libpthread|ld-linux[^/]*)\.so' |
            xargs -r cp -L -t "$folder/lib"
    done
    strip "$folder"/{libregkit_cuda.so,test_kernels,gpu_compare,model_speed}
    echo "packed: $(du -sh "$folder" | cut -f1) in $folder"
}

# ---- running
row() { table+=("$1|$2|$3"); }

# A step of at most so many seconds; its output goes to a log. Sets $took and returns the step's exit code.
step() {
    local name=$1 seconds=$2 begin=$SECONDS code=0
    shift 2
    ((seconds = seconds < limit - SECONDS ? seconds : limit - SECONDS))
    ((seconds > 5)) || return 124
    echo "$name ..." >&2
    timeout -k 5 "$seconds" "$@" > "$logs/$name.log" 2>&1 || code=$?
    took=$((SECONDS - begin))
    return $code
}

# A step that passes or fails, as a row of the table.
verdict() {
    local what=$1 name=$2 code=0
    shift
    step "$@" || code=$?
    case $code in
        0) row "$what" passed "$took s" ;;
        124 | 137) row "$what" FAILED "no end within its time: $logs/$name.log" ;;
        *) row "$what" FAILED "$logs/$name.log" ;;
    esac
}

sanitize() {
    if ! command -v compute-sanitizer > /dev/null; then
        row "compute-sanitizer" "not run" "there is none on this machine"
        return
    fi
    local tool
    for tool in memcheck racecheck synccheck; do
        verdict "compute-sanitizer $tool" "$tool" 45 env REGKIT_TEST_BACKENDS=cuda compute-sanitizer --tool "$tool" \
            --error-exitcode 9 "$bin/test_kernels" --test-case="conv,conv_grad_input,conv_grad_weight,lstm*,tail_infer,bf16: tail_train*"
    done
}

# Millions of nucleotides a second, from the median of the seconds of steps.
our_rate() {
    local mode=$1 precision=$2 name=speed-$1-$2
    step "$name" 30 "$bin/model_speed" "$mode" "$spec" "$batch" "$markers" 0 6 wall cuda "$precision" || return 1
    grep -E '^[0-9.]+$' "$logs/$name.log" | sort -g |
        awk -v n="$((batch * 25000))" '{t[NR] = $1} END {if (!NR) exit 1; printf "%.1f", n / t[int((NR + 1) / 2)] / 1e6}'
}

speed() {
    local mode precision ours peer peer_ok=0
    if "$python" -c 'import torch; assert torch.cuda.is_available()' 2> /dev/null; then
        step peer 200 "$python" "$source_dir/test/gpu/peer_torch.py" --batch "$batch" --markers "$markers" --seconds 6 || peer_ok=$?
    else
        row "PyTorch" "not run" "$python has no PyTorch that sees the GPU"
    fi
    for mode in train call; do
        peer=$(awk -v mode="$mode" '$1 == mode {print $2}' "$logs/peer.log" 2> /dev/null || true)
        ((peer_ok == 0)) || [[ -n $peer ]] || row "PyTorch, $mode" FAILED "$logs/peer.log"
        for precision in f32 bf16; do
            if ours=$(our_rate "$mode" "$precision"); then
                row "$mode $precision, batch $batch, Mnt/s" "$ours" \
                    "${peer:+PyTorch bf16: $peer, ratio $(awk "BEGIN {printf \"%.2f\", $ours / $peer}")}"
            else
                row "$mode $precision" FAILED "$logs/speed-$mode-$precision.log"
            fi
        done
    done
}

print_table() {
    printf '\n%s\n' "$device"
    printf '%s\n' "${table[@]}" | awk -F'|' '{printf "%-36s %-10s %s\n", $1, $2, $3}'
}

main() {
    mkdir -p "$logs"
    if [[ ${1:-} == --pack ]]; then
        [[ -n ${2:-} ]] || fail "--pack needs a folder"
        pack "$2"
        return
    fi
    device=$(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2> /dev/null | head -1) || true
    [[ -n $device ]] || fail "no GPU: nvidia-smi is missing or sees none"
    rm -f "$logs"/*.log
    if [[ -n ${1:-} ]]; then
        bin=$(cd "$1" && pwd)
        [[ -x $bin/test_kernels ]] || fail "$1 holds no test_kernels: it was not made by --pack"
        export LD_LIBRARY_PATH=$bin/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    else
        build
        row "build" passed "$SECONDS s"
    fi
    REGKIT_BIN=$bin verdict "kernels' tests on the GPU" tests 150 "$source_dir/test/gpu/tests.sh"
    verdict "the GPU against the CPU" compare 90 "$bin/gpu_compare" cuda "$spec" "$markers" 2
    sed 's/^/  /' "$logs/compare.log"
    sanitize
    speed
    print_table
    ! printf '%s\n' "${table[@]}" | grep -q '|FAILED|'
}

main "$@"
