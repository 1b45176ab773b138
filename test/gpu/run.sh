#!/usr/bin/env bash
# All that needs a GPU, in phases of at most 10 minutes each:
#   tests      the kernels' tests, by plain kernels, tensor cores and NVIDIA's libraries; the CPU against the GPU on a real model and in its PR AUC; resumed
#              training; sums over ranks; what cuDNN says of the device, as JSON
#   sanitize   compute-sanitizer on small cases of each choice of kernels
#   speed      the four targets, beside PyTorch in the same run
# Usage:
#   test/gpu/run.sh [PHASE...]                builds here, in build-gpu
#   test/gpu/run.sh --pack FOLDER             on a machine with the libraries, with or without a GPU: builds, and puts the
#                                             programs and the libraries that they need into FOLDER
#   test/gpu/run.sh --from FOLDER [PHASE...]  runs what was packed, on a machine that lacks those libraries
#   test/gpu/run.sh --dry-run                 on any machine: every step with the programs in $REGKIT_BIN, on the CPU and in
#                                             small, so that a mistake in this script costs no time on a GPU
# Without a phase it does all, each in its own 10 minutes. Ends with one table; exits 1 where something failed. A target that is
# missed is told, and is no failure. Logs are kept in $LOGS (gpu-logs). $PYTHON (python3) is the one with PyTorch.
set -euo pipefail

