#!/usr/bin/env bash
# Builds the fuzz targets with clang and runs each for a while: fuzz.sh BUILD_FOLDER SECONDS [TARGET...]
set -euo pipefail
build=$1
source_dir=$(cd "$(dirname "$0")/../.." && pwd)
if ! command -v clang++ > /dev/null; then
    echo "SKIPPED: no clang++ here, which has libFuzzer (tools/deps.sh fuzz)"
    exit 77
fi
begin=$SECONDS
cmake -S "$source_dir" -B "$build" -DCMAKE_CXX_COMPILER=clang++ -DREGKIT_FUZZ=ON -DREGKIT_TESTS=OFF -DREGKIT_CUDA=OFF > /dev/null
cmake --build "$build" --target fuzz -j "${JOBS:-2}" > "$build/build.log" 2>&1 || { tail -50 "$build/build.log"; exit 1; }
echo "fuzz: built in $((SECONDS - begin)) s"
exec "$source_dir/test/fuzz/run.py" "$@"
