#!/usr/bin/env bash
# regsnp annotate from the outside: bcftools and tabix read what it writes, records stay as they were, bad input ends with
# the right exit code and leaves no file.
set -euo pipefail
bin=${REGKIT_BIN:?} data=${REGKIT_DATA:?} source=${REGKIT_SOURCE:?}
for tool in bcftools tabix bgzip samtools; do
    command -v $tool > /dev/null || { echo "SKIPPED: $tool is not installed"; exit 77; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0
fail() { echo "FAILED: $*"; failed=1; }
same() { cmp -s "$1" "$2" || { fail "$3"; diff "$1" "$2" | head -5 || true; }; }

# ---- a small world: two contigs, a model of three markers, a VCF with every kind of allele
awk 'BEGIN {srand(3); for (c = 1; c <= 2; ++c) {print ">chr" c; n = c == 1 ? 6000 : 777; s = "";
     for (i = 0; i < n; ++i) s = s substr("ACGT", 1 + int(4 * rand()), 1); print s}}' > ref.fa
samtools faidx ref.fa
cat > tiny.json <<'END'
{"name": "tiny", "window": 500, "dropout": 0, "layers": [
  {"name": "embed", "type": "embedding", "filters": 4},
  {"name": "conv1", "type": "conv", "filters": 8, "width": 10, "stride": 10, "relu": true},
  {"name": "conv2", "type": "conv", "filters": 6, "width": 5, "dilation": 3, "relu": true},
  {"name": "up", "type": "up_conv", "filters": 5, "stride": 10, "relu": true},
  {"name": "dense1", "type": "dense", "filters": 7, "relu": true}, {"name": "dense2", "type": "dense"}]}
END
"$bin/random_model" m.safetensors tiny.json 2.5 chr1:6000 CTCF=TFBS 'H3_K4=Histone mark' GATA1=TFBS
base() { samtools faidx ref.fa "$1:$2-$3" | tail -n +2 | tr -d '\n'; }
other() { echo "$1" | tr ACGT CGTA; }
{
    printf '##fileformat=VCFv4.2\n##contig=<ID=chr1,length=6000>\n##contig=<ID=chr2,length=777>\n'
    printf '##INFO=<ID=AC,Number=A,Type=Integer,Description="count">\n##INFO=<ID=REG_MAX,Number=A,Type=Float,Description="Largest absolute change of a predicted marker probability here">\n'
    printf '##INFO=<ID=REG_D_gone,Number=A,Type=Float,Description="Change of largest magnitude among the 1 markers of class gone">\n'
    printf '##INFO=<ID=REG_mine,Number=1,Type=Float,Description="another tool">\n##regsnpVersion=0.0.9\n##FORMAT=<ID=GT,Number=1,Type=String,Description="genotype">\n'
    printf '##ALT=<ID=DEL,Description="deletion">\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts1\n'
    row() { printf '%s\t%s\t%s\t%s\t%s\t.\tPASS\t%s\tGT\t0/1\n' "$@"; }
    a=$(base chr1 1000 1000)
    row chr1 1000 snv "$a" "$(other "$a")" AC=1
    row chr1 1000 snv_again "$a" "$(other "$a")" 'AC=1;REG_MAX=.5;REG_D_gone=3;REG_mine=7'
    row chr1 1000 multi "$a" "$(other "$a"),${a}TTG,<NON_REF>,*" AC=1,2,3,4
    row chr1 2000 deletion "$(base chr1 2000 2013)" "$(base chr1 2000 2000)" .
    row chr1 1500 mnv "$(base chr1 1500 1502)" "$(base chr1 1500 1502 | tr ACGT TGCA | tr '[:upper:]' '[:lower:]')" .
    row chr1 1600 symbolic "$(base chr1 1600 1600)" '<DEL>' .
    row chr1 1700 breakend "$(base chr1 1700 1700)" "$(base chr1 1700 1700)[chr2:5[" .
    row chr1 1800 iupac "$(base chr1 1800 1800)" R .
    row chr1 1900 nothing "$(base chr1 1900 1900)" . .
    row chr1 0 telomere N '<DEL>' .
    row chr2 1 first "$(base chr2 1 1)" "$(other "$(base chr2 1 1)")" .
    row chr2 777 last "$(base chr2 777 777)" "$(base chr2 777 777)ACGTACGTACGTA" .
} > in.vcf
run() { "$bin/regsnp" annotate -m m.safetensors -f ref.fa --device cpu "$@"; }
ours='REG_MAX|REG_DELTA|REG_MARKER|REG_POS|REG_REF|REG_ALT|REG_LOGIT|REG_LOG2FC|REG_MAXLOG2FC|REG_MAXLOG2FC_MARKER|REG_TOP|REG_GAIN|REG_LOSS|REG_TARGET|REG_NOTE|REG_D_TFBS|REG_D_Histone_mark'
strip() { bcftools annotate --no-version -x "INFO/${ours//|/,INFO/},INFO/REG_D_gone" "$1" 2> /dev/null | bcftools view -H; }

