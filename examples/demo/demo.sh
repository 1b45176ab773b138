#!/usr/bin/env bash
# The whole way, on real data, in ten minutes on two cores: human chromosome 20 (hg19) and the DNase I hypersensitive sites
# of many cell types, both out of Debian packages. What is already made is not made again.
#   examples/demo/demo.sh [--data] [DIRECTORY]     default: demo; --data: the data alone
# REGKIT_BIN: where the tools are (default: build/bin of this source tree). MAX_TIME: how long to train (default 4m); where
# it is given and the model that is there was trained for another time, the model and what follows from it are made anew.
set -euo pipefail
source_dir=$(cd "$(dirname "$0")/../.." && pwd)
bin=${REGKIT_BIN:-$source_dir/build/bin}
data_alone=
if [[ ${1:-} == --data ]]; then
    data_alone=yes
    shift
fi
max_time=${MAX_TIME:-4m}
export PATH=$bin:$PATH
mkdir -p "${1:-demo}"
cd "${1:-demo}"

held_out=chr20:8,000,001-26,300,000  # the test arm: never trained on
region=chr20:25,000,001-25,500,000   # a part of it, for the tracks
started=$SECONDS

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

# step OUTPUT COMMAND...: runs the command unless the output is there. It has to make the output under its final name last.
step() {
    local output=$1
    shift
    if [[ -e $output ]]; then
        echo "$output is there already"
    else
        "$@"
    fi
}

