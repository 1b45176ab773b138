#!/usr/bin/env bash
# Trains the models that `make truth` asks, on opposite arms of chromosome 20, so that each variant and each site is judged by a
# model that has not seen its neighbourhood.
#   train.sh DATA WORK
# right    all sets of DATA's sheet, trained on the long arm (29.4-63.0 Mb), validated on 1-8 Mb
# left     the sets of GM12878, trained on 4-26.3 Mb, validated on 1-4 Mb
# shuffled CTCF alone, its peaks laid elsewhere: what a model finds where there is nothing to learn
# What is in WORK already is not made again; a run that was stopped goes on. Minutes: RIGHT (28), LEFT (20), SHUFFLED (5) of
# all processors. REGKIT_BIN: where the tools are.
set -euo pipefail
data=$(cd "${1:?the folder of the data}" && pwd)
work=${2:?where to work}
bin=${REGKIT_BIN:?where the tools are}
mkdir -p "$work"
cd "$work"

[[ -e chr20.fa ]] || { gzip -dc "$data/genome/hg19.chr20.fa.gz" > chr20.fa.new && mv chr20.fa.new chr20.fa; }

# Lengths and number of the peaks stay, places are drawn, of known bases.
if [[ ! -e shuffled.bed ]]; then
    printf 'chr20\t63025520\n' > chr20.sizes
    printf 'chr20\t0\t60000\nchr20\t26300000\t29400000\n' > unknown.bed
    peaks=$(awk -F'\t' '$1 == "CTCF.GM12878" { print $5 }' "$data/markers.GM12878.tsv")
    gzip -dc "$data/$peaks" | bedtools shuffle -i - -g chr20.sizes -excl unknown.bed -seed 1 -noOverlapping |
        sort -k1,1 -k2,2n | cut -f 1-3 > shuffled.bed.new
    mv shuffled.bed.new shuffled.bed
    printf 'name\tclass\ttarget\tcell\tpeaks\nCTCF.shuffled\tTFBS\tCTCF\tGM12878\t%s\n' "$PWD/shuffled.bed" > shuffled.tsv
fi

right=(--train chr20:29,400,001-63,025,520 --valid chr20:1-8,000,000 --test chr20:8,000,001-26,300,000)
left=(--train chr20:4,000,001-26,300,000 --valid chr20:1-4,000,000 --test chr20:29,400,001-63,025,520)
[[ -e right.regds ]] || "$bin/regds-build" -f chr20.fa --sheet "$data/markers.tsv" "${right[@]}" -o right.regds
[[ -e left.regds ]] || "$bin/regds-build" -f chr20.fa --sheet "$data/markers.GM12878.tsv" "${left[@]}" -o left.regds
[[ -e shuffled.regds ]] || "$bin/regds-build" -f chr20.fa --sheet shuffled.tsv "${right[@]}" -o shuffled.regds

train() {  # name, minutes
    local resume=()
    [[ -e $1.safetensors ]] && return
    [[ ! -d $1.safetensors.part ]] || resume=(--resume)
    "$bin/regtrain" -d "$1.regds" -f chr20.fa -a strided-residual --max-time "$2m" --batch 4 --lr 2e-3 --schedule one-cycle \
        --rc-augment --precision bf16 --seed 1 "${resume[@]}" -o "$1.safetensors"
}
train right "${RIGHT:-28}"
train left "${LEFT:-20}"
train shuffled "${SHUFFLED:-5}"