run --matrix m.tsv.gz in.vcf > out.vcf 2> words || { cat words; fail "annotate ends with $?"; }
sed -E 's/;REG_MAX=.5;REG_D_gone=3//' in.vcf | bcftools view -H > expected
strip out.vcf > got
same expected got "records changed"
grep -q '12 records, 14 alleles, 8 scored, 1 star, 3 symbolic, 1 breakend, 1 ambiguous' words || { fail "summary"; cat words; }
grep -q 'replaced 2 fields of an earlier run of regsnp' words || fail "replaced fields are not counted"
grep -c 'ID=REG_D_gone' out.vcf > /dev/null && fail "a stale definition stays"
grep -q '^##regsnpVersion=0.0.9' out.vcf && fail "an older run's version stays"
grep -q 'REG_mine=7;REG_MAX=' out.vcf || fail "another tool's field does not stay, with ours behind it"
[[ $(grep -c '^##INFO=<ID=REG_MAX,' out.vcf) == 1 ]] || fail "REG_MAX is not defined once"
for line in '##regsnpVersion=' '##regsnpCommand=regsnp annotate -m' '##regsnpModel=sha256:' '##reference='; do
    grep -q "^$line" out.vcf || fail "no $line line"
done
# names and lengths as the index has them, and no M5
digest=$(cut -f1,2 ref.fa.fai | sed 's/$/\t/' | sha256sum | cut -d' ' -f1)
grep -q "^##regsnpReference=sha256:$digest\$" out.vcf || fail "another reference digest"
bcftools query -f '%ID %REG_MAX %REG_NOTE\n' out.vcf > values
grep -q '^multi [0-9.]*[0-9],[0-9.]*[0-9],\.,\. \.,\.,symbolic,star$' values || { fail "values per ALT"; cat values; }
grep -q '^nothing \. \.$' values || fail "a record without ALT got values"
[[ $(grep -c '^snv' values) == 2 && $(grep '^snv' values | cut -d' ' -f2 | sort -u | wc -l) == 1 ]] || fail "duplicates differ"
[[ $(sed -n 's/^multi \([^,]*\),.*/\1/p' values) == $(sed -n 's/^snv \([^ ]*\) .*/\1/p' values) ]] || fail "an allele's value depends on its neighbours"
grep -q 'H3_K4' out.vcf || grep -q 'REG_MARKER=\(CTCF\|GATA1\)' out.vcf || fail "marker names"

# ---- text in, text out: all but INFO, our header lines and the order of nothing is the input's, byte for byte
plain() {
    awk -v ours="^($ours)=" -v list="$ours" 'BEGIN {FS = OFS = "\t"} /^##(regsnp|reference=)/ {next} $0 ~ "^##INFO=<ID=(" list ")," {next} /^#/ {print; next}
        {cr = sub(/\r$/, ""); n = split($8, field, ";"); info = ""; kept = 0
         for (i = 1; i <= n; ++i) if (field[i] !~ ours) info = info (kept++ ? ";" : "") field[i]
         $8 = info == "" ? "." : info; print $0 (cr ? "\r" : "")}' "$1"
}
a=$(base chr1 1000 1000) c=$(other "$(base chr1 1000 1000)")
odd() {  # the end of lines, and of the last one
    printf "##fileformat=VCFv4.4$1##CommandLine=<caller -i /genome -ad 3>$1##loose words$1##INFO=<ID=RS,Number=1,Type=Integer,Description=\"x\">$1"
    printf "##INFO=<ID=MQMR,Number=1,Type=Integer,Description=\"x\">$1##contig=<ID=chr1,length=2147483647>$1##contig=<ID=a,b,length=5>$1"
    printf "##FORMAT=<ID=GT,Number=1,Type=String,Description=\"g\">$1#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts1$1"
    printf "chr1\t1000\tint\t$a\t$c\t123456.789\t.\tRS=2148352434;MPOS=-2147483648\tGT\t/0/1$1"
    printf "chr1\t01000\tfloat\t$a\t$c\tInf\tnone;such\tP=2.03e-78;AF=0.123894357;MQMR=1.5e+06;N=NaN\tGT:XX:GT\t|0|1:::7$1"
    printf "chr1\t1000\todd\t$a\tX,A/G,C<INS>,(LARGEDELETION),$c\t1e39\tPASS\tF=3\tGT\t0/1$1"
    printf "chr1\t1000\tdots\t$a\t<DEL>\t1.50\tPASS\t.\t.\t.$1chr1\t1000\tfinal\t$a\t.\t00\tPASS\tEND=1000\tGT\t.$2"
}
odd '\n' '\n' > odd.vcf
odd '\r\n' '\r\n' > odd.crlf.vcf
odd '\n' '' > odd.torn.vcf
for file in odd odd.crlf odd.torn; do
    "$bin/regsnp" -m m.safetensors -f ref.fa --no-version -o $file.out.vcf $file.vcf 2> $file.words || { fail "$file ends with $?"; cat $file.words; }
    plain $file.out.vcf > got
    [[ $file == odd.torn ]] && cp odd.vcf expected || cp $file.vcf expected
    same expected got "bytes of $file changed"
