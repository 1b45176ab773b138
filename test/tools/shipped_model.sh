#!/usr/bin/env bash
# -m NAME: a model by its name, out of $REGKIT_MODELS or of the folder beside the program's; and `regmodel quantize`.
set -euo pipefail
bin=${REGKIT_BIN:?}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() {
    echo "FAILED: $*"
    exit 1
}
mkdir -p prefix/bin prefix/share/regkit/models mine
for tool in regcall regmodel; do cp "$bin/$tool" prefix/bin; done
printf '{"name": "tiny", "window": 500, "layers": [{"name": "e", "type": "embedding", "filters": 4},
 {"name": "c", "type": "conv", "filters": 8, "width": 9, "relu": true}, {"name": "d", "type": "dense"}]}' > spec.json
"$bin/model_probe" prefix/share/regkit/models/one.safetensors spec.json 5 2.5 a:DNase
"$bin/model_probe" mine/two.safetensors spec.json 6 2.5 b:DNase
{ echo ">x"; for _ in $(seq 40); do echo ACGTTGCAGGCTTAACGGATCCATGCATGCAATTGGCCAAGT; done; } > g.fa
call() { "$@" --no-version -O bedgraph --round 6 g.fa 2> err; }

call prefix/bin/regcall -m prefix/share/regkit/models/one.safetensors > path.bg
call prefix/bin/regcall -m one > name.bg
cmp path.bg name.bg || fail "-m one"
cmp -s path.bg <(call prefix/bin/regcall -m mine/two.safetensors) && fail "two models that are one"
[[ $(wc -l < path.bg) -gt 100 ]] || fail "no values"
REGKIT_MODELS=nowhere:mine call prefix/bin/regcall -m two > two.bg
call prefix/bin/regcall -m mine/two.safetensors | cmp - two.bg || fail "REGKIT_MODELS"
prefix/bin/regmodel info one | grep -q $'^architecture\ttiny$' || fail "regmodel info one"
code=0
call prefix/bin/regcall -m three > /dev/null || code=$?
[[ $code == 1 ]] || fail "exit $code of -m three"
grep -q "three: no such file, nor a model that comes with the tools (one)" err || fail "$(cat err)"
cp mine/two.safetensors one  # a file of that name is meant
call prefix/bin/regcall -m one | cmp - two.bg || fail "a file goes before a name"
rm one
mkdir one  # a folder is no model
call prefix/bin/regcall -m one | cmp - name.bg || fail "a folder goes before a name"
rmdir one

prefix/bin/regmodel quantize one -o small.safetensors
[[ $(prefix/bin/regmodel info small.safetensors | awk -F'\t' '$1 == "weights" {print $2}') == "8 bits" ]] || fail "weights"
[[ $(prefix/bin/regmodel info one | awk -F'\t' '$1 == "weights" {print $2}') == f32 ]] || fail "weights of the original"
"$bin/regcall" --no-version -m small.safetensors --raw -O bedgraph --round 6 g.fa > small.bg
"$bin/regcall" --no-version -m prefix/share/regkit/models/one.safetensors --raw -O bedgraph --round 6 g.fa > one.bg
expand() { awk '{for (i = $2; i < $3; ++i) print $4}' "$1"; }
paste <(expand one.bg) <(expand small.bg) | awk '{d = $1 - $2; d = d < 0 ? -d : d; if (!(d <= 0.02)) bad = 1; if (d > 0) any = 1}
    END {exit !(NR == 1680 && !bad && any)}' || fail "8 bits are not near 32"
code=0
prefix/bin/regmodel quantize small.safetensors -o small.safetensors 2> err || code=$?
[[ $code == 2 ]] || fail "its own file: $code"
echo ok
