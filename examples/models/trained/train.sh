#!/usr/bin/env bash
# Makes the model that comes with the tools, and its card, from public data: half of human chromosome 20 (hg19) and 21 peak
# sets of the cell line GM12878 (ENCODE).
#   examples/models/trained/train.sh DATA WORK
# DATA: a folder with genome/hg19.chr20.fa.gz, markers.GM12878.tsv, a sheet of peak files, and JASPAR's motifs. WORK: where to work; what is
# there already is not made again. REGKIT_BIN: where the tools are. TIME: how long to train.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
data=$(cd "${1:?the folder of the data}" && pwd)
work=${2:?where to work}
export PATH=${REGKIT_BIN:-$here/../../../build/bin}:$PATH
time=${TIME:-15m}
name=gm12878-chr20
mkdir -p "$work"
cd "$work"

[[ -e chr20.fa ]] || { gzip -dc "$data/genome/hg19.chr20.fa.gz" > chr20.fa.new && mv chr20.fa.new chr20.fa; }
[[ -e $name.regds ]] || regds-build -f chr20.fa --sheet "$data/markers.GM12878.tsv" --train chr20:29,400,001-63,025,520 \
    --valid chr20:1-8,000,000 --test chr20:8,000,001-26,300,000 -o $name.regds
if [[ ! -e trained.safetensors ]]; then
    resume=()
    [[ ! -d trained.safetensors.part ]] || resume=(--resume)  # a run that was stopped
    regtrain -d $name.regds -a strided-residual --max-time "$time" --batch 4 --lr 2e-3 --schedule one-cycle --rc-augment \
        --seed 1 "${resume[@]}" -o trained.safetensors
fi
regmodel quantize trained.safetensors -o $name.safetensors
regeval -m $name.safetensors -d $name.regds -f chr20.fa --split test --bootstrap 200 --seed 1 --baselines \
    --motifs "$data/motifs/JASPAR2020_CORE_vertebrates_nr.meme" -o test.tsv
"$here/card.sh" $name.safetensors test.tsv > $name.md
cp $name.safetensors $name.md "$here"