done
bgzip -c odd.vcf | run --no-version -O z 2> /dev/null | bgzip -dc > got
same odd.out.vcf got "bgzip differs from text"
[[ $(grep -c $'\r$' odd.crlf.out.vcf) == $(wc -l < odd.crlf.out.vcf) ]] || fail "lines of ours without the CR that the others have"
grep -q 'no newline' odd.torn.words || fail "a missing newline is not told"
[[ $(grep -c 'ALT .* is neither bases' odd.words) == 4 ]] || { fail "odd alleles are not told"; cat odd.words; }
for text in '4 not_sequence' '2 records have a QUAL' 'no contig is that long'; do grep -q "$text" odd.words || { fail "no '$text'"; cat odd.words; }; done
grep -q $'\tdots\t.*\tREG_NOTE=symbolic\t' odd.out.vcf || fail "INFO '.' does not become ours alone, or an allele without a score has more than a note"
grep -q $'\tEND=1000\tGT' odd.out.vcf || fail "a record without ALT changed"
# twice is once
run --no-version odd.out.vcf 2> words > got
same odd.out.vcf got "a second run changes something"
grep -q 'replaced .* fields of an earlier run of regsnp' words || fail "replaced fields are not counted"
run odd.vcf 2> /dev/null | run 2> /dev/null | grep -c '^##regsnpCommand=' | grep -q '^1$' || fail "provenance of two runs"
# our lines of a header are replaced, each where it was; a reference that somebody else named stays
cp ref.fa ref2.fa
for kind in bare theirs; do
    { echo '##fileformat=VCFv4.2'; [[ $kind == theirs ]] && echo '##reference=file:///theirs.fa'; echo '##loose words'
      printf "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nchr1\t1000\t.\t$a\t$c\t.\t.\t.\n"; } > $kind.vcf
    run -o $kind.1.vcf $kind.vcf 2> /dev/null
    run -o $kind.2.vcf $kind.1.vcf 2> /dev/null
    "$bin/regsnp" -m m.safetensors -f ref2.fa --device cpu -o $kind.3.vcf $kind.2.vcf 2> /dev/null
    run --no-version -o $kind.4.vcf $kind.3.vcf 2> /dev/null
    run --no-version -o $kind.0.vcf $kind.vcf 2> /dev/null
    same $kind.0.vcf $kind.4.vcf "a second run of --no-version leaves lines of the first"
    without_run() { sed "s/^##regsnpCommand=.*/##regsnpCommand=/; s/ref2\.fa/ref.fa/" "$1"; }
    without_run $kind.1.vcf > expected
    for i in 2 3; do
        without_run $kind.$i.vcf > got
        same expected got "the header after run $i of $kind"
    done
    expected=ref2.fa
    [[ $kind == theirs ]] && expected=file:///theirs.fa
    [[ $(sed -n 's/^##reference=//p' $kind.3.vcf) == "$expected" ]] || { fail "##reference of $kind"; grep '^##ref' $kind.3.vcf; }
done
# a field of somebody else under one of our names
sed 's/##loose words/##INFO=<ID=REG_MAX,Number=1,Type=Float,Description="mine">/' odd.vcf > theirs.vcf
status=0
run theirs.vcf > got 2> words || status=$?
[[ $status == 3 && ! -s got ]] && grep -q 'INFO/REG_MAX' words || { fail "another tool's REG_MAX ends with $status"; cat words; }
# contigs that the header or the reference does not have
(printf '##fileformat=VCFv4.2\n##contig=<ID=chr2>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n'
 printf 'chr1\t1000\tunlisted\t%s\t%s\t.\t.\t.\nc,7\t5\tmissing\tA\tC,<DEL>\t.\t.\tX=1\n' "$a" "$c") > contigs.vcf
run --no-version --missing-contig skip contigs.vcf > got 2> words || fail "--missing-contig skip ends with $?"
grep -q $'^chr1\t1000\tunlisted.*REG_MAX=' got && grep -q $'\tX=1;REG_NOTE=missing_contig,missing_contig$' got || { fail "records on other contigs"; cat got; }
[[ $(grep -c '^##contig' got) == 1 ]] || fail "##contig lines were added to those that there are"
for text in '1 record lies on a contig that the reference lacks' '2 records lie on a contig that the header does not list'; do
    grep -q "$text" words || { fail "no '$text'"; cat words; }
done
grep -v '^##contig' contigs.vcf | run --missing-contig skip 2> /dev/null | grep -c '^##contig' | grep -q '^2$' || fail "the reference's contigs are not added"

# ---- what bcftools makes of it
bcftools norm --no-version -m- out.vcf 2> /dev/null > split.vcf
bcftools query -f '%ID\t%ALT\t%REG_MAX\t%REG_DELTA\t%REG_MARKER\n' split.vcf > split
[[ $(wc -l < split) == 15 ]] || fail "norm -m- gives $(wc -l < split) rows"
awk -F'\t' '$3 != "." {d = $4 < 0 ? -$4 : $4; if (d - $3 > 1e-6 || $3 - d > 1e-6) exit 1}' split || fail "REG_MAX is not |REG_DELTA|"
most=$(cut -f3 split | grep -v '^\.$' | sort -g | tail -1)
n=$(bcftools view -H -i "REG_MAX>=$most" out.vcf | wc -l)
((n >= 1 && n <= 3)) || fail "bcftools view -i finds $n"

# the strongest markers
run --no-version --top 2 in.vcf 2> /dev/null > top.vcf
grep -q 'ID=REG_TOP,Number=A,Type=String.*The 2 markers of the largest changes' top.vcf || { fail "the definition of REG_TOP"; grep REG_TOP top.vcf | head -3; }
bcftools query -f '%ID %REG_MARKER|%REG_DELTA\n' split.vcf | grep -v ' \.|' > expected
bcftools norm --no-version -m- top.vcf 2> /dev/null | bcftools query -f '%ID %REG_TOP\n' | grep -v ' \.$' | cut -d'|' -f1,2 > got
same expected got "REG_TOP does not begin with REG_MARKER"
(($(run --top 100 in.vcf 2> /dev/null | grep -o 'REG_TOP=[^;,]*' | head -1 | tr -cd '|' | wc -c) == 5)) || fail "--top with more than there are"

