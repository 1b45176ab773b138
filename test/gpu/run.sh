#!/usr/bin/env bash
# All that needs a GPU, in the 10 minutes that one command may take on a device machine:
#   tests      at most 3 minutes, all steps at once: the kernels' tests, by each choice of kernels; the CPU against the GPU on a
#              real model and in its PR AUC; resumed training; sums over ranks; what cuDNN says of the device, as JSON
#   speed      at most 4: the four targets, and every preset, beside PyTorch in the same run
#   sanitize   in what is left: compute-sanitizer on small cases of each choice of kernels, all at once
# Usage:
#   test/gpu/run.sh [PHASE...]                builds here, in build-gpu
#   test/gpu/run.sh --pack FOLDER             on a machine with the libraries, with or without a GPU: builds, and puts the
#                                             programs and the libraries that they need into FOLDER
#   test/gpu/run.sh --from FOLDER [PHASE...]  runs what was packed, on a machine that lacks those libraries
#   test/gpu/run.sh --dry-run                 on any machine: every step with the programs in $REGKIT_BIN, on the CPU and in
#                                             small, so that a mistake in this script costs no time on a GPU
# Without a phase it does all. A step that hangs is ended at its own limit, and a phase at that of its own, so that the others have
# their time. Ends with one table; exits 1 where something failed. A target that is missed is told, and is no failure. Logs are kept
# in $LOGS (gpu-logs). $PYTHON (python3) is the one with PyTorch.
set -euo pipefail

source_dir=$(cd "$(dirname "$0")/../.." && pwd)
logs=${LOGS:-gpu-logs}
python=${PYTHON:-${REGKIT_PYTHON:-python3}}
declare -A limit=([tests]=180 [speed]=240 [sanitize]=150)  # seconds
device=cuda batch=32 markers=919 seconds=2 variants=2000
spec=$source_dir/examples/models/dilated.json
dry=
table=()
# Of REGKIT_CUDA_KERNELS; the last need libraries. What is usual in bf16 is the third.
readonly choices=("plain" "sm80" "sm80,sm90" "sm80,sm90,cudnn,cublaslt")
readonly usual=${choices[2]} libraries=${choices[3]}
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

# Seconds that a step may take: at most so many, and none behind the phase's end.
seconds_for() { local left=$((phase_end - SECONDS)); echo $((left < $1 ? left : $1)); }

# A step of at most so many seconds, in the background; its output goes to a log. `finish` is to follow.
declare -A pids=()
start() {
    local name=$1 most
    most=$(seconds_for "$2")
    shift 2
    echo "$name ..." >&2
    (
        code=0 begin=$SECONDS
        if ((most <= 5)); then
            echo "no time left" > "$logs/$name.log"
            code=124
        else
            timeout -k 5 "$most" "$@" > "$logs/$name.log" 2>&1 || code=$?
        fi
        echo "$code $((SECONDS - begin))" > "$logs/$name.end"
    ) &
    pids[$name]=$!
    [[ -z $dry ]] || wait "${pids[$name]}"  # a machine without a GPU may be a small one
}

# Waits for the step's end. Sets $took and returns the step's exit code.
finish() {
    local code
    wait "${pids[$1]}" || true
    read -r code took < "$logs/$1.end"
    return "$code"
}

step() {
    start "$@"
    finish "$1"
}

# Why a step that failed could not have cuDNN, which is no failure; or false.
without_cudnn() { grep -m1 -o 'needs cuDNN 9:.*\|this build has no cuDNN' "$logs/$1.log"; }

