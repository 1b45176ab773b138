#!/usr/bin/env bash
# Holds what the models say of variants and bases against what is known, and prints the tables as Markdown.
#   run.sh DATA WORK
# DATA: as train.sh. WORK: where the models are, or are made (up to 53 minutes of all processors); they are kept. Then some 40 minutes of
# two processors; each part's table is kept as WORK/PART.md, and not made again while it is there. REGKIT_BIN: where the tools are.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
data=$(cd "${1:?the folder of the data}" && pwd)
mkdir -p "${2:?where to work}"
work=$(cd "$2" && pwd)
export REGKIT_BIN=${REGKIT_BIN:-$here/../../build/bin} PYTHONDONTWRITEBYTECODE=1
python=${REGKIT_PYTHON:-/usr/bin/python3}
matrices=$data/motifs/JASPAR2020_CORE_vertebrates_nr.meme
test_arm=chr20:8,000,001-26,300,000

"$here/train.sh" "$data" "$work" >&2
[[ -e $work/untrained.safetensors ]] ||
    "$REGKIT_BIN/random_model" "$work/untrained.safetensors" strided-residual 1 chr20:63025520 CTCF.GM12878=TFBS

# A gapped k-mer SVM from PyPI, where that can be reached.
if [[ ! -e $work/gkmsvm.tsv ]]; then
    "$python" "$here/dsqtl.py" "$data" "$work" draw
    [[ -e $work/svm ]] || "$python" -m venv "$work/svm"
    if "$work/svm/bin/pip" install -q gkmsvm-lite > "$work/svm.log" 2>&1; then
        "$work/svm/bin/python" "$here/dnase_svm.py" "$data" "$work" >&2
    else
        echo "SKIPPED: gkmsvm-lite could not be installed from PyPI; its rows say so" >&2
    fi
fi

part() {  # name, command
    local name=$1
    shift
    [[ -e $work/$name.md ]] || { "$@" > "$work/$name.md.new" && mv "$work/$name.md.new" "$work/$name.md"; }
    cat "$work/$name.md"
    echo
}
motifs() {  # title, model, markers
    printf '## Motifs: %s\n\n' "$1"
    "$python" "$here/motifs.py" "$work/$2.safetensors" "$work/chr20.fa" "$test_arm" "$matrices" --bin "$REGKIT_BIN" --markers "$3" \
        2> "$work/motifs.log" > "$work/motifs.tsv" || { cat "$work/motifs.log" >&2; return 1; }
    awk -F'\t' -v OFS=' | ' '{ $1 = $1; print "| " $0 " |" } NR == 1 { for (i = 1; i <= NF; ++i) printf "|---"; print "|" }' "$work/motifs.tsv"
    echo
    grep '^# ' "$work/motifs.log" | cut -c 3-
}
part dsqtl "$python" "$here/dsqtl.py" "$data" "$work"
part attribution "$python" "$here/attribution.py" "$data" "$work"
part phase "$python" "$here/phase.py" "$data" "$work"
part motifs motifs "the model of 172 sets" right '*'
part motifs-untrained motifs "an untrained model" untrained 'CTCF*'
part motifs-shuffled motifs "peaks of CTCF laid elsewhere" shuffled '*'