# intervals: those within reach, by the reference's contigs
printf 'chr1\t900\t990\tpro|moter\nchr1\t1999\t2100\nchr1\t4000\t4100\tfar\nchr9\t1\t50\tnowhere\n' > targets.bed
run --no-version -k CTCF --target targets.bed in.vcf 2> words > target.vcf || { fail "--target ends with $?"; cat words; }
grep -q 'targets.bed: the reference has no contig chr9; their intervals are left out' words || { fail "an interval on no contig is not told"; cat words; }
bcftools query -f '%ID %REG_TARGET\n' target.vcf | sed -E 's/(CTCF\|)-?[0-9.e-]+/\1x/g' | grep -v ' \.$' > got
printf 'snv pro%%7Cmoter|-10|CTCF|x\nsnv_again pro%%7Cmoter|-10|CTCF|x\nmulti pro%%7Cmoter|-10|CTCF|x,pro%%7Cmoter|-10|CTCF|x,.,.\ndeletion chr1:2000-2100|0|CTCF|x\n' > expected
same expected got "REG_TARGET"
status=0
run --target <(grep chr9 targets.bed) in.vcf > /dev/null 2> words || status=$?
[[ $status == 4 ]] && grep -q 'the reference has no contig chr9' words || { fail "--target of another genome ends with $status"; cat words; }

# ---- the matrix
bgzip -dc m.tsv.gz | grep -v '^##' > m.tsv
[[ $(head -1 m.tsv) == $'#chrom\tpos\tid\tref\talt\tCTCF\tH3_K4\tGATA1' ]] || fail "matrix header"
[[ $(tail -n +2 m.tsv | wc -l) == 14 ]] || fail "matrix rows"
awk -F'\t' 'NR > 1 && $6 != "." {m = 0; for (i = 6; i <= 8; ++i) {v = $i < 0 ? -$i : $i; if (v > m) m = v}; print m}' m.tsv | awk '{printf "%.5f\n", $1}' | sort > a
cut -f3 split | grep -v '^\.$' | awk '{printf "%.5f\n", $1}' | sort > b
same a b "the matrix's largest value is not REG_MAX"
bcftools query -f '%REG_D_TFBS\n' out.vcf | tr ',' '\n' | grep -v '^\.$' | awk '{printf "%.5f\n", $1}' | sort > a
awk -F'\t' 'function abs(x) {return x < 0 ? -x : x} NR > 1 && $6 != "." {printf "%.5f\n", (abs($8) > abs($6) ? $8 : $6)}' m.tsv | sort > b
same a b "REG_D_TFBS is not the strongest TFBS marker"

# ---- the same bytes, however it is run
run --no-version -@ 1 in.vcf > one.vcf 2> /dev/null
run --no-version -@ 2 - < in.vcf > two.vcf 2> /dev/null
same one.vcf two.vcf "bytes depend on threads or input"
grep -q '^##regsnp' one.vcf && fail "--no-version leaves a version"
(grep '^#' in.vcf; grep -v '^#' in.vcf | tac) | run --no-version 2> /dev/null | grep -v '^#' | tac > reversed
grep -v '^#' one.vcf > forward
same forward reversed "values depend on order"
for first in 1 3 6; do
    (grep '^#' in.vcf; grep -v '^#' in.vcf | tail -n +$first) | run --no-version 2> /dev/null | grep -v '^#' > part
    tail -n +$first forward > whole
    same whole part "values depend on company"
done
run --phases all in.vcf 2> /dev/null | bcftools query -f '%ID %REG_MAX\n' > all
cmp -s all <(cut -d' ' -f1,2 values) && fail "--phases all changes nothing"

# ---- formats
bcftools sort -o sorted.vcf in.vcf 2> /dev/null
run --no-version sorted.vcf 2> /dev/null | bcftools view -H > text
run --no-version -o s.vcf.gz --write-index --matrix s.tsv.gz sorted.vcf 2> /dev/null
run --no-version -o s.bcf --write-index sorted.vcf 2> /dev/null
for file in s.vcf.gz s.bcf; do
    bcftools view -H $file > back
    same text back "$file differs from text"
    [[ $(bcftools view -H -r chr2:700-777 $file | cut -f3) == last ]] || fail "index of $file"
done
[[ $(tabix s.tsv.gz chr2:777-777 | cut -f3) == last ]] || fail "index of the matrix"
run --no-version -O u s.bcf 2> words | bcftools view -H > back
same text back "BCF in, uncompressed BCF out"
run --no-version -O z s.vcf.gz 2> /dev/null | bgzip -dc | grep -v '^#' > back
same text back "bgzip on standard output"
run --no-version -k 'class:Histone*' in.vcf 2> /dev/null > k.vcf
[[ $(bcftools query -f '%REG_MARKER\n' k.vcf | tr ',' '\n' | sort -u | tr '\n' ' ') == '. H3_K4 ' ]] || fail "-k"
grep -q REG_D_TFBS k.vcf && fail "-k leaves another class"
printf '##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nchr1\t1000\t.\t%s\tN\t.\t.\tX=1\n' "$(base chr1 1000 1000)" > bare.vcf
run bare.vcf 2> /dev/null | bcftools view -H > back 2> /dev/null || fail "a header without contigs"
sed 's/chr//' in.vcf | run --no-version --alias ucsc 2> /dev/null | grep -v '^#' | sed 's/^/chr/; s/\[2:/[chr2:/' > back
same forward back "--alias ucsc"

# ---- regions and targets, as bcftools has them
(grep '^##' in.vcf; printf '##INFO=<ID=END,Number=1,Type=Integer,Description="e">\n'; grep '^#CHROM' in.vcf
 printf 'chr1\t100\tlong\t%s\t<DEL>\t.\tPASS\tEND=3000\tGT\t0/1\n' "$(base chr1 100 100)"; grep -v '^#' in.vcf | grep -v telomere | sort -k1,1 -k2,2n) > r.vcf