# What a step that was started has come to, as a row of the table.
verdict() {
    local what=$1 name=$2 code=0 why
    finish "$name" || code=$?
    if ((code == 0)); then
        row "$what" passed "$took s"
    elif grep -qx 'no time left' "$logs/$name.log"; then
        row "$what" "not run" "no time left"
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
    local kernels tools=$source_dir/test/gpu/tools_on_device.py
    [[ ! -x $bin/gpu_properties || -n $dry ]] || start properties 30 "$bin/gpu_properties"
    for kernels in "${choices[@]}"; do
        start "tests-$kernels" 175 "$source_dir/test/gpu/tests.sh" "$kernels"
        start "compare-$kernels" 120 "$bin/gpu_compare" "$device" "$spec" "$markers" 2 "$kernels"
    done
    start numbers 150 "$python" "$tools" numbers "$device" "${usable[@]}"
    start resume 150 "$python" "$tools" resume "$device" "${usable[@]}"
    start ranks 120 "$bin/gpu_ranks" "$device"
    if [[ ! -x $bin/gpu_properties ]]; then
        row "what cuDNN says of the device" "not run" "this build has no cuDNN"
    elif [[ -n $dry ]]; then
        row "what cuDNN says of the device" "not run" "asks a GPU"
    else
        verdict "what cuDNN says of the device" properties
        cp "$logs/properties.log" "$logs/device.json"
    fi
    for kernels in "${choices[@]}"; do
        verdict "kernels' tests, $kernels" "tests-$kernels"
        verdict "the GPU against the CPU, $kernels" "compare-$kernels"
        sed 's/^/  /' "$logs/compare-$kernels.log"
        notices "compare-$kernels"
    done
    verdict "PR AUC, GPU and CPU" numbers
    verdict "resumed training, bit by bit" resume
    verdict "sums over ranks, by NCCL" ranks
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
            start "$tool-$kernels" 145 "$source_dir/test/gpu/tests.sh" "$kernels" "$small_cases" "$sanitizer" --tool "$tool" \
                --error-exitcode 9
        done
    done
    for tool in memcheck racecheck synccheck initcheck; do
        for kernels in "${choices[@]}"; do verdict "compute-sanitizer $tool, $kernels" "$tool-$kernels"; done
    done
}

# Of the steps that model_speed printed in a log behind the word $2, millions of nucleotides a second, from the median; $3: of a
# step. Fails where there is none.
rate_of() {
    awk -v mode="$2" '$1 ~ /^[a-z]/ {on = $1 == mode} on && /^[0-9.]+$/' "$logs/$1.log" | sort -g |
        awk -v n="$3" '{t[NR] = $1} END {m = t[int((NR + 1) / 2)]; if (!NR || m <= 0) exit 1; printf "%.3f", n / m / 1e6}'
}