source_dir=$(cd "$(dirname "$0")/../.." && pwd)
logs=${LOGS:-gpu-logs}
python=${PYTHON:-${REGKIT_PYTHON:-python3}}
limit=590 device=cuda batch=32 markers=919 seconds=6 variants=2000
spec=$source_dir/examples/models/dilated.json
dry=
table=()
readonly choices=(plain sm80,sm90 sm80,sm90,cudnn,cublaslt)
readonly programs=(test_kernels gpu_compare gpu_ranks gpu_properties model_speed random_model regds-build regeval regsnp regtrain)
readonly genome=3101.8  # Mnt, as hg19
# For the sanitizers, which are slow.
readonly small_cases="conv,conv_grad_input,conv_grad_weight,lstm*,tail_infer,tail_train,adam*"

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
    ((${#missing[@]} == 0)) ||
        fail "cannot build here, for want of: ${missing[*]}; build elsewhere with --pack FOLDER, bring FOLDER, then --from FOLDER"
}

build() {
    check_tools
    local targets=(regkit_cuda "${programs[@]}")
    pkg-config --exists ompi-c 2> /dev/null && targets+=(regkit_mpi)
    cmake -S "$source_dir" -B "$source_dir/build-gpu" -DCMAKE_BUILD_TYPE=Release > "$logs/configure.log" 2>&1 ||
        fail "cmake failed: $logs/configure.log"
    # Without cuDNN's headers there is no such program.
    grep -q '^cuDNN: left out\|-- cuDNN: left out' "$logs/configure.log" && targets=("${targets[@]/gpu_properties/}")
    # shellcheck disable=SC2068 # the one that was left out is no word
    cmake --build "$source_dir/build-gpu" -j "$(nproc)" --target ${targets[@]} > "$logs/build.log" 2>&1 ||
        fail "the build failed: $logs/build.log"
    bin=$source_dir/build-gpu/bin
}

pack() {
    local folder=$1 program
    build
    mkdir -p "$folder/lib"
    for program in libregkit_cuda.so "${programs[@]}"; do
        [[ -e $bin/$program ]] || continue
        cp "$bin/$program" "$folder/"
        # All but what belongs to the C library and the loader.
        ldd "$bin/$program" | awk '$3 ~ /^\// {print $3}' | grep -vE '/(libc|libm|libdl|librt|libpthread|ld-linux[^/]*)\.so' |
            xargs -r cp -L -t "$folder/lib"
        strip "$folder/$program"
    done
    echo "packed: $(du -sh "$folder" | cut -f1) in $folder"
}

# ---- running
row() { table+=("$1|$2|$3"); }

# A step of at most so many seconds; its output goes to a log. Sets $took and returns the step's exit code.
step() {
    local name=$1 most=$2 begin=$SECONDS code=0
    shift 2
    ((most = most < phase_end - SECONDS ? most : phase_end - SECONDS))
    took=0
    ((most > 5)) || { echo "no time left" > "$logs/$name.log"; return 124; }
    echo "$name ..." >&2
    timeout -k 5 "$most" "$@" > "$logs/$name.log" 2>&1 || code=$?
    took=$((SECONDS - begin))
    return $code
}

# Why a step that failed could not have cuDNN, which is no failure; or false.
without_cudnn() { grep -m1 -o 'needs cuDNN 9:.*\|this build has no cuDNN' "$logs/$1.log"; }

# A step that passes or fails, as a row of the table.
verdict() {
    local what=$1 name=$2 code=0 why
    shift
    step "$@" || code=$?
    if ((code == 0)); then
        row "$what" passed "$took s"
    elif ((code == 77)); then
        row "$what" "not run" "$(grep -m1 SKIPPED "$logs/$name.log" || tail -1 "$logs/$name.log")"
    elif ((code == 124 || code == 137)); then
        row "$what" FAILED "no end within its time: $logs/$name.log"
    elif why=$(without_cudnn "$name"); then
        row "$what" "not run" "$why"
    else
        row "$what" FAILED "$logs/$name.log"
    fi
}

# What the back end says of libraries that it does not use: it may run, and not with what was to be tried.
notices() {
    local line
    while IFS= read -r line; do row "  notice" "" "$line"; done < <(grep -h ' is not used' "$logs/$1.log" 2> /dev/null | cut -c1-150 | sort -u)
}

tests() {
    local kernels
    if [[ -x $bin/gpu_properties ]]; then
        if [[ -n $dry ]]; then
            row "what cuDNN says of the device" "not run" "asks a GPU"
        else
            verdict "what cuDNN says of the device" properties 30 "$bin/gpu_properties"
            cp "$logs/properties.log" "$logs/device.json"
        fi
    else
        row "what cuDNN says of the device" "not run" "this build has no cuDNN"
    fi
    for kernels in "${choices[@]}"; do
        verdict "kernels' tests, $kernels" "tests-$kernels" 110 "$source_dir/test/gpu/tests.sh" "$kernels"
        verdict "the GPU against the CPU, $kernels" "compare-$kernels" 40 "$bin/gpu_compare" "$device" "$spec" "$markers" 2 "$kernels"
        sed 's/^/  /' "$logs/compare-$kernels.log"
        notices "compare-$kernels"
    done
    verdict "PR AUC, GPU and CPU" numbers 60 "$python" "$source_dir/test/gpu/tools_on_device.py" numbers "$device" "${usable[@]}"
    verdict "resumed training, bit by bit" resume 60 "$python" "$source_dir/test/gpu/tools_on_device.py" resume "$device" "${usable[@]}"
    verdict "sums over ranks, by NCCL" ranks 60 "$bin/gpu_ranks" "$device"
}

sanitize() {
    local tool kernels sanitizer
    sanitizer=$(command -v compute-sanitizer) || true
    if [[ -z $sanitizer && -z $dry ]]; then
        row "compute-sanitizer" "not run" "there is none on this machine"
        return
    fi
    for tool in memcheck racecheck synccheck initcheck; do
        for kernels in "${choices[@]}"; do
            verdict "compute-sanitizer $tool, $kernels" "$tool-$kernels" 48 "$source_dir/test/gpu/tests.sh" "$kernels" \
                "$small_cases" "$sanitizer" --tool "$tool" --error-exitcode 9
        done
    done
}

# Millions of nucleotides a second, from the median of the seconds of steps.
our_rate() {
    local mode=$1 kernels=$2 name=speed-$1-$2
    REGKIT_CUDA_KERNELS=$kernels step "$name" 40 "$bin/model_speed" "$mode" "$spec" "$batch" "$markers" 0 "$seconds" wall "$device" bf16 ||
        return 1
    grep -E '^[0-9.]+$' "$logs/$name.log" | sort -g |
        awk -v n="$((batch * 25000))" '{t[NR] = $1} END {if (!NR || t[int((NR + 1) / 2)] <= 0) exit 1; printf "%.3f", n / t[int((NR + 1) / 2)] / 1e6}'
}

calculate() { awk "BEGIN {printf(\"$1\", ($2))}"; }

# A row for a target: what, ours, at least so much, PyTorch's (or nothing), at least so many times that.
target() {
    local what=$1 ours=$2 must=$3 peer=${4:-} times=${5:-} words
    words="must $must: $(calculate %s "$ours >= $must ? \"met\" : \"MISSED\"")"
    if [[ -n $peer && -n $times ]]; then
        words+="; PyTorch $peer, ratio $(calculate %.2f "$ours / $peer"), must $times: $(calculate %s "$ours >= $times * $peer ? \"met\" : \"MISSED\"")"
    fi
    row "$what" "$(calculate %.1f "$ours")" "$words"
}