bcftools view --no-version -Oz -o r.vcf.gz r.vcf && bcftools index r.vcf.gz
bcftools view --no-version -Ob -o r.bcf r.vcf && bcftools index r.bcf
printf 'chr1\t1999\t2000\nchr2\t0\t1\n' > r.bed
printf '#places\nchr2\t1\t1\nchr1\t1500\t1600\n' > r.txt
for what in chr1:1001 chr1:1502-1700 'chr2,chr1:1-1000' chr1:1900-,chr1:1000 'chr1:2,010-2,020' @r.bed @r.txt; do
    names=(-r "$what") streamed=(-t "$what")
    [[ $what == @* ]] && names=(-R "${what#@}") streamed=(-T "${what#@}")
    theirs=("${names[@]}") their_streamed=("${streamed[@]}")
    [[ $what == *,0* ]] && theirs=(-r "${what//,/}") their_streamed=(-t "${what//,/}")
    for file in r.vcf.gz r.bcf; do
        bcftools view -H "${theirs[@]}" $file | cut -f1-3 > expected
        run "${names[@]}" $file 2> words | grep -v '^#' | cut -f1-3 > got || { fail "${names[*]} $file"; cat words; }
        same expected got "${names[*]} of $file"
    done
    bcftools view -H "${their_streamed[@]}" r.vcf | cut -f1-3 > expected
    run "${streamed[@]}" - < r.vcf 2> /dev/null | grep -v '^#' | cut -f1-3 > got || true
    same expected got "${streamed[*]}"
done
# lines that an index leads to have the end of those that are read one after the other
sed 's/$/\r/' r.vcf > r.crlf.vcf && bgzip -kf r.crlf.vcf && bcftools index r.crlf.vcf.gz 2> /dev/null
run --no-version r.crlf.vcf.gz 2> /dev/null | grep -E $'^(#|chr1\t1000\t)' > expected
run --no-version -r chr1:1000,chr1:3001- r.crlf.vcf.gz 2> words | grep -v $'\tlong\t' > got || { fail "-r of lines that end in CR"; cat words; }
same expected got "-r changes the ends of lines"
# the positions of variants, whatever else their lines hold
{ printf '##fileformat=VCFv4.2\n##contig=<ID=chr1,length=6000>\n##contig=<ID=chr2,length=777>\n##INFO=<ID=S,Number=1,Type=String,Description="s">\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n'
  printf 'chr1\t1000\t2000\tA\tC\t.\t.\tS=Z\303\274rich\nchr1\t1900\t.\tA\tC\t.\t.\tS='; head -c 1500000 /dev/zero | tr '\0' x; printf '\nchr2\t1\t.\tA\tC\t.\t.\t.\n'; } > sites.vcf
bcftools view -Ob -o sites.bcf sites.vcf && grep -v 'S=xxx' sites.vcf > sites.txt
for sites in sites.vcf sites.bcf sites.txt; do
    bcftools view -H -T <(bcftools query -f '%CHROM\t%POS\n' ${sites/txt/vcf} | if [[ $sites == *.txt ]]; then grep -v 1900; else cat; fi) r.vcf | cut -f1-3 > expected
    [[ -s expected ]] || fail "bcftools finds nothing at $sites"
    run -T $sites r.vcf 2> words | grep -v '^#' | cut -f1-3 > got || { fail "-T $sites"; cat words; }
    same expected got "-T $sites"
    run -R $sites r.bcf 2> words > got || { fail "-R $sites"; cat words; }
done
bcftools view -H -t '^chr1:1-1600' r.vcf | cut -f1-3 > expected
run -t '^chr1:1-1600' r.vcf 2> words | grep -v '^#' | cut -f1-3 > got
same expected got "-t ^"
grep -q 'records were outside the targets, and left out' words || fail "records outside the targets are not counted"
# those that are named, less those behind '^', whichever option names them; all else where none is named
chosen() {  # an awk condition on contig $1 and position $2, then the options
    local condition=$1
    shift
    grep -v '^#' r.vcf | awk "$condition" | cut -f1-3 > expected
    [[ -s expected ]] || fail "nothing expected of $*"
    run "$@" r.vcf 2> words | grep -v '^#' | cut -f1-3 > got || { fail "$*"; cat words; }
    same expected got "$*"
}
printf 'chr1\t999\t1000\nchr2\t0\t1\n' > ex.bed
chosen '$1 == "chr1" && $2 != 1000' -t chr1 -T ^ex.bed
chosen '$1 == "chr2"' -t '^chr1:1000' -t chr2
chosen '$1 == "chr2" && $2 != 777 || $1 == "chr1" && $2 == 1000' -T ex.bed -t '^chr2:777'
chosen '$1 == "chr2" && $2 == 777' -t '^chr2:1' -t chr2 -t '^chr1:1000,chr1:1500'
printf 'chr2\t1\t777\n' > chr2.txt
chosen '$1 == "chr1" && $2 > 1500' -t '^chr1:1-1500' -T ^chr2.txt
# a file without regions
: > empty.bed && : > empty.txt && grep '^#' in.vcf > empty.vcf
for file in empty.bed empty.txt empty.vcf; do
    for option in -R -T; do
        run $option $file r.bcf 2> words > got && ! grep -q '^[^#]' got || { fail "$option $file takes records"; cat words; }
        grep -q "$file: holds no interval" words || { fail "$option $file: nothing is said"; cat words; }
    done
