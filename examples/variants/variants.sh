#!/usr/bin/env bash
# From a VCF to a ranked table and pictures: which variants change what the model predicts, how many random ones do so as much,
# which bases around them matter, and what it looks like.
#   examples/variants/variants.sh VCF REF DIRECTORY
# What may be said otherwise in the environment: MODEL, a model file or the name of one that comes with the tools; MARKERS, as
# -k has them (all); COUNT, random variants to compare with (20000), out of REGION (all of REF); TOP, variants to draw (3); WIDTH,
# bases around them that are mutated (100); MOTIFS, where sites are searched for motifs (the contig of the first variant; none);
# COLLECTION, MEME text that motifs are compared with. REGKIT_BIN: where the tools are, when they are not in PATH.
# Needs bcftools; pictures need Python with matplotlib, without which the tables are made all the same.
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
export PATH=${REGKIT_BIN:+$REGKIT_BIN:}$PATH
vcf=$(realpath "${1:?the VCF}")
reference=$(realpath "${2:?the reference, FASTA}")
directory=${3:?where to write}
model=${MODEL:-gm12878-chr20}
# In a source tree the model that comes with the tools lies beside this folder.
[[ -e $model || ! -e $here/../models/trained/$model.safetensors ]] || model=$here/../models/trained/$model.safetensors
[[ ! -e $model ]] || model=$(realpath "$model")
with=(-m "$model" -f "$reference")
[[ -z ${MARKERS:-} ]] || with+=(-k "$MARKERS")
top=${TOP:-3} width=${WIDTH:-100}
mkdir -p "$directory"
cd "$directory"

say() { printf '\n%s\n' "$*"; }
picture() {  # NAME WORDS...: what follows does without it where matplotlib is missing
    local name=$1 code=0
    shift
    regplot "$@" -o "$name.png" || code=$?
    ((code == 0)) || echo "no $name.png: the line above says why"
}

say "1. Does the VCF fit the reference?"
fits=0
regsnp check -m "$model" -f "$reference" "$vcf" > check.tsv || fits=$?
grep -E '^(records|ref_same|ref_differs|alleles|scored|annotate)	' check.tsv || true
((fits == 0)) || exit "$fits"

say "2. Random variants, to compare with"
if [[ -e background.tsv.gz ]]; then
    echo "background.tsv.gz is there already"
else
    regsnp background "${with[@]}" ${REGION:+-r "$REGION"} -n "${COUNT:-20000}" -o background.tsv.gz
fi

say "3. What each allele changes"
regsnp annotate "${with[@]}" --background background.tsv.gz --top 3 -o scored.vcf.gz "$vcf"
bcftools index -ft scored.vcf.gz || echo "scored.vcf.gz has no index: the line above says why"

# One row an allele; the rarer among random variants the higher, and of equals the larger change.
columns='%CHROM\t%POS\t%ID\t%REF\t%ALT\t%REG_Q\t%REG_QM\t%REG_MARKER\t%REG_DELTA\t%REG_POS\t%REG_REF\t%REG_ALT\t%REG_GAIN\t%REG_LOSS\n'
{
    printf 'rank\tchrom\tpos\tid\tref\talt\tq\tq_of_its_kind\tmarker\tdelta_logit\tat\tp_ref\tp_alt\tgained\tlost\n'
    bcftools norm -m -any scored.vcf.gz | bcftools query -f "$columns" |
        awk -F '\t' -v OFS='\t' '$6 != "." {print $6, $9 < 0 ? -$9 : $9, $0}' | sort -k1,1g -k2,2gr -s | cut -f 3- |
        awk -v OFS='\t' '{print NR, $0}'
} > ranked.tsv
say "The first of $(($(wc -l < ranked.tsv) - 1)) alleles (all in ranked.tsv)"
head -n $((top + 1)) ranked.tsv | column -t -s $'\t' -o '  '
[[ $(wc -l < ranked.tsv) -gt 1 ]] || { echo "no allele has a score: check.tsv says why"; exit 3; }

say "4. The bases around them, and both alleles"
rm -f top.*
# What each of them is worth to the prediction where the variant changes it most.
while IFS=$'\t' read -r rank chrom pos id ref alt _ _ marker _ at _; do
    name=top.$rank
    place=$chrom:$((pos + at))-$((pos + at))
    begin=$((pos - width / 2 > 1 ? pos - width / 2 : 1))
    regsnp ism -m "$model" -f "$reference" -k "$marker" -r "$chrom:$begin-$((pos + width / 2))" --target "$place" \
        -o "$name.ism.matrix.tsv"
    what="$marker around $([[ $id == . ]] && echo "$chrom:$pos $ref>$alt" || echo "$id")"
    picture "$name.ism" ism "$name.ism.matrix.tsv" --title "$what"
    picture "$name.variant" variant --by logit -m "$model" -f "$reference" "$chrom:$pos:$ref:$alt"
done < <(sed 1d ranked.tsv | head -n "$top")

say "5. The neighbourhood of the first, and what its marker looks for"
IFS=$'\t' read -r _ chrom pos _ _ _ _ _ marker _ < <(sed -n 2p ranked.tsv)
around=$chrom:$((pos > 25000 ? pos - 25000 : 1))-$((pos + 25000))
regcall -m "$model" -f "$reference" -r "$around" -k "$marker" -o calls.narrowPeak -o '{marker}.bw'
variants=()
[[ ! -e scored.vcf.gz.tbi ]] || variants=(scored.vcf.gz)
picture locus locus -r "$around" ./*.bw calls.narrowPeak "${variants[@]}"
if [[ ${MOTIFS:=$chrom} != none ]]; then
    rm -f found.meme
    regsnp motifs -m "$model" -f "$reference" -k "$marker" -r "$MOTIFS" -o found.meme --sites found.bed ||
        { code=$?; ((code == 3)) || exit $code; }  # a marker without a site there
    if grep -qs ^MOTIF found.meme; then
        picture motifs motifs found.meme ${COLLECTION:+--collection "$COLLECTION"}
    else
        echo "no motif of $marker: the lines above say why"
        rm -f found.meme found.bed
    fi
fi

say "6. One page of all that"
# With model and reference beside them it shows both alleles of the strongest too.
for file in "$model" "$reference" "$reference".fai "$reference".gzi; do
    [[ ! -e $file || -e $(basename "$file") ]] || ln -s "$file" .
done
regplot report -r "$around" . || echo "no index.html: the line above says why"
say "In $(pwd): ranked.tsv, scored.vcf.gz, index.html and pictures of the first $top."