speed() {
    local kernels ours train='' call='' per_window=''
    if [[ -n $dry ]]; then
        step peer 60 "$python" "$source_dir/test/gpu/peer_torch.py" --batch "$batch" --markers "$markers" --seconds "$seconds" --parse ||
            row "PyTorch" FAILED "$logs/peer.log"
        train=1 call=1
    elif "$python" -c 'import torch; assert torch.cuda.is_available()' 2> /dev/null; then
        step peer 240 "$python" "$source_dir/test/gpu/peer_torch.py" --batch "$batch" --markers "$markers" --seconds "$seconds" ||
            row "PyTorch" FAILED "$logs/peer.log"
        train=$(awk '$1 == "train" {print $2}' "$logs/peer.log") call=$(awk '$1 == "call" {print $2}' "$logs/peer.log")
    else
        row "PyTorch" "not run" "$python has no PyTorch that sees the GPU"
    fi
    for kernels in "${usable[@]}"; do
        [[ $kernels == plain ]] && continue
        if ours=$(our_rate train "$kernels"); then
            target "training, batch $batch, Mnt/s, $kernels" "$ours" 300 "$train" 2
        else
            row "training, $kernels" FAILED "$logs/speed-train-$kernels.log"
        fi
        if ours=$(our_rate call "$kernels"); then
            target "called runs in host memory, Mnt/s, $kernels" "$ours" 1000 "$call" 2.5
            row "  so for $genome Mnt, s, $kernels" "$(calculate %.2f "$genome / $ours")" \
                "must 4: $(calculate %s "$genome / $ours <= 4 ? \"met\" : \"MISSED\""), if windows come as fast"
        else
            row "called runs, $kernels" FAILED "$logs/speed-call-$kernels.log"
        fi
        # PyTorch predicts a whole window for an allele.
        [[ -z $call ]] || per_window=$(calculate %.1f "$call * 1e6 / 25000")
        if step "variants-$kernels" 60 "$python" "$source_dir/test/gpu/tools_on_device.py" variants "$device" "$kernels" "$variants" &&
            ours=$(awk '$1 == "variants" {print $2}' "$logs/variants-$kernels.log") && [[ -n $ours ]]; then
            target "variants/s, regsnp with its start, $kernels" "$ours" 250000 "$per_window" 1
        else
            row "variants, $kernels" FAILED "$logs/variants-$kernels.log"
        fi
    done
}

print_table() {
    printf '\n%s\n' "$name_of_device"
    printf '%s\n' "${table[@]}" | awk -F'|' '{printf "%-52s %-10s %s\n", $1, $2, $3}'
}

# The choices that this machine can run: all, but for cudnn where it is not installed.
find_usable() {
    local why
    usable=("${choices[@]:0:2}")
    if ! REGKIT_CUDA_KERNELS=cudnn "$bin/model_speed" call "$spec" 1 3 0 0 wall "$device" bf16 > "$logs/cudnn.log" 2>&1 &&
        why=$(without_cudnn cudnn); then
        row "cudnn in tools and speed" "not run" "$why"
    else
        usable+=("${choices[2]}")
    fi
}

prepare_dry_run() {
    dry=yes device=cpu batch=1 markers=3 seconds=0 variants=20
    bin=${REGKIT_BIN:?--dry-run needs the folder of the programs in REGKIT_BIN}
    local program
    for program in "${programs[@]}"; do
        [[ -x $bin/$program || $program == gpu_properties ]] || fail "$bin/$program is not there"
    done
    logs=$(mktemp -d)
    trap 'rm -rf "$logs"' EXIT
    export QUICK=1
    name_of_device="dry run"
}

main() {
    local from="" phases=() phase
    while (($# > 0)); do
        case $1 in
            --pack)
                mkdir -p "$logs"
                pack "${2:?--pack needs a folder}"
                return
                ;;
            --from)
                from=${2:?--from needs a folder}
                shift
                ;;
            --dry-run) prepare_dry_run ;;
            tests | sanitize | speed) phases+=("$1") ;;
            *) fail "what is $1? phases are tests, sanitize and speed" ;;
        esac
        shift
    done
    ((${#phases[@]})) || phases=(tests sanitize speed)
    mkdir -p "$logs"
    if [[ -z $dry ]]; then
        name_of_device=$(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2> /dev/null | head -1) || true
        [[ -n $name_of_device ]] || fail "no GPU: nvidia-smi is missing or sees none"
        rm -f "$logs"/*.log
        if [[ -n $from ]]; then
            bin=$(cd "$from" && pwd)
            [[ -x $bin/test_kernels ]] || fail "$from holds no test_kernels: it was not made by --pack"
            export LD_LIBRARY_PATH=$bin/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
        else
            build
        fi
    fi
    export REGKIT_BIN=$bin
    find_usable
    for phase in "${phases[@]}"; do
        phase_end=$((SECONDS + limit))
        "$phase"
    done
    print_table
    ! printf '%s\n' "${table[@]}" | grep -q '|FAILED|' || { [[ -z $dry ]] || tail -n 30 "$logs"/*.log; exit 1; }
}

main "$@"