done
printf '1\t1000\n1\t1001\n' > names.txt
run -R names.txt r.bcf 2> words > got || fail "-R with other names ends with $?"
[[ $(grep -c 'names.txt: the variants list no contig 1, but chr1' words) == 1 ]] || { fail "other names of contigs are not told"; cat words; }

# ---- BCF: what it cannot hold is an error that names the field, or a warning
cannot() {  # words, then QUAL, FILTER, INFO and the sample of a record
    local text=$1
    shift
    { grep '^##' in.vcf; printf '##INFO=<ID=RS,Number=1,Type=Integer,Description="r">\n##INFO=<ID=P,Number=1,Type=Float,Description="p">\n'; grep '^#CHROM' in.vcf
      printf 'chr1\t1000\tx\t%s\tC\t%s\t%s\t%s\tGT\t%s\n' "$(base chr1 1000 1000)" "$@"; } > b.vcf
    rm -f b.bcf
    status=0
    run -o b.bcf b.vcf 2> words || status=$?
    [[ $status == 3 && ! -e b.bcf ]] && grep -qF "BCF cannot hold $text" words && grep -q 'b.vcf:.*chr1:1000' words || { fail "$* as BCF ends with $status"; cat words; }
    run --lossy -o b.bcf b.vcf 2> words || fail "--lossy with $* ends with $?"
    grep -qF "warning: b.vcf" words && grep -qF "BCF cannot hold $text" words || { fail "--lossy does not warn of $*"; cat words; }
    [[ $(bcftools view -H b.bcf | wc -l) == 1 ]] || fail "--lossy with $* loses the record"
}
cannot 'INFO/RS=2148352434' . . RS=2148352434 0/1
cannot 'INFO/RS=12.7' . . 'AC=1;RS=12.7' 0/1
cannot 'INFO/P=2.03e-78' . . P=2.03e-78 0/1
cannot "QUAL '1e39'" 1e39 . . 0/1
cannot "FORMAT/GT '/0/1'" . . . /0/1
cannot 'INFO/NEW' . . 'NEW=3;AC=1' 0/1
cannot 'FILTER weird' . 'PASS;weird' . 0/1
sed -E '$ s/\t(weird|PASS;weird)\t/\tPASS\t/; $ s/\tGT\t[^\t]*$/\t.\t0\/1/' b.vcf > nameless.vcf  # a sample's value under FORMAT .
status=0
run -o nameless.bcf nameless.vcf 2> words || status=$?
[[ $status == 3 && ! -e nameless.bcf ]] && grep -q "nameless.vcf:.*BCF cannot hold '0/1' of sample 1, to which FORMAT gives no name" words || { fail "a value without FORMAT ends with $status"; cat words; }
run --lossy -o nameless.bcf nameless.vcf 2> words || fail "--lossy with a value without FORMAT ends with $?"
grep -q "warning: nameless.vcf:.*BCF cannot hold '0/1' of sample 1" words || { fail "--lossy does not warn of a value without FORMAT"; cat words; }
sed -E '$ s/0\/1$/./' nameless.vcf | run -o nameless.bcf - 2> words || { fail "FORMAT . without values ends with $?"; cat words; }
for info in P=0.123894357 'AC=1;P=1e30' AC=+3 'RS=007;;'; do
    sed -E "s/^(chr1\t1000\tx\t.\t.\t)[^\t]*\t[^\t]*\t[^\t]*/\\1123456.789\tPASS\t$info/" b.vcf > fine.vcf
    run -o b.bcf fine.vcf 2> words || [[ $info == AC=+3 ]] || { fail "$info as BCF ends with $?"; cat words; }
done
run --no-version -o once.bcf r.bcf 2> /dev/null && run --no-version -o again.bcf once.bcf 2> /dev/null
same once.bcf again.bcf "a second run changes a BCF"

# A header line that htslib does not take: its name is undefined, and what it says reaches a terminal as hex
for output in w.bcf w.vcf; do
    { grep '^##' in.vcf; printf '##INFO=<ID=ODD,Number=1,Type=Float,Description="x",my key=1>\n##INFO=<ID=CUT,Number=1,Type=Float,Description="\033[2Junterminated>\n##odd\033line\n'
      grep '^#CHROM' in.vcf; printf 'chr1\t1000\tx\t%s\tC\t.\t.\tODD=1\tGT\t0/1\n' "$(base chr1 1000 1000)"; } > w.vcf.in
    status=0
    run -o $output w.vcf.in 2> words || status=$?
    grep -q $'\033' words && fail "$output: a control character of the header reaches the terminal"
    if [[ $output == w.vcf ]]; then
        [[ $status == 0 ]] || { fail "an odd header line ends with $status"; cat words; }
        continue
    fi
    [[ $status == 3 && ! -e w.bcf ]] && grep -q 'BCF cannot hold INFO/ODD' words || { fail "a field whose definition htslib does not take ends with $status"; cat words; }
    [[ $(grep -c 'htslib does not take the line' words) == 2 ]] && grep -qF '##odd\x1bline' words || { fail "lines that htslib does not take are not told"; cat words; }
    run --lossy -o w.bcf w.vcf.in 2> words && bcftools view -H w.bcf > got || { fail "--lossy gives a BCF that bcftools cannot read"; cat words; }
done

# ---- the index of the output is the one that bcftools would make, symbolic deletions and POS 0 included
for name in i.vcf.gz i.bcf; do
    ending=csi
    [[ $name == *.gz ]] && ending=tbi
    { grep '^#' r.vcf; grep $'\ttelomere\t' in.vcf; grep -v '^#' r.vcf; } | run --write-index -o $name 2> /dev/null || fail "--write-index ends with $?"
    bgzip -dc $name.$ending > got
    bcftools index -f $([[ $ending == tbi ]] && echo -t) $name 2> /dev/null
    bgzip -dc $name.$ending > expected
    same expected got "the index of $name is not bcftools'"