fetch() {  # package, file inside it
    local work
    work=$(mktemp -d ./fetch.XXXXXX)
    chmod 755 "$work"
    (
        cd "$work"
        apt-get -qq download "$1" 2> errors ||
            { echo "Fetching the list of packages" && if [[ $(id -u) == 0 ]]; then apt-get -qq update; else sudo apt-get -qq update; fi &&
              apt-get -qq download "$1"; }
        dpkg-deb -x ./*.deb .
    )
    mv "$work/usr/share/doc/$2" "$(basename "$2")"
    rm -rf "$work"
}

make_reference() {  # the package calls the contig 20, the peaks call it chr20
    gzip -dc 20.fa.gz | sed '1s/.*/>chr20/' > chr20.fa.new
    mv chr20.fa.new chr20.fa
}

make_markers() {  # "MCV-n": accessible in n cell types. Three markers, each a subset of the one before.
    gzip -dc Frequencies-DHSs.bed.starch.gz > sites.starch
    unstarch chr20 sites.starch > sites.bed
    local least name
    printf 'name\tclass\ttarget\tcell\tpeaks\n' > markers.new
    for least in 1 10 50; do
        name=open.in.$least
        awk -v least="$least" -v OFS='\t' '{split($4, n, "-"); if (n[2] >= least) print $1, $2, $3}' sites.bed > "$name.bed"
        printf '%s\tDNase\taccessible in %s or more cell types\tany\t%s.bed\n' "$name" "$least" "$name" >> markers.new
    done
    rm sites.starch sites.bed
    mv markers.new markers.tsv
}

# 1000 Genomes' small insertions and deletions (in the package vt-examples), and the variants of genome-wide association
# studies (in bedops-doc). The latter list has no alleles: REF is read from the sequence, ALT is the transition (A-G, C-T).
make_variants() {
    gzip -dc Frequencies-SNPs.bed.starch.gz > snps.starch
    unstarch chr20 snps.starch | cut -f1-5 | sort -k2,2n -u > snps.bed
    {
        gzip -dc 01_IN.vcf.gz | awk -F'\t' -v OFS='\t' '!/^#/ {print "chr20", $2, $3, $4, $5, ".", "PASS", "SOURCE=1000G"}'
        awk -F'\t' -v OFS='\t' '
            NR == FNR {position[++count] = $3; name[count] = $4; trait[count] = $5; next}
            /^>/ {next}
            {
                while (next_one < count && position[next_one + 1] <= passed + length($0)) {
                    ++next_one
                    ref = toupper(substr($0, position[next_one] - passed, 1))
                    alt = ref == "A" ? "G" : ref == "G" ? "A" : ref == "C" ? "T" : "C"
                    gsub(/[^A-Za-z0-9_.-]/, "_", trait[next_one])
                    print "chr20", position[next_one], name[next_one], ref, alt, ".", "PASS", "SOURCE=GWAS;TRAIT=" trait[next_one]
                }
                passed += length($0)
            }' snps.bed chr20.fa
    } | sort -k2,2n > variants.body
    {
        printf '##fileformat=VCFv4.2\n##contig=<ID=chr20,length=63025520>\n##FILTER=<ID=PASS,Description="All filters passed">\n'
        printf '##INFO=<ID=SOURCE,Number=1,Type=String,Description="1000G: an indel of the 1000 Genomes; GWAS: an associated position">\n'
        printf '##INFO=<ID=TRAIT,Number=1,Type=String,Description="Trait that the position is associated with">\n'
        printf '#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n'
        cat variants.body
    } > variants.new
    rm snps.starch snps.bed variants.body
    mv variants.new variants.vcf
}

say "1. Data: human chromosome 20 and DNase I hypersensitive sites, from Debian's packages"
step 20.fa.gz fetch vt-examples vt/examples/ref/20.fa.gz
step 01_IN.vcf.gz fetch vt-examples vt/examples/normalize/01_IN.vcf.gz
step Frequencies-DHSs.bed.starch.gz fetch bedops-doc bedops/html/_static/usage-examples/Frequencies-DHSs.bed.starch.gz
step Frequencies-SNPs.bed.starch.gz fetch bedops-doc bedops/html/_static/usage-examples/Frequencies-SNPs.bed.starch.gz
step chr20.fa make_reference
step markers.tsv make_markers
step variants.vcf make_variants
[[ -z $data_alone ]] || exit 0

say "2. regds-build: windows, splits and labels"
step chr20.regds regds-build -f chr20.fa --sheet markers.tsv --valid chr20:1-8,000,000 --test $held_out -o chr20.regds

# Accessibility is a matter of short motifs: for DNase markers the preset cnn7 is the equal of the dilated ones, and sooner.
say "3. regtrain: convolutions, $max_time"
if [[ -n ${MAX_TIME:-} && -e model.safetensors && $(cat trained.for 2> /dev/null || echo unknown) != "$MAX_TIME" ]]; then
    echo "model.safetensors was trained for another time: it is made anew"
    rm -f model.safetensors test.tsv test.curves.tsv igv.xml calls.narrowPeak open.in.*.bw* variants.scored.vcf effects.matrix.tsv
fi
train() {
    local resume=()
    [[ ! -d model.safetensors.part ]] || resume=(--resume)  # a run that was stopped
    regtrain -d chr20.regds -a cnn7 --max-time "$max_time" --batch 4 --schedule cosine --valid-fraction 0.25 --seed 1 \
        "${resume[@]}" -o model.safetensors
    echo "$max_time" > trained.for
}
step model.safetensors train

say "4. regeval: the held-out arm $held_out"
step test.curves.tsv regeval -m model.safetensors -d chr20.regds --split test -o test.tsv --curves test.curves.tsv

say "5. regcall: peaks and tracks of $region"
step igv.xml regcall -m model.safetensors -f chr20.fa -r $region -o calls.narrowPeak -o '{marker}.bw' --igv igv.xml

say "6. regsnp: what variants change"
step variants.scored.vcf regsnp -m model.safetensors -f chr20.fa -o variants.scored.vcf variants.vcf
effects() {  # of every substitution around the summit of the strongest site
    local site
    site=$(grep -v '^#' calls.narrowPeak | sort -k7,7gr | awk -F'\t' 'NR == 1 {print $1 ":" $2 + $10 - 58 "-" $2 + $10 + 61 " " $4}')
    if [[ -z $site ]]; then
        echo "no site was called in $region, so that there is none to look into"
    else
        regsnp ism -m model.safetensors -f chr20.fa -r "${site% *}" -k "${site#* }" -o effects.matrix.tsv
    fi
}
step effects.matrix.tsv effects

say "7. regplot: pictures of all that"
pictures() {
    local code=0
    regplot report --genome hg19 . || code=$?
    # Pictures are what the demo can do without, where Python or matplotlib is missing.
    ((code == 0 || code == 1 || code == 127)) || exit $code
    ((code == 0)) || echo "No pictures: the line above says why."
}
pictures

say "The test arm, by marker (average precision of chance is the prevalence)"
awk -F'\t' 'NR == 1 {for (i = 1; i <= NF; ++i) column[$i] = i; printf "%-14s %10s %10s %12s %8s\n", "marker", "ROC AUC", "avg. prec.", "prevalence", "ratio"; next}
            {printf "%-14s %10.3f %10.4f %12.4f %8.1f\n", $column["marker"], $column["roc_auc"], $column["average_precision"], $column["prevalence"], $column["ap_over_prevalence"]}' test.tsv

say "The five variants with the largest effect"
printf '%-10s %-14s %-6s %-12s %10s  %s\n' position id REF ALT change marker
awk -F'\t' '!/^#/ {delta = marker = ""
                   n = split($8, info, ";")
                   for (i = 1; i <= n; ++i) {
                       if (info[i] ~ /^REG_DELTA=/) delta = substr(info[i], 11)
                       if (info[i] ~ /^REG_MARKER=/) marker = substr(info[i], 12)
                   }
                   if (delta != "" && delta != ".") print (delta < 0 ? -delta : delta) "\t" $2 "\t" $3 "\t" $4 "\t" $5 "\t" delta "\t" marker}' \
    variants.scored.vcf | sort -k1,1gr |
    awk -F'\t' 'NR <= 5 {printf "%-10s %-14s %-6s %-12s %+10.4f  %s\n", $2, $3, $4, substr($5, 1, 12), $6, $7}'

say "What you have now, in $(pwd)"
cat << END
  model.safetensors     the model; training log beside it
  test.tsv              its metrics on sequence it has never seen
  calls.narrowPeak      called intervals: $(grep -vc '^#' calls.narrowPeak || true) in $region
  open.in.*.bw          probability tracks
  igv.xml               both, to look at: open it in IGV
  effects.matrix.tsv    what every substitution near the strongest site would change
  index.html            pictures of all that, where matplotlib is installed: open it in a browser
  variants.scored.vcf   $(grep -vc '^#' variants.scored.vcf) variants with REG_* scores

Next: train longer (run this again with MAX_TIME=1h), give regds-build peaks of your own (--sheet), and read
man regkit. The recipe of all 919 marker sets of the paper is in examples/hg19-919.
This took $((SECONDS - started)) s.
END
