#!/usr/bin/env bash
# The marker sheet of the paper's 919 sets, on standard output, from what download.sh fetched:
#   sheet.sh FOLDER > sheet.tsv
# FOLDER holds tfbs/files.txt and dnase/files.txt, UCSC's tables of a file name and its metadata ("key=value; ..."). The histone
# sets are those of histone.tsv. The counts are checked: 690, 125 and 104; another count is an error.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:?usage: sheet.sh FOLDER}

# Rows of one files.txt: name, class, target, cell, path. The name is the track's, which is unique where cell and target are not.
uniform() {  # subfolder, class, prefix of the track names, target where the metadata name none
    awk -F'\t' -v OFS='\t' -v folder="$1" -v class="$2" -v prefix="$3" -v default_target="$4" '
        function value(key,   i) {
            for (i = 1; i <= pairs; ++i) if (index(pair[i], key "=") == 1) return substr(pair[i], length(key) + 2)
            return ""
        }
        function fail(what) {print FILENAME ":" FNR ": " what > "/dev/stderr"; failed = 1; exit 3}
        $1 !~ /UniPk\.narrowPeak\.gz$/ {next}
        {
            pairs = split($2, pair, /; */)
            cell = value("cell")
            target = value("antibody")
            if (cell == "") fail("no cell in the metadata of " $1)
            if (target == "") target = default_target
            if (target == "") fail("no antibody in the metadata of " $1)
            sub(/_\(.*/, "", target)  # "CTCF_(SC-5916)": which antibody is not which factor
            name = $1
            sub("^" prefix, "", name)
            sub(/UniPk\.narrowPeak\.gz$/, "", name)
            treatment = value("treatment")
            print class "." name, class, target (treatment != "" && treatment != "None" ? " " treatment : ""), cell, folder "/" $1
        }
        END {exit failed}' "$folder/$1/files.txt"
}

histone() {
    awk -F'\t' -v OFS='\t' 'NR > 1 {
        marks = split($3, mark, " ")
        for (i = 1; i <= marks; ++i)
            print "Histone." $1 "-" mark[i], "Histone", mark[i], $2, "histone/" $1 "-" mark[i] ".narrowPeak.gz"}' "$here/histone.tsv"
}

counted() {  # number, what: passes its input on
    awk -v wanted="$1" -v what="$2" '{print} END {if (NR != wanted) {print what ": " NR " sets, not " wanted > "/dev/stderr"; exit 3}}'
}

printf 'name\tclass\ttarget\tcell\tpeaks\n'
uniform tfbs TFBS wgEncodeAwgTfbs "" | counted 690 tfbs/files.txt
histone | counted 104 histone.tsv
uniform dnase DNase wgEncodeAwgDnase DNase | counted 125 dnase/files.txt