done

# ---- a model whose numbers run over: no score is better than one that is none
"$bin/random_model" huge.safetensors tiny.json 1e12 chr1:6000 CTCF=TFBS
status=0
"$bin/regsnp" -m huge.safetensors -f ref.fa --device cpu -o nan.vcf --matrix nan.tsv.gz r.vcf 2> words || status=$?
[[ $status == 3 && ! -e nan.vcf && ! -e nan.tsv.gz ]] && grep -q 'CTCF is not finite at r.vcf:' words || { fail "scores that are no numbers end with $status"; cat words; }

# ---- REF that is not the reference's
wrong=$(other "$(base chr1 1000 1000)")
mismatched() { grep '^#' in.vcf; printf 'chr1\t1000\tbad\t%s\tACCA\t.\t.\t.\tGT\t0\n' "$wrong"; printf 'chr2\t777\tpast\t%sA\tA\t.\t.\t.\tGT\t0\n' "$(base chr2 777 777)"; }
mismatched | run --ref-mismatch skip 2> words | bcftools query -f '%ID %REG_MAX %REG_NOTE\n' > values
printf 'bad . ref_mismatch\npast . ref_mismatch\n' > expected
same expected values "--ref-mismatch skip"
grep -q '2 records have a REF' words || fail "mismatches are not counted"
mismatched | run --ref-mismatch use-vcf 2> /dev/null | bcftools query -f '%ID %REG_NOTE\n' > values
printf 'bad vcf_ref\npast ref_mismatch\n' > expected
same expected values "--ref-mismatch use-vcf"

# ---- bad input: exit code and part of the message; no output appears, an old one stays
refused() {  # code, words, then the arguments; standard input is passed on
    local code=$1 text=$2 status=0
    shift 2
    echo old > kept.vcf
    rm -f new.tsv.gz
    run -o kept.vcf --matrix new.tsv.gz "$@" 2> words || status=$?
    [[ $status == "$code" ]] || { fail "$* ends with $status, not $code"; cat words; }
    grep -qF -- "$text" words || { fail "$*: no '$text' in the message"; cat words; }
    [[ $(wc -l < words) -le 3 ]] || { fail "$*: more than a line"; cat words; }
    [[ $(cat kept.vcf) == old && ! -e new.tsv.gz ]] || fail "$* leaves a file"
    [[ -z $(find . -name '.*.tmp') ]] || fail "$* leaves a temporary"
}
head=$(grep '^#' in.vcf)
line() { printf '%s\n' "$head"; printf "$@"; }
mismatched | refused 3 "standard input:12 (chr1:1000): REF '$wrong', but ref.fa has" -
mismatched | sed 1d | refused 3 'not a VCF' -
line 'chr1\t-20\t.\tA\tC\t.\t.\t.\tGT\t0\n' | refused 3 "POS '-20'" -
line 'chr1\t20.7\t.\tA\tC\t.\t.\t.\tGT\t0\n' | refused 3 "POS '20.7'" -
line 'chr1\t7\t.\tA\n' | refused 3 '4 columns' -
line 'chr1\t6500\t.\tA\tC\t.\t.\t.\tGT\t0\n' | refused 3 'only 6000 bases' -
line '1\t5\t.\tA\tC\t.\t.\t.\tGT\t0\n' | refused 4 'chr1' -
line 'chr7\t5\t.\tA\tC\t.\t.\t.\tGT\t0\n' | refused 4 'chr7' -
sed 's/length=6000/length=6001/' in.vcf | refused 4 'another assembly' -
line 'chr1\t1000\t.\tX\tA\t.\t.\t.\tGT\t0\n' | refused 3 "REF 'X' is not made of bases" -
line 'chr1\t1000\t.\t%s\tA\t.\t.\tREG_NOTE=7\tGT\t0\n' "$(base chr1 1000 1000)" | run -k GATA1 > /dev/null 2> /dev/null || fail "a field that is not written stops the run"
line 'chr1\t1000\t.\t%s\t*\t.\t.\tREG_NOTE=7\tGT\t0\n' "$(base chr1 1000 1000)" | refused 3 'INFO/REG_NOTE already' -
bgzip -c in.vcf | head -c 300 | refused 3 'standard input: corrupt or truncated compressed data; copy the file again' -
gzip -c in.vcf | head -c 300 | refused 3 'standard input: corrupt or truncated compressed data; copy the file again' -
bgzip -c in.vcf | head -c -28 | refused 3 'end-of-file block; the file is truncated, copy it again' -
refused 3 'this is a FASTA file; regsnp reads VCF or BCF' ref.fa
refused 3 'not a VCF' /dev/null
refused 1 'absent.vcf' absent.vcf
refused 2 'an index needs' --write-index in.vcf
mkfifo pipe
for place in pipe /dev/null; do
    status=0  # at once: nobody reads the pipe
    timeout 20 "$bin/regsnp" -m m.safetensors -f ref.fa -O z --write-index -o $place sorted.vcf > got 2> words || status=$?
    [[ $status == 2 ]] && grep -q 'an index needs' words || { fail "--write-index on $place ends with $status"; cat words; }
