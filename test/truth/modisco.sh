#!/usr/bin/env bash
# Whether the motifs of regsnp motifs are those that tfmodisco-lite finds in our arrays, and whether finemo reads these: on CTCF,
# by hand, with programs from PyPI in a virtual environment. Never part of CI.
#   test/truth/modisco.sh DATA WORK
# DATA: a folder with genome/hg19.chr20.fa.gz, markers.tsv with its peaks, and JASPAR's motifs. WORK: where to work; what is there
# already is not made again: chr20.fa, ctcf.safetensors (a model that is trained for TIME, 5m, on all CTCF experiments right of the
# centromere), and the virtual environments modisco and finemo. REGKIT_BIN: where the tools are.
# Exit 77 where PyPI is out of reach; 1 where a program cannot read our arrays, or where CTCF is not what both find.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
data=$(cd "${1:?the folder of the data}" && pwd)
work=${2:?where to work}
bin=$(cd "${REGKIT_BIN:-$here/../../build/bin}" && pwd)
export PATH=$bin:$PATH
python=${REGKIT_PYTHON:-/usr/bin/python3}
motifs=$data/motifs/JASPAR2020_CORE_vertebrates_nr.meme
mkdir -p "$work"
cd "$work"

[[ -e chr20.fa ]] || { gzip -dc "$data/genome/hg19.chr20.fa.gz" > chr20.fa.new && mv chr20.fa.new chr20.fa; }
if [[ ! -e ctcf.safetensors ]]; then
    awk -F '\t' -v OFS='\t' -v folder="$data/" '$3 == "CTCF" {$5 = folder $5} NR == 1 || $3 == "CTCF"' "$data/markers.tsv" > ctcf.tsv
    [[ -e ctcf.regds ]] || regds-build -f chr20.fa --sheet ctcf.tsv --target bin --window 600 --keep-if all \
        --train chr20:29,400,001-63,025,520 --valid chr20:1-8,000,000 -o ctcf.regds
    regtrain -d ctcf.regds -a "$here/ctcf.json" --max-time "${TIME:-5m}" --batch 64 --lr 2e-3 --schedule one-cycle --rc-augment \
        --seed 1 -o ctcf.safetensors
fi

if [[ ! -e modisco/installed ]]; then
    "$python" -m venv modisco
    if ! modisco/bin/pip install -q 'modisco-lite>=3,<4' > pip.log 2>&1; then
        echo "SKIPPED: tfmodisco-lite could not be installed from PyPI; nothing was compared:"
        tail -n 3 pip.log
        exit 77
    fi
    touch modisco/installed
fi
# It needs PyTorch, which is large: Debian's, and beside that what it names of smaller packages.
if [[ ! -e finemo/installed ]]; then
    "$python" -m venv --system-site-packages finemo
    finemo/bin/pip install -q polars jaxtyping numba h5py hdf5plugin tqdm pyfaidx jinja2 pyBigWig >> pip.log 2>&1 &&
        finemo/bin/pip install -q --no-deps finemo >> pip.log 2>&1 && touch finemo/installed ||
        echo "finemo could not be installed from PyPI (pip.log): it is left out"
fi

regions=chr20:8,000,001-26,300,000
marker=CTCF.GM12878
regsnp motifs -m ctcf.safetensors -f chr20.fa -r $regions -k $marker -o ours.meme --sites ours.bed
regsnp grad -m ctcf.safetensors -f chr20.fa -r $regions -k $marker --sites --width 400 -o ctcf.npz --modisco
modisco/bin/modisco motifs -s ctcf.ohe.npz -a ctcf.shap.npz -n 2000 -w 400 -o ctcf.h5
modisco/bin/modisco meme -i ctcf.h5 -o theirs.meme -t PFM

if [[ -e finemo/installed ]]; then
    finemo/bin/finemo call-hits -r ctcf.npz -m ctcf.h5 -o hits
    echo "finemo: $(($(wc -l < hits/hits.tsv) - 1)) hits of $(tail -n +2 hits/hits.tsv | cut -f 6 | sort -u | wc -l) patterns"
fi

# Both first motifs, beside CTCF's matrix and beside each other.
"$python" - "$here/../../tools" "$motifs" <<'PYTHON'
import sys

sys.path.insert(0, sys.argv[1])
from regplot import motifs as motif

ours, theirs, known = (motif.read(path)[0] for path in ("ours.meme", "theirs.meme", sys.argv[2]))
ctcf = [each for each in known if each.name == "MA0139.1"]
print("motif", "sites", "columns", "closest of the collection", "r", "r with MA0139.1", "r with our first", sep="\t")
scores = {}
for whose, found in (("ours", ours), ("modisco", theirs)):
    for each in found:
        best, own, first = (motif.best_by_correlation(each, some) for some in (known, ctcf, ours[:1]))
        scores.setdefault(whose, []).append((own.score, first.score))
        print(f"{whose} {each.name}", each.sites, len(each.matrix), best.motif.label(), f"{best.score:.2f}", f"{own.score:.2f}", f"{first.score:.2f}", sep="\t")
agree = scores["ours"][0][0] >= 0.8 and max(own for own, _ in scores["modisco"]) >= 0.7 and max(first for _, first in scores["modisco"]) >= 0.8
sys.exit(None if agree else "CTCF is not what both find")
PYTHON
