#!/usr/bin/env bash
# Fetches the 919 peak sets (about 0.5 GB) and the genome hg19 into a folder:
#   download.sh FOLDER              what is there already is not fetched again
#   download.sh --dry-run FOLDER    prints the addresses; needs tfbs/files.txt and dnase/files.txt in the folder
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
ucsc=https://hgdownload.soe.ucsc.edu/goldenPath/hg19
roadmap=https://egg2.wustl.edu/roadmap/data/byFileType/peaks/consolidated/narrowPeak
dry=
[[ ${1:-} == --dry-run ]] && { dry=yes; shift; }
folder=${1:?usage: download.sh [--dry-run] FOLDER}

fetch() {  # address, file
    if [[ -n $dry ]]; then
        echo "$1"
    elif [[ ! -s $2 ]]; then
        mkdir -p "$(dirname "$2")"
        curl --fail --silent --show-error --location --retry 5 --output "$2.part" "$1"
        mv "$2.part" "$2"
    fi
}

address_of() {  # path in the sheet
    case $1 in
        tfbs/*) echo "$ucsc/encodeDCC/wgEncodeAwgTfbsUniform/${1#tfbs/}" ;;
        dnase/*) echo "$ucsc/encodeDCC/wgEncodeAwgDnaseUniform/${1#dnase/}" ;;
        histone/*) echo "$roadmap/${1#histone/}" ;;
    esac
}

fetch "$ucsc/bigZips/hg19.fa.gz" "$folder/hg19.fa.gz"
fetch "$ucsc/encodeDCC/wgEncodeMapability/wgEncodeDacMapabilityConsensusExcludable.bed.gz" "$folder/mask/dac.bed.gz"
fetch "$ucsc/encodeDCC/wgEncodeMapability/wgEncodeDukeMapabilityRegionsExcludable.bed.gz" "$folder/mask/duke.bed.gz"
fetch "$ucsc/encodeDCC/wgEncodeAwgTfbsUniform/files.txt" "$folder/tfbs/files.txt"
fetch "$ucsc/encodeDCC/wgEncodeAwgDnaseUniform/files.txt" "$folder/dnase/files.txt"

sheet=$("$here/sheet.sh" "$folder")
[[ -n $dry ]] || printf '%s\n' "$sheet" > "$folder/sheet.tsv"
tail -n +2 <<< "$sheet" | cut -f5 | while read -r path; do
    fetch "$(address_of "$path")" "$folder/$path"
done
[[ -n $dry ]] && exit

# UCSC gives an MD5 for each of its files; a gzip that is cut is found by regds-build too.
for part in tfbs dnase; do
    (cd "$folder/$part" && sed -nE 's/^([^\t]*UniPk\.narrowPeak\.gz)\t.*md5sum=([0-9a-f]{32}).*/\2  \1/p' files.txt | md5sum --quiet --check -)
done
echo "$(($(wc -l < "$folder/sheet.tsv") - 1)) sets in $folder/sheet.tsv"