done
refused 2 'regions need an index' -r chr1 in.vcf
refused 2 'regions need an index' -r chr1 - < r.vcf.gz
refused 4 'neither the variants nor' -r chr7 r.vcf.gz
refused 4 'neither the variants nor ref.fa have such a contig, which the variants call chr1' -r 1:100-200 r.vcf.gz
refused 4 'neither the variants nor ref.fa have such a contig, which the variants call chr1' -t 1:100-200 in.vcf
grep -v '^##contig' in.vcf | refused 4 'have such a contig, which ref.fa calls chr1' -t 1:100-200 -
cp r.vcf.gz lone.vcf.gz
refused 1 'bcftools index' -r chr1 lone.vcf.gz
cp r.vcf.gz.csi lone.vcf.gz.csi && touch -d '2001-01-01' lone.vcf.gz.csi
refused 4 'older than the file' -r chr1 lone.vcf.gz
for file in r.vcf.gz r.bcf; do  # what is missing lies outside the region
    head -c -28 $file > short.${file#r.} && cp $file.csi short.${file#r.}.csi
    refused 3 'the file is truncated, copy it again' -r chr1:1000 short.${file#r.}
done
head -c -1 r.vcf | bgzip -c > torn.vcf.gz && tabix -p vcf torn.vcf.gz
run -r chr2 torn.vcf.gz 2> words > got && grep -q 'torn.vcf.gz: the last line has no newline' words || { fail "a last line without newline, by the index"; cat words; }
run -r chr1:1000 torn.vcf.gz 2> words > got && ! grep -q 'no newline' words || { fail "a last line that was not asked for"; cat words; }
status=0
run -o out.tsv in.vcf 2> words || status=$?
[[ $status == 2 && ! -e out.tsv ]] && grep -q 'say it with -O' words || fail "a name that tells no format ends with $status"
run -o out.tsv -O v in.vcf 2> /dev/null && [[ -s out.tsv ]] || fail "a name that tells no format, with -O"
refused 2 '--span' --span -1 in.vcf
refused 2 'no marker is called that' -k nobody in.vcf
refused 2 'use-vcf' --ref-mismatch maybe in.vcf
cp in.vcf self.vcf
for attempt in '-o self.vcf' '-o ./self.vcf' '--matrix self.vcf -o x.vcf'; do
    status=0
    # shellcheck disable=SC2086
    run $attempt self.vcf 2> words || status=$?
    [[ $status == 2 ]] || fail "$attempt over the input ends with $status"
    same in.vcf self.vcf "the input was harmed"
done
status=0
run -o unsorted.vcf.gz --write-index in.vcf 2> words || status=$?
[[ $status == 3 && ! -e unsorted.vcf.gz ]] || fail "--write-index of unsorted input ends with $status"
if [[ -e /dev/full ]]; then
    status=0
    run in.vcf > /dev/full 2> words || status=$?
    [[ $status == 1 ]] || fail "/dev/full ends with $status"
fi
set +o pipefail
(grep '^#' in.vcf; for i in $(seq 3000); do grep $'\tsnv\t' in.vcf; done) > many.vcf
(run many.vcf 2> /dev/null || echo $? > status) | head -1 > /dev/null
[[ $(cat status) == 141 ]] || fail "a closed pipe ends with $(cat status)"
set -o pipefail

# ---- real variants
real=$data/variants/1000G.chr20_1-4Mb.vcf.gz
if [[ -e $real && -e $data/genome/hg19.chr20.fa.gz ]]; then
    "$bin/regsnp" -m m.safetensors -f "$data/genome/hg19.chr20.fa.gz" --matrix real.tsv.gz --write-index -o real.vcf.gz "$real" 2> words ||
        { fail "the real file ends with $?"; cat words; }
    bcftools view -H "$real" > expected
    strip real.vcf.gz > got
    same expected got "real records changed"
    alleles=$(bcftools query -f '%ALT\n' "$real" | tr ',' '\n' | wc -l)
    [[ $(bgzip -dc real.tsv.gz | grep -vc '^#') == "$alleles" ]] || fail "rows of the real matrix"
    [[ $(bcftools query -f '%REG_MAX\n' real.vcf.gz | grep -c '^\.$' || true) == 0 ]] || fail "real alleles without a score"
    tabix real.tsv.gz chr20:1000226-1000226 | grep -q rs376678365 || fail "tabix on the real matrix"

    # A model with a trunk at full resolution, in 256 MiB (the sanitizers' own memory is not ours).
    if ! grep -q __asan_init "$bin/regsnp"; then
        "$bin/random_model" wide.safetensors "$source/examples/models/cnn7.json" 2.5 chr20:63025520 CTCF=TFBS
        bcftools view "$real" 2> /dev/null | head -400 > some.vcf || true
        peak() {  # kB that a run takes
            "${REGKIT_PYTHON:-python3}" -c 'import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' "$@"
        }
        most=$(peak "$bin/regsnp" -m wide.safetensors -f "$data/genome/hg19.chr20.fa.gz" -o some.out.vcf some.vcf)
        ((most < 256 * 1024)) || fail "$most kB of memory for $(grep -vc '^#' some.vcf) variants"
        # a wide field, and the values of all markers over it
        "$bin/random_model" many.safetensors dilated 1 chr20:63025520 $(seq -f 'm%g=TFBS' 300)
        head -60 some.vcf > few.vcf
        most=$(peak "$bin/regsnp" -m many.safetensors -f "$data/genome/hg19.chr20.fa.gz" -@ 1 -o few.out.vcf few.vcf)
        ((most < 256 * 1024)) || fail "$most kB of memory for $(grep -vc '^#' few.vcf) variants of 300 markers"
    fi
else
    echo "SKIPPED: no $real"
    ((failed)) || exit 77
fi
exit $failed
