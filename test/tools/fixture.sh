#!/usr/bin/env bash
# The folder that every case starts in: a genome of two small contigs, peaks, a sheet, variants, a data set and a model.
set -euo pipefail

# Pseudo-random sequence, the same everywhere: contigs chr1 (60,000) and chr2 (30,000), 60 bases a line, some N and lower case.
awk 'function base() {state = (state * 1103515245 + 12345) % 2147483648; return substr("ACGT", int(state / 65536) % 4 + 1, 1)}
     function contig(name, bases,   i, line) {
         print ">" name " of the test"
         for (i = 0; i < bases; ++i) {
             line = line (name == "chr2" && i >= 12000 && i < 13000 ? "N" : base())
             if (length(line) == 60) {print (i % 6000 < 60 ? tolower(line) : line); line = ""}
         }
     }
     BEGIN {state = 7; contig("chr1", 60000); contig("chr2", 30000)}' > ref.fa

awk 'BEGIN {OFS = "\t"
            for (i = 0; i < 40; ++i) print "chr1", 500 + i * 1400, 700 + i * 1400 + i, "peak" i, 500, ".", 10.5, 4, 3.5, 90
            for (i = 0; i < 20; ++i) print "chr2", 300 + i * 1400, 450 + i * 1400, "peak" i, 1000, ".", 7, -1, -1, 75}' > a.narrowPeak
awk 'BEGIN {OFS = "\t"
            for (i = 0; i < 30; ++i) print "chr1", 100 + i * 1900, 900 + i * 1900
            for (i = 0; i < 15; ++i) print "chr2", 100 + i * 1900, 900 + i * 1900}' > b.bed
gzip -nc a.narrowPeak > a.narrowPeak.gz
{
    printf 'name\tclass\ttarget\tcell\tpeaks\n'
    printf 'CTCF.K562\tTFBS\tCTCF\tK562\ta.narrowPeak.gz\n'
    printf 'open.K562\tDNase\tDNase\tK562\tb.bed\n'
} > sheet.tsv

{
    printf '##fileformat=VCFv4.2\n##contig=<ID=chr1,length=60000>\n##contig=<ID=chr2,length=30000>\n'
    printf '##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n'
    awk '/^>/ {name = substr($1, 2); at = 0; next}
         {sequence[name] = sequence[name] toupper($0)}
         END {OFS = "\t"
              r = substr(sequence["chr1"], 20000, 1); print "chr1", 20000, "snv", r, r == "A" ? "G" : "A", ".", ".", "DP=7"
              r = substr(sequence["chr1"], 25000, 1); print "chr1", 25000, "insertion", r, r "ACG", ".", ".", "DP=8"
              r = substr(sequence["chr1"], 25010, 4); print "chr1", 25010, "deletion", r, substr(r, 1, 1), ".", ".", "DP=9"
              r = substr(sequence["chr2"], 5000, 1); print "chr2", 5000, "multi", r, (r == "A" ? "C" : "A") ",<DEL>," (r == "T" ? "G" : "T"), ".", ".", "."}' ref.fa
} > in.vcf

regds-build -f ref.fa --sheet sheet.tsv --window 5000 --valid chr1:1-10000 --test chr2:1-30000 --no-version -o small.regds
rm -f ref.fa.fai
cp "$TEST_TOOLS/data/tiny.safetensors" model.safetensors 2> /dev/null || true
