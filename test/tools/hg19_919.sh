#!/usr/bin/env bash
# A dry run of examples/hg19-919: the addresses and the sheet from tables like UCSC's, their counts, and regds-build on the sheet.
set -euo pipefail
recipe=$REGKIT_SOURCE/examples/hg19-919
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() {
    echo "FAILED: $*"
    exit 1
}

mkdir -p data/tfbs data/dnase data/histone
for i in $(seq 690); do
    printf 'wgEncodeAwgTfbsLabCell%dCtcfUniPk.narrowPeak.gz\tproject=wgEncode; lab=Lab; cell=Cell%d; treatment=None; antibody=CTCF_(SC-5916); type=narrowPeak; size=1K\n' "$i" "$i"
done > data/tfbs/files.txt
for i in $(seq 125); do
    printf 'wgEncodeAwgDnaseLabCell%dUniPk.narrowPeak.gz\tproject=wgEncode; lab=Lab; cell=Cell%d; treatment=UT189; type=narrowPeak; size=1K\n' "$i" "$i"
done > data/dnase/files.txt
printf 'md5sum.txt\tsize=1K\n' >> data/dnase/files.txt

"$recipe/sheet.sh" data > data/sheet.tsv
[[ $(tail -n +2 data/sheet.tsv | cut -f2 | sort | uniq -c | awk '{print $2 $1}' | xargs) == "DNase125 Histone104 TFBS690" ]] ||
    fail "the classes' counts"
[[ $(tail -n +2 data/sheet.tsv | cut -f1 | sort -u | wc -l) == 919 ]] || fail "names are not unique"
awk -F'\t' 'NF != 5 {exit 1}' data/sheet.tsv || fail "a row has not five columns"
grep -q $'^TFBS.LabCell1Ctcf\tTFBS\tCTCF\tCell1\ttfbs/wgEncodeAwgTfbsLabCell1CtcfUniPk.narrowPeak.gz$' data/sheet.tsv || fail "a TFBS row"
grep -q $'^DNase.LabCell2\tDNase\tDNase UT189\tCell2\t' data/sheet.tsv || fail "a DNase row"
grep -q $'^Histone.E003-H2A.Z\tHistone\tH2A.Z\tH1-hESC\thistone/E003-H2A.Z.narrowPeak.gz$' data/sheet.tsv || fail "a histone row"

"$recipe/download.sh" --dry-run data > addresses
[[ $(wc -l < addresses) == $((919 + 5)) && $(sort -u addresses | wc -l) == $((919 + 5)) ]] || fail "the number of addresses"
grep -qvE '^https://[a-z0-9.]+/[A-Za-z0-9_/.+-]+$' addresses && fail "an address looks odd: $(grep -vE '^https://[a-z0-9.]+/[A-Za-z0-9_/.+-]+$' addresses | head -n 1)"

# A table that has changed is noticed.
sed -i 1d data/tfbs/files.txt
"$recipe/sheet.sh" data > changed.tsv 2> errors && fail "689 sets pass"
grep -q 'tfbs/files.txt: 689 sets, not 690' errors || fail "689 sets are not named"

# regds-build takes such a sheet.
awk 'BEGIN {print ">chr1"; for (i = 0; i < 400; ++i) print "ACGTTGCATGACCTGATCCGTTAGCATGCATTGCACCGTATGACTGCATGCATCGTAGCAA"}' > ref.fa
tail -n +2 data/sheet.tsv | cut -f5 | while read -r path; do
    printf 'chr1\t%d\t%d\t.\t0\t.\t1\t-1\t-1\t20\n' $((RANDOM % 20000)) $((20000 + RANDOM % 4000)) | gzip -c > "data/$path"
done
"$REGKIT_BIN/regds-build" -f ref.fa --sheet data/sheet.tsv --window 2000 -o all.regds 2> errors || fail "$(cat errors)"
[[ $(tail -n +2 all.regds/markers.tsv | wc -l) == 919 ]] || fail "the data set has not 919 markers"