# A row for what a step did not measure.
no_rate() {
    if grep -qx 'no time left' "$logs/$2.log"; then row "$1" "not run" "no time left"; else row "$1" FAILED "$logs/$2.log"; fi
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

# Every preset by the usual kernels, and as PyTorch's modules come. Fewer windows of a wide one, so that it fits.
all_presets() {
    local name window count our peer mode words i names=() batches=() windows=()
    while read -r name window; do
        count=$((batch * 25000 / window))
        names+=("$name") windows+=("$window")
        batches+=("$((count < 1 ? 1 : count > 16 * batch ? 16 * batch : count))")
    done < <("$python" "$source_dir/test/gpu/presets.py" ${dry:+dilated lr})
    for i in "${!names[@]}"; do
        REGKIT_CUDA_KERNELS=$usual step "preset-${names[i]}" 12 "$bin/model_speed" train,call \
            "$source_dir/examples/models/${names[i]}.json" "${batches[i]}" "$markers" 0 "$(calculate %.1f "$seconds / 3")" wall \
            "$device" bf16 || true
    done
    if [[ -n $has_torch ]]; then
        local pairs=()
        for i in "${!names[@]}"; do pairs+=("${names[i]}:${batches[i]}"); done
        step peer-presets 60 "$python" "$source_dir/test/gpu/peer_presets.py" --markers "$markers" --seconds 0.5 "${pairs[@]}" || true
    fi
    for i in "${!names[@]}"; do
        for mode in train call; do
            our=$(rate_of "preset-${names[i]}" "$mode" "$((batches[i] * windows[i]))") ||
                { no_rate "$mode ${names[i]}, Mnt/s" "preset-${names[i]}"; continue; }
            words="PyTorch not run"
            peer=$(awk -v m="$mode" -v p="${names[i]}" '$1 == m && $2 == p {print $3}' "$logs/peer-presets.log" 2> /dev/null) || true
            [[ ! $peer =~ ^[0-9.]+$ ]] || words="PyTorch, not compiled, $peer, ratio $(calculate %.2f "$our / $peer")"
            row "$mode ${names[i]}, Mnt/s" "$our" "$words"
        done
    done
}

speed() {
    local kernels ours train='' call='' per_window='' name
    has_torch=
    ! "$python" -c 'import torch; assert torch.cuda.is_available()' 2> /dev/null || has_torch=yes
    # Ours first: should the rest hang, there are these.
    for kernels in "${usable[@]}"; do
        [[ $kernels != plain ]] || continue
        REGKIT_CUDA_KERNELS=$kernels step "speed-$kernels" 30 "$bin/model_speed" train,call "$spec" "$batch" "$markers" 0 "$seconds" wall \
            "$device" bf16 || true
    done
    all_presets
    if [[ -n $dry ]]; then
        step peer-presets 30 "$python" -c 'import ast, sys; ast.parse(open(sys.argv[1]).read())' "$source_dir/test/gpu/peer_presets.py" ||
            row "PyTorch, presets" FAILED "$logs/peer-presets.log"
        step peer 60 "$python" "$source_dir/test/gpu/peer_torch.py" --batch "$batch" --markers "$markers" --seconds "$seconds" --parse ||
            row "PyTorch" FAILED "$logs/peer.log"
        train=1 call=1
    elif [[ -n $has_torch ]]; then
        # max-autotune, its own default, tries for minutes.
        step peer 70 "$python" "$source_dir/test/gpu/peer_torch.py" --batch "$batch" --markers "$markers" --seconds "$seconds" \
            --mode default || row "PyTorch" FAILED "$logs/peer.log"
        train=$(awk '$1 == "train" {print $2}' "$logs/peer.log") call=$(awk '$1 == "call" {print $2}' "$logs/peer.log")
    else
        row "PyTorch" "not run" "$python has no PyTorch that sees the GPU"
    fi
    for kernels in "${usable[@]}"; do
        [[ $kernels != plain ]] || continue
        name=speed-$kernels
        if ours=$(rate_of "$name" train "$((batch * 25000))"); then
            target "training, batch $batch, Mnt/s, $kernels" "$ours" 300 "$train" 2
        else
            no_rate "training, $kernels" "$name"
        fi
        if ours=$(rate_of "$name" call "$((batch * 25000))"); then
            target "called runs in host memory, Mnt/s, $kernels" "$ours" 1000 "$call" 2.5
            row "  so for $genome Mnt, s, $kernels" "$(calculate %.2f "$genome / $ours")" \
                "must 4: $(calculate %s "$genome / $ours <= 4 ? \"met\" : \"MISSED\""), if windows come as fast"
        else
            no_rate "called runs, $kernels" "$name"
        fi
    done
    # PyTorch predicts a whole window for an allele.
    [[ -z $call ]] || per_window=$(calculate %.1f "$call * 1e6 / 25000")
    if step variants 30 "$python" "$source_dir/test/gpu/tools_on_device.py" variants "$device" "$usual" "$variants" &&
        ours=$(awk '$1 == "variants" {print $2}' "$logs/variants.log") && [[ -n $ours ]]; then
        target "variants/s, regsnp with its start, $usual" "$ours" 250000 "$per_window" 1
    else
        no_rate "variants, $usual" variants
    fi
}

print_table() {
    printf '\n%s\n' "$name_of_device"
    printf '%s\n' "${table[@]}" | awk -F'|' '{printf "%-52s %-10s %s\n", $1, $2, $3}'
}

# The choices that this machine can run: all, but for cudnn where it is not installed.
find_usable() {
    local why
    usable=("${choices[@]:0:3}")
    if ! REGKIT_CUDA_KERNELS=cudnn timeout 30 "$bin/model_speed" call "$spec" 1 3 0 0 wall "$device" bf16 > "$logs/cudnn.log" 2>&1 &&
        why=$(without_cudnn cudnn); then
        row "cudnn in tools and speed" "not run" "$why"
    else
        usable+=("$libraries")
    fi
}

prepare_dry_run() {
    limit=([tests]=590 [speed]=590 [sanitize]=590)
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
            tests | speed | sanitize) phases+=("$1") ;;
            *) fail "what is $1? phases are tests, speed and sanitize" ;;
        esac
        shift
    done
    ((${#phases[@]})) || phases=(tests speed sanitize)
    mkdir -p "$logs"
    if [[ -z $dry ]]; then
        name_of_device=$(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2> /dev/null | head -1) || true
        [[ -n $name_of_device ]] || fail "no GPU: nvidia-smi is missing or sees none"
        rm -f "$logs"/*.log "$logs"/*.end
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
        phase_end=$((SECONDS + ${limit[$phase]}))
        "$phase"
    done
    print_table
    ! printf '%s\n' "${table[@]}" | grep -q '|FAILED|' || { [[ -z $dry ]] || tail -n 30 "$logs"/*.log; exit 1; }
}

main "$@"
