# Bad input, and what must come of it: an exit code that says which kind, one line that names the file and the place, no
# output under the final name, no old output harmed. The columns of regkit(1), EXIT STATUS: 1 I/O, 2 usage, 3 input, 4 mismatch.

# ---- the command line --------------------------------------------------------------------------------------------------
case no arguments
run regds-build
exit 2
err Usage: regds-build *
err See regds-build --help or man regds-build.

case unknown option
run regds-build -f ref.fa a.narrowPeak -o x.regds --windw 5000
exit 2
err regds-build: unknown option '--windw'; did you mean --window? see regds-build --help
absent x.regds

case an abbreviation is no option
run regds-build --fast ref.fa a.narrowPeak -o x.regds
exit 2
err regds-build: unknown option '--fast'; did you mean --fasta?*

case option given twice
run regds-build -f ref.fa -f ref.fa a.narrowPeak -o x.regds
exit 2
err regds-build: --fasta is given more than once

case option without its value
run regds-build a.narrowPeak -o x.regds -f
exit 2
err regds-build: *--fasta*missing*

case no reference
run regds-build a.narrowPeak -o x.regds
exit 2
err regds-build: -f/--fasta REF is needed*

case a number that is none
run regds-build -f ref.fa a.narrowPeak -o x.regds --window 5e3
exit 2
err regds-build: --window '5e3': not a whole number in [[]1, 2147483647]
absent x.regds

case a fraction above one
run regds-build -f ref.fa a.narrowPeak -o x.regds --max-n 1.5
exit 2
err regds-build: --max-n '1.5': not a number in [[]0, 1]

case threads beyond reason
run regds-build -f ref.fa a.narrowPeak -o x.regds -@ 100000
exit 2
err regds-build: --threads '100000': not a whole number in *

case a region at position 0
run regds-build -f ref.fa a.narrowPeak -o x.regds --test chr1:0-100
exit 2
err regds-build: --test 'chr1:0-100': *

case a region that ends before it starts
run regds-build -f ref.fa a.narrowPeak -o x.regds --test chr1:200-100
exit 2
err regds-build: --test 'chr1:200-100': *

case a split of an unknown contig
run regds-build -f ref.fa a.narrowPeak -o x.regds --test chr9
exit [34]
err regds-build: *chr9*
absent x.regds

case a split of an unknown contig: which there are
run regds-build -f ref.fa a.narrowPeak -o x.regds --test chr9
exit 4
err regds-build: contig chr9 is not in ref.fa, which holds chr1, chr2
absent x.regds

case a split of another naming: the remedy is one that helps here
run regds-build -f ref.fa a.narrowPeak -o x.regds --test 1
exit 4
err regds-build: contig 1 is not in ref.fa, which calls it chr1; use that name
absent x.regds

case an output where there is no directory, told before the peaks are read
run regds-build -f ref.fa missing.narrowPeak -o nowhere/x.regds
exit 1
err regds-build: nowhere/x.regds: cannot create: there is no directory nowhere; make it first: mkdir -p nowhere
absent nowhere

case a slash behind the output's folder, where there is no directory
run regds-build -f ref.fa a.narrowPeak -o nowhere/x.regds/
exit 1
err regds-build: nowhere/x.regds: cannot create: there is no directory nowhere; make it first: mkdir -p nowhere

case a slash behind the output's folder, which is there
run regds-build -f ref.fa a.narrowPeak -o small.regds/
exit 1
err regds-build: small.regds: exists already; use --force to replace it
same small.regds/dataset.json

case neither sheet nor peaks
run regds-build -f ref.fa -o x.regds
exit 2
err regds-build: *--sheet*

case data set to a pipe
run regds-build -f ref.fa a.narrowPeak -o -
exit 2
err regds-build: *-o*directory*
absent -

# ---- outputs -----------------------------------------------------------------------------------------------------------
case the output is there
setup mkdir x.regds && echo precious > x.regds/notes
run regds-build -f ref.fa a.narrowPeak -o x.regds
exit 1
err regds-build: x.regds: exists already; use --force to replace it
same x.regds/notes

case force does not delete what is no data set
setup mkdir x.regds && echo precious > x.regds/notes
run regds-build -f ref.fa a.narrowPeak -o x.regds --force
exit 1
err regds-build: *x.regds*
same x.regds/notes

case force does not delete what is no part of a data set
setup echo precious > small.regds/NOTES
run regds-build -f ref.fa missing.narrowPeak -o small.regds --force
exit 1
err regds-build: small.regds: holds 'NOTES', which is no part of it, so --force does not replace it; move that elsewhere
same small.regds/NOTES
same small.regds/dataset.json

case force does not delete a folder in a data set
setup mkdir small.regds/sub
run regds-build -f ref.fa a.narrowPeak -o small.regds/ --force
exit 1
err regds-build: small.regds: holds 'sub', *
same small.regds/dataset.json

case no such folder for the output
run regds-build -f ref.fa a.narrowPeak -o nowhere/x.regds
exit 1
err regds-build: *nowhere*

case help to a full device
run regds-build --help > /dev/full
exit 1
err regds-build: cannot write to standard output: No space left on device

# ---- one file in the place of another ----------------------------------------------------------------------------------
case peaks as the reference
run regds-build -f a.narrowPeak.gz b.bed -o x.regds
exit 3
err regds-build: a.narrowPeak.gz: this is a BED file (or one of its kind); -f takes the reference, a FASTA file
absent a.narrowPeak.gz.fai

case plain peaks as the reference
run regcall -m model.safetensors -f b.bed -O bed
exit 3
err regcall: b.bed: this is a BED file (or one of its kind); -f takes the reference, a FASTA file
absent b.bed.fai

case the model as the reference
run regsnp -m model.safetensors -f model.safetensors in.vcf
exit 3
err regsnp: model.safetensors: this is a model (safetensors); -f takes the reference, a FASTA file

case a data set as the reference
run regeval -m model.safetensors -d small.regds -f small.regds
exit 3
err regeval: small.regds: this is a data set; -f takes the reference, a FASTA file

case the reference as the model
run regcall -m ref.fa -f ref.fa -O bed
exit 3
err regcall: ref.fa: this is a FASTA file; -m takes the model, a .safetensors file that regtrain wrote

case the model and the reference in each other's place
run for call in 'regsnp in.vcf' regcall 'regeval -d small.regds'; do $call -m ref.fa -f model.safetensors > out 2> words; [ $? = 2 ] && grep -qx "${call%% *}: -m ref.fa is a FASTA file and -f model.safetensors a model: swap them; -m takes the model, -f the reference" words || { cat words; exit 1; }; done

case regsnp without arguments
run regsnp < /dev/null
exit 2
err Usage: regsnp annotate -m MODEL... -f REF *
err See regsnp annotate --help or man regsnp.

case variants as the model
run regsnp -m in.vcf -f ref.fa in.vcf
exit 3
err regsnp: in.vcf: this is a VCF or BCF file; -m takes the model, a .safetensors file that regtrain wrote

case a data set as the model
run regeval -m small.regds -d small.regds
exit 3
err regeval: small.regds: this is a data set; -m takes the model, a .safetensors file that regtrain wrote

case an architecture as the model
run regeval -m "$TEST_TOOLS/data/tiny.json" -d small.regds
exit 3
err regeval: */tiny.json: this is a JSON file; -m takes the model, a .safetensors file that regtrain wrote

case the model as the data set
run regeval -m model.safetensors -d model.safetensors
exit 3
err regeval: model.safetensors: this is a model (safetensors); -d takes the folder that regds-build wrote

case the model as the architecture
run regtrain -d small.regds -a model.safetensors -o m.safetensors
exit 3
err regtrain: model.safetensors: this is a model (safetensors); -a takes a preset's name or a spec, a JSON file
absent m.safetensors

case the reference as peaks
run regds-build -f ref.fa ref.fa -o x.regds
exit 3
err regds-build: ref.fa: this is a FASTA file; peaks are a BED file (or one of its kind)

case peaks as the sheet
run regds-build -f ref.fa --sheet a.narrowPeak -o x.regds
exit 3
err regds-build: a.narrowPeak: this is a BED file (or one of its kind); --sheet takes a table of markers, with columns name and peaks at least

case the reference as the mask
run regds-build -f ref.fa --mask ref.fa b.bed -o x.regds
exit 3
err regds-build: ref.fa: this is a FASTA file; --mask takes intervals, a BED file

case the reference as regions
run regcall -m model.safetensors -f ref.fa -R ref.fa -O bed
exit 3
err regcall: ref.fa: this is a FASTA file; -R takes regions, a BED file

case variants as a stream of sequence
run regcall -m model.safetensors -O bed in.vcf
exit 3
err regcall: in.vcf: this is a VCF or BCF file; regcall reads FASTA

# ---- FASTA -------------------------------------------------------------------------------------------------------------
case no such FASTA
run regds-build -f none.fa a.narrowPeak -o x.regds
exit 1
err regds-build: *none.fa*No such file*

case an empty FASTA
setup : > empty.fa
run regds-build -f empty.fa a.narrowPeak -o x.regds
exit 3
err regds-build: empty.fa*
absent x.regds

case a FASTA that is none
setup head -c 3000 /dev/zero > zero.fa
run regds-build -f zero.fa a.narrowPeak -o x.regds
exit 3
err regds-build: zero.fa*
absent x.regds

case a FASTA with other characters
setup sed '500s/A/!/' ref.fa > odd.fa
run regds-build -f odd.fa a.narrowPeak -o x.regds
exit 3
err regds-build: odd.fa*chr1*
absent x.regds

case a FASTA whose lines end in CR alone, by its index and as a stream
setup tr '\n' '\r' < ref.fa > mac.fa
run regcall -m model.safetensors --raw -f mac.fa 2> said.txt; echo $?; cat said.txt; regcall -m model.safetensors mac.fa
exit 3
out 3?regcall: mac.fa:1: carriage return within a line; lines that end in CR alone are not read, convert them: tr '\\r' '\\n'
err regcall: mac.fa:1: carriage return within a line; lines that end in CR alone are not read, convert them: tr '\r' '\n'
absent mac.fa.fai

case a stream without a base
run regcall -m model.safetensors -
exit 3
err regcall: standard input: no FASTA record with bases

case records without bases are told, by the index and in a stream
setup printf '>c1\n>chr1\nACGT\n>c2\n\n' > gap.fa
run for i in '-f gap.fa' gap.fa '-f gap.fa'; do regcall -m model.safetensors -O bed -c 0 $i 2>> said.txt || exit 9; done > out.bed; grep -c 'gap.fa: 2 records have no bases: c1, c2' said.txt; grep -c 'gap.fa (c[12]): the record has no bases' said.txt
out 2?2

case two records of one name in a stream
stdin >a\nACGT\n>b\nAC\n>a\nACGT\n
run regcall -m model.safetensors -O bed -c 0 - > out.bed
err regcall: warning: - (a): a second record of this name; the output has rows of both

case a stream of records without bases
run printf '>a\n>b\n' | regcall -m model.safetensors -
exit 3
err regcall: standard input: no FASTA record with bases

case a contig's name that other formats cannot hold
setup sed 's/^>chr1/>chr\xc3\xa9\x1b[31m/' ref.fa > odd.fa
run regcall -m model.safetensors -f odd.fa
exit 3
err regcall: odd.fa:1: a name with bytes that are not printable ASCII*; rename the record
absent odd.fa.fai

case a FASTA with one record without bases
setup printf '>c1\n>chr1\nACGT\n' > gap.fa
run regcall -m model.safetensors -O bed -c 0 -f gap.fa > out.bed
err regcall: warning: gap.fa (c1): the record has no bases

case a FASTA in plain gzip
setup gzip -nc ref.fa > ref2.fa.gz
run regds-build -f ref2.fa.gz a.narrowPeak -o x.regds
exit 3
err regds-build: ref2.fa.gz*bgzip*
absent x.regds

case a bgzip FASTA cut in mid-block
need bgzip
setup bgzip -c ref.fa > whole.fa.gz && head -c 9000 whole.fa.gz > cut.fa.gz
run regds-build -f cut.fa.gz a.narrowPeak -o x.regds
exit 3
err regds-build: cut.fa.gz*
absent x.regds

case a bgzip FASTA with one byte flipped
need bgzip
setup bgzip -c ref.fa > bad.fa.gz && printf '\377' | dd of=bad.fa.gz bs=1 seek=5000 conv=notrunc status=none
run regds-build -f bad.fa.gz a.narrowPeak -o x.regds
exit 3
err regds-build: bad.fa.gz*
absent x.regds

case a .fai with no bases a line
setup printf 'chr1\t60000\t18\t0\t61\nchr2\t30000\t61036\t60\t61\n' > ref.fa.fai
run regds-build -f ref.fa a.narrowPeak -o x.regds
exit 4
err regds-build: ref.fa.fai*
absent x.regds

case a .fai that points past the end
setup printf 'chr1\t5000000000\t18\t60\t61\n' > ref.fa.fai
run regds-build -f ref.fa a.narrowPeak -o x.regds
exit [34]
err regds-build: ref.fa*
absent x.regds

case a .fai of another FASTA
setup printf 'chr1\t60000\t6\t60\t61\nchr2\t30000\t61012\t60\t61\n' > ref.fa.fai
run regds-build -f ref.fa a.narrowPeak -o x.regds
exit 4
err regds-build: ref.fa*
absent x.regds

case an empty .fai
setup : > ref.fa.fai
run regds-build -f ref.fa a.narrowPeak -o x.regds
exit 4
err regds-build: ref.fa.fai: empty index*

# ---- peaks -------------------------------------------------------------------------------------------------------------
case no such peak file
run regds-build -f ref.fa none.bed -o x.regds
exit 1
err regds-build: *none.bed*No such file*

case peaks of another naming
setup sed 's/^chr//' b.bed > ensembl.bed
run regds-build -f ref.fa ensembl.bed -o x.regds
exit 4
err regds-build: ensembl.bed:1*--alias*
absent x.regds

case an empty peak file
setup : > empty.bed
run regds-build -f ref.fa empty.bed -o x.regds
exit 3
err regds-build: empty.bed*
absent x.regds

case a peak past the end of its contig
setup printf 'chr1\t59990\t60010\n' > past.bed
run regds-build -f ref.fa past.bed -o x.regds
exit 3
err regds-build: past.bed:1: ends at 60010, but chr1 has 60000 bases; is it of another assembly? If it is not, --clip cuts it off there
absent x.regds

case peaks on a contig that the reference lacks
setup printf 'chr1\t100\t400\nchrEBV\t1\t100\n' > more.bed
run regds-build -f ref.fa more.bed -o x.regds
exit 4
err regds-build: more.bed:2: contig chrEBV is not in ref.fa, which holds chr1, chr2; --missing-contig skip leaves out what lies there
absent x.regds

case bigBed for peaks
setup printf '\xeb\xf2\x89\x87\x04\x00\x00\x00' > ENCFF1.bigBed
run regds-build -f ref.fa ENCFF1.bigBed -o x.regds
exit 3
err regds-build: ENCFF1.bigBed: this is bigBed, not text; convert it: bigBedToBed FILE OUT.bed
absent x.regds

case bedGraph for peaks, by its name
setup printf 'chr1\t0\t100\t0\nchr1\t100\t200\t3\n' > c.bedGraph
run regds-build -f ref.fa c.bedGraph -o x.regds
exit 3
err regds-build: c.bedGraph: this is bedGraph, values along the genome; use regds-build --target coverage, or make intervals of it first: awk*
absent x.regds

case bedGraph for peaks, compressed
setup printf 'chr1\t0\t100\t0\nchr1\t100\t200\t3\n' | gzip > c.bedGraph.gz
run regds-build -f ref.fa c.bedGraph.gz -o x.regds
exit 3
err regds-build: c.bedGraph.gz: this is bedGraph*
absent x.regds

case bedGraph for peaks, called BED
setup awk 'BEGIN {OFS = "\t"; for (i = 0; i < 150; ++i) print "chr1", i * 100, i * 100 + 100, i % 7}' > c.bed
run regds-build -f ref.fa c.bed -o x.regds
exit 3
err regds-build: c.bed: this is bedGraph*
absent x.regds

case bedGraph for a mask, by its track line
setup printf 'track type=bedGraph\nchr1\t0\t100\t0\n' > c.bed
run regds-build -f ref.fa --mask c.bed a.narrowPeak -o x.regds
exit 3
err regds-build: c.bed: this is bedGraph*
absent x.regds

case the way that the message about bedGraph shows
setup awk 'BEGIN {OFS = "\t"; for (i = 0; i < 150; ++i) print "chr1", i * 100, i * 100 + 100, i % 7}' > c.bedGraph
run awk '$4 >= 5' c.bedGraph | cut -f1-3 > c.bed && regds-build -f ref.fa c.bed --window 5000 -o x.regds

case bigWig for peaks: its message does not lead to bedGraph for peaks
setup printf '\x26\xfc\x8f\x88\x04\x00\x00\x00' > c.bw
run regds-build -f ref.fa c.bw -o x.regds
exit 3
err regds-build: c.bw: this is bigWig, which holds values along the genome, not text; use regds-build --target coverage, or make intervals of it first: *cut -f1-3 > OUT.bed
absent x.regds

case blocks of BED12 that cannot be read
setup printf 'chr1\t100\t400\tn\t0\t+\t100\t400\t0\t2\t10,20\t0,1e2\n' > c.bed
run regds-build -f ref.fa c.bed -o x.regds
exit 3
err regds-build: c.bed:1: '0,1e2' in column 12 does not list the numbers of 2 blocks; --blocks ignore takes the interval around them
absent x.regds

case no blocks of BED12
setup printf 'chr1\t100\t400\tn\t0\t+\t100\t400\t0\t0\t10\t0\n' > c.bed
run regds-build -f ref.fa c.bed -o x.regds
exit 3
err regds-build: c.bed:1: '0' in column 10 is no number of blocks from 1; --blocks ignore *
absent x.regds

case a bigWig that lacks its end
setup regcall -m model.safetensors -f ref.fa -k class:TFBS -o c.bw && truncate -s -2 c.bw
run regds-build -f ref.fa c.bw -o x.regds --target coverage --window 1000
exit 3
err regds-build: c.bw: truncated: the number that ends a bigWig is missing; copy the file again
absent x.regds

case WIG for coverage
setup printf 'track type=wiggle_0\nfixedStep chrom=chr1 start=1 step=100 span=100\n1\n2\n' > x.wig
run regds-build -f ref.fa --target coverage --label-bin 100 --window 1000 x.wig -o x.regds
exit 3
err regds-build: x.wig:2: this is WIG; convert it to bigWig, which --target coverage reads: wigToBigWig FILE CHROM.SIZES OUT.bw
absent x.regds

case the output of idr for narrowPeak
setup awk 'BEGIN {OFS = "\t"} {print $0, 1.2, 3.4, $2, $3, 5, 6, $2, $3, 7, 8}' a.narrowPeak > idr.narrowPeak
run regds-build -f ref.fa idr.narrowPeak -o x.regds
exit 3
err regds-build: idr.narrowPeak:1: narrowPeak has 10 columns, here are the 20 that idr writes; keep the first ten: cut -f1-10
absent x.regds

case text of an input is shown, not obeyed
setup printf 'chr1\t100\t\033[2J\n' > esc.bed
run regds-build -f ref.fa esc.bed -o x.regds
exit 3
err regds-build: esc.bed:1: position '\x1b[[]2J' is no whole number from 0

case a file that a sheet names is not shown
setup printf 'root:x:0:0:root\n' > secret; printf 'name\tpeaks\nA\tsecret\n' > secret.tsv
run regds-build -f ref.fa --sheet secret.tsv -o x.regds
exit 3
err regds-build: secret:1: BED needs at least 3 columns, here are 1 column
absent x.regds

case a peak that ends before it starts
setup printf 'chr1\t10\t20\nchr1\t300\t200\n' > back.bed
run regds-build -f ref.fa back.bed -o x.regds
exit 3
err regds-build: back.bed:2*
absent x.regds

case a bad line is shown in part, and no control character of it
setup { printf 'chr1\t\033[31mred\033[0m'; head -c 5000 /dev/zero | tr '\0' x; echo; } > long.bed
run regds-build -f ref.fa long.bed -o x.regds
exit 3
err regds-build: long.bed:1: BED needs at least 3 columns, here are 2 columns: 'chr1[\]x09[\]x1b[[]31mred[\]x1b[[]0mxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'
absent x.regds

case a coordinate that is no number
setup printf 'chr1\t10\t20\nchr1\t1e3\t2000\n' > odd.bed
run regds-build -f ref.fa odd.bed -o x.regds
exit 3
err regds-build: odd.bed:2*
absent x.regds

case a negative coordinate
setup printf 'chr1\t-5\t20\n' > minus.bed
run regds-build -f ref.fa minus.bed -o x.regds
exit 3
err regds-build: minus.bed:1*

case a line of two columns
setup printf 'chr1\t10\t20\nchr1\t30\n' > short.bed
run regds-build -f ref.fa short.bed -o x.regds
exit 3
err regds-build: short.bed:2*

case NUL bytes in peaks
setup printf 'chr1\t10\t20\nchr1\t3\0000\t400\n' > nul.bed
run regds-build -f ref.fa nul.bed -o x.regds
exit 3
err regds-build: nul.bed:2*

case narrowPeak with nine columns
setup cut -f1-9 a.narrowPeak > nine.narrowPeak
run regds-build -f ref.fa nine.narrowPeak -o x.regds
exit 3
err regds-build: nine.narrowPeak:1*10*
absent x.regds

case narrowPeak with a value that is no number
setup sed '3s/10.5/nan/' a.narrowPeak > nan.narrowPeak
run regds-build -f ref.fa nan.narrowPeak -o x.regds
exit 3
err regds-build: nan.narrowPeak:3*

case peaks in a gzip that is cut
setup head -c 300 a.narrowPeak.gz > cut.narrowPeak.gz
run regds-build -f ref.fa cut.narrowPeak.gz -o x.regds
exit 3
err regds-build: cut.narrowPeak.gz*
absent x.regds

case peaks in a gzip with one byte flipped
setup cp a.narrowPeak.gz flip.narrowPeak.gz && printf '\377' | dd of=flip.narrowPeak.gz bs=1 seek=200 conv=notrunc status=none
run regds-build -f ref.fa flip.narrowPeak.gz -o x.regds
exit 3
err regds-build: flip.narrowPeak.gz*
absent x.regds

case bgzip peaks without the end-of-file block
need bgzip
setup bgzip -c a.narrowPeak > whole.narrowPeak.gz && head -c -28 whole.narrowPeak.gz > open.narrowPeak.gz
run regds-build -f ref.fa open.narrowPeak.gz -o x.regds
exit 3
err regds-build: open.narrowPeak.gz*
absent x.regds

case gzip with something behind it
setup { cat a.narrowPeak.gz; echo more; } > tail.narrowPeak.gz
run regds-build -f ref.fa tail.narrowPeak.gz -o x.regds
exit 3
err regds-build: tail.narrowPeak.gz*

# ---- sheet -------------------------------------------------------------------------------------------------------------
case a sheet without a column
setup cut -f1-4 sheet.tsv > nopeaks.tsv
run regds-build -f ref.fa --sheet nopeaks.tsv -o x.regds
exit 3
err regds-build: nopeaks.tsv*peaks*

case a marker named twice
setup sed -n '1p;2p;2p' sheet.tsv > twice.tsv
run regds-build -f ref.fa --sheet twice.tsv -o x.regds
exit 3
err regds-build: twice.tsv:3*CTCF.K562*

case a sheet that names a missing file
setup sed 's/b.bed/c.bed/' sheet.tsv > missing.tsv
run regds-build -f ref.fa --sheet missing.tsv -o x.regds
exit 1
err regds-build: missing.tsv:3: cannot open c.bed: No such file or directory

case a sheet that names a folder
setup sed 's/b.bed/./' sheet.tsv > folder.tsv
run regds-build -f ref.fa --sheet folder.tsv -o x.regds
exit 3
err regds-build: folder.tsv:3: peaks '.' is a folder; name a file of peaks
absent x.regds

case a sheet with a column that is not known
setup sed '1s/class/colour/' sheet.tsv > colour.tsv
run regds-build -f ref.fa --sheet colour.tsv --window 5000 -o x.regds
err regds-build: warning: colour.tsv:1: column 'colour' is ignored; known are name, class, target, cell and peaks

case a sheet with a column that is misspelt
setup sed '1s/class/clas/' sheet.tsv > clas.tsv
run regds-build -f ref.fa --sheet clas.tsv --window 5000 -o x.regds
err regds-build: warning: clas.tsv:1: column 'clas' is ignored; did you mean class? known are name, class, target, cell and peaks

case a sheet of no markers
setup head -n 1 sheet.tsv > none.tsv
run regds-build -f ref.fa --sheet none.tsv -o x.regds
exit 3
err regds-build: none.tsv*

case a sheet of which a line is a comment
setup sed '3s/^/#/' sheet.tsv > comment.tsv
run regds-build -f ref.fa --sheet comment.tsv --window 5000 -o x.regds
err regds-build: comment.tsv: 1 line that begins with # skipped

case a sheet with a byte order mark
setup { printf '\357\273\277'; cat sheet.tsv; } > bom.tsv
run regds-build -f ref.fa --sheet bom.tsv --window 5000 -o x.regds

case peaks from a pipe of the shell, which names no marker
run regds-build -f ref.fa --window 5000 -o x.regds <(cat b.bed)
exit 2
err regds-build: /dev/fd/*: its name makes no marker's name; give it one: NAME=/dev/fd/*
absent x.regds

case peaks from standard input, which names no marker
run regds-build -f ref.fa --window 5000 -o x.regds - < b.bed
exit 2
err regds-build: -: its name makes no marker's name; give it one: NAME=-
absent x.regds

case an alias to a contig that the reference lacks
setup sed 's/^chr1/one/' b.bed > one.bed; printf 'one\tchr9\nchr2\tchr2\n' > alias.tsv
run regds-build -f ref.fa --alias alias.tsv one.bed -o x.regds
exit 4
err regds-build: one.bed:1: contig one is chr9 by alias.tsv, but contig chr9 is not in ref.fa, which holds chr1, chr2
absent x.regds

case an alias file whose lines end in CR alone
setup printf 'one\tchr1\rtwo\tchr2\r' > alias.tsv
run regds-build -f ref.fa --alias alias.tsv b.bed -o x.regds
exit 3
err regds-build: alias.tsv:1: carriage return within a line; *

case no window is left
run regds-build -f ref.fa a.narrowPeak -o x.regds --window 100000
exit 3
err regds-build: ref.fa: no window is left*
absent x.regds

# ---- labels ------------------------------------------------------------------------------------------------------------
case an unknown target
run regds-build -f ref.fa a.narrowPeak -o x.regds --target gene
exit 2
err regds-build: --target 'gene'*nucleotide, bin, coverage*

case bins of nucleotides
run regds-build -f ref.fa a.narrowPeak -o x.regds --label-bin 200
exit 2
err regds-build: --label-bin and --label-bins do not go with --target nucleotide*
absent x.regds

case an overlap of nucleotides
run regds-build -f ref.fa a.narrowPeak -o x.regds --min-overlap 0.5
exit 2
err regds-build: --min-overlap does not go with --target nucleotide

case an overlap of coverage
run regds-build -f ref.fa a.narrowPeak -o x.regds --target coverage --min-overlap 0.5
exit 2
err regds-build: --min-overlap does not go with --target coverage

case more than all of a bin
run regds-build -f ref.fa a.narrowPeak -o x.regds --target bin --min-overlap 1
exit 2
err regds-build: --min-overlap must be at least 0 and less than 1*

case bins longer than the window
run regds-build -f ref.fa a.narrowPeak -o x.regds --target bin --window 100
exit 2
err regds-build: bins of 200 bases do not fit into a window of 100*

case more bins than the window holds
run regds-build -f ref.fa a.narrowPeak -o x.regds --target bin --label-bins 6
exit 2
err regds-build: 6 bins of 200 bases do not fit into a window of 1000*

case bins that cannot lie in the middle
run regds-build -f ref.fa a.narrowPeak -o x.regds --target bin --window 1001
exit 2
err regds-build: 1 bin of 200 bases cannot lie in the middle of a window of 1001*odd*
absent x.regds

case no bins
run regds-build -f ref.fa a.narrowPeak -o x.regds --target bin --label-bins 0
exit 2
err regds-build: --label-bins '0'*

case a class that no marker has
run regds-build -f ref.fa --sheet sheet.tsv -o x.regds --target bin --keep-if class:Histone
exit 2
err regds-build: --keep-if class:Histone: no marker is of this class*
absent x.regds

case a rule that is none
run regds-build -f ref.fa a.narrowPeak -o x.regds --target bin --keep-if some
exit 2
err regds-build: --keep-if 'some': *

case rules that contradict each other
run regds-build -f ref.fa --sheet sheet.tsv -o x.regds --target bin --keep-if class:TFBS --keep-if all
exit 2
err regds-build: --keep-if all stands alone*

case overlapping windows dealt out one by one
run regds-build -f ref.fa a.narrowPeak -o x.regds --target bin --split random:0.8,0.1,0.1 --split-block 0
exit 2
err regds-build: --split-block 0 would deal overlapping windows into different splits*
absent x.regds

case peaks for coverage
run regds-build -f ref.fa a.narrowPeak -o x.regds --target coverage
exit 3
err regds-build: a.narrowPeak:1: bedGraph has 4 columns*
absent x.regds

case negative coverage
setup printf 'track type=bedGraph\nchr1\t0\t100\t3\nchr1\t100\t200\t-0.5\n' > c.bedGraph
run regds-build -f ref.fa c.bedGraph -o x.regds --target coverage --window 1000
exit 3
err regds-build: c.bedGraph:3: the value is negative*
absent x.regds

case coverage that is no number
setup printf 'chr1\t0\t100\tinf\n' > c.bedGraph
run regds-build -f ref.fa c.bedGraph -o x.regds --target coverage --window 1000
exit 3
err regds-build: c.bedGraph:1: value 'inf' is no finite number

case coverage that overlaps
setup printf 'chr1\t0\t100\t3\nchr1\t99\t200\t1\n' > c.bedGraph
run regds-build -f ref.fa c.bedGraph -o x.regds --target coverage --window 1000
exit 3
err regds-build: c.bedGraph:2: begins at 99, before the end of the interval above, 100*

case a bigWig that is none
setup cp b.bed c.bw
run regds-build -f ref.fa c.bw -o x.regds --target coverage --window 1000
exit 3
err regds-build: c.bw: this is no bigWig*
absent x.regds

case a data set of coverage with a bin's coverage gone
setup printf 'chr1\t0\t100\t3\nchr1\t100\t200\t1\n' > c.bedGraph; regds-build -f ref.fa c.bedGraph -o c.regds --target coverage --window 1000 --label-bin 100; zcat c.regds/coverage.bed.gz | head -n 1 | gzip > cut; mv cut c.regds/coverage.bed.gz
run regtrain -d c.regds -a dilated --steps 1 -o new.safetensors
exit 3
err regtrain: c.regds/coverage.bed.gz:1: has another number of lines than dataset.json says
absent new.safetensors

# ---- when things end early ---------------------------------------------------------------------------------------------
case a limit on the size of files
run ulimit -f 2; regds-build -f ref.fa a.narrowPeak --window 20 --no-version -o x.regds
exit 1
err regds-build: x.regds/*.bed.gz: cannot write: File too large
absent x.regds

case a limit on the size of files leaves the old data set
setup regds-build -f ref.fa a.narrowPeak --window 5000 -o x.regds
run ulimit -f 2; regds-build -f ref.fa a.narrowPeak --window 20 --force -o x.regds
exit 1
same x.regds/windows.bed.gz
same x.regds/dataset.json

# ---- regtrain ----------------------------------------------------------------------------------------------------------
case describing a spec with an unknown key
run printf '{"name": "x", "layers": [{"name": "e", "type": "embedding", "filters": 4}, {"name": "d", "type": "dense", "heads": 1}]}' > x.json; regtrain --describe x.json
exit 3
err regtrain: x.json: layer 'd': unknown key 'heads'*

case a spec with a cycle
run printf '{"name": "x", "layers": [{"name": "e", "type": "embedding", "filters": 4}, {"name": "a", "type": "conv", "from": "b", "filters": 4, "width": 1}, {"name": "b", "type": "conv", "filters": 4, "width": 1}]}' > x.json; regtrain --describe x.json
exit 3
err regtrain: x.json: layer 'a': reads 'b', which is not an earlier layer*

case a spec whose shapes do not fit
run printf '{"name": "x", "layers": [{"name": "e", "type": "embedding", "filters": 4}, {"name": "a", "type": "conv", "filters": 4, "width": 1}, {"name": "b", "type": "conv", "filters": 5, "width": 1}, {"name": "s", "type": "add", "from": ["a", "b"]}, {"name": "d", "type": "dense"}]}' > x.json; regtrain --describe x.json
exit 3
err regtrain: x.json: layer 's': adds 'a' of 4 channels*

case regtrain without a data set
run regtrain -a dilated -o m.safetensors
exit 2
err regtrain: *-d*

case batch norm over a batch of one window
setup regds-build -f ref.fa b.bed -o w.regds --target bin --window 600 --label-bin 200 --test chr2
run regtrain -d w.regds -a basset --batch 1 --steps 1 -o new.safetensors
exit 2
err regtrain: --batch 1: layer 'dense1' of basset is normalised over the windows*
absent new.safetensors

case an architecture that is none
run regtrain -d small.regds -a dilatd -o m.safetensors
exit 2
err regtrain: *dilatd*
absent m.safetensors

case a precision that is none
run regtrain -d small.regds -a dilated -o m.safetensors --precision f16
exit 2
err regtrain: --precision 'f16': not one of f32, bf16

case bf16 where there is f32 only
run regtrain -d small.regds -a dilated -o m.safetensors --device reference --precision bf16
exit 2
err regtrain: --precision bf16: --device reference has f32 only; *
absent m.safetensors

case a time that is none
run regtrain -d small.regds -a dilated -o m.safetensors --max-time 10x
exit 2
err regtrain: --max-time '10x': not a time such as 90s, 10m, 1h30m or 2d

case a spec with an unknown key
setup sed 's/"dropout": 0.1/"droput": 0.1/' "$TEST_TOOLS/data/tiny.json" > odd.json
run regtrain -d small.regds -a odd.json -o m.safetensors
exit 3
err regtrain: odd.json*droput*
absent m.safetensors

case no GPU here
run CUDA_VISIBLE_DEVICES= regtrain -d small.regds -a "$TEST_TOOLS/data/tiny.json" -o m.safetensors --steps 2 --device cuda
exit 1
err regtrain: --device cuda: *--device cpu
absent m.safetensors

case a reference that is not the data set's
setup sed 's/^>chr2/>chr3/' ref.fa > other.fa
run regtrain -d small.regds -f other.fa -a "$TEST_TOOLS/data/tiny.json" -o m.safetensors --steps 2
exit 4
err regtrain: *chr*
absent m.safetensors

case no such data set
run regtrain -d none.regds -a dilated -o m.safetensors
exit 1
err regtrain: none.regds: cannot open: No such file*

case resuming with another data set
setup for w in 600 800; do regds-build -f ref.fa --sheet sheet.tsv --target bin --window $w --verbosity 1 -o $w.regds; done
setup regtrain -d 600.regds -a lr --steps 1 --checkpoint-every 0 --keep-checkpoints --verbosity 1 -o m.safetensors
run regtrain -d 800.regds -a lr --steps 2 --resume -o m.safetensors
exit 4
err regtrain: m.safetensors.part*: its run had another dataset; *
same m.safetensors

case a data set without its peaks
setup rm small.regds/peaks.bed.gz
run regtrain -d small.regds -a "$TEST_TOOLS/data/tiny.json" -o m.safetensors --steps 2
exit 3
err regtrain: small.regds*peaks.bed.gz*

case a FASTA of the same names and lengths with one other base: training
setup awk 'NR == 1500 {print (substr($0, 1, 1) == "A" ? "C" : "A") substr($0, 2); next} {print}' ref.fa > other.fa
run regtrain -d small.regds -f other.fa -a "$TEST_TOOLS/data/tiny.json" -o m.safetensors --steps 2
exit 4
err regtrain: other.fa: contig chr2 has other bases than in the reference of small.regds, first in chr2:1-30000; give that FASTA with -f
absent m.safetensors

case a FASTA of the same names and lengths with one other base: evaluation
setup awk 'NR == 1500 {print (substr($0, 1, 1) == "A" ? "C" : "A") substr($0, 2); next} {print}' ref.fa > other.fa
run regeval -m model.safetensors -d small.regds -f other.fa --split test
exit 4
err regeval: other.fa: contig chr2 has other bases than in the reference of small.regds, first in chr2:1-30000; give that FASTA with -f

case bases hard-masked after the data set was built
setup sed '1500s/[ACGT]/N/g' ref.fa > masked.fa
run regeval -m model.safetensors -d small.regds -f masked.fa --split test
exit 4
err regeval: masked.fa: contig chr2 has other bases*

case a data set whose digests are lost
setup rm small.regds/digests.bed
run regeval -m model.safetensors -d small.regds
exit 3
err regeval: small.regds: no data set, it holds no digests.bed; build one with regds-build

case a stream has no reference to check
run regcall -m model.safetensors --check-reference -O bed ref.fa
exit 2
err regcall: --check-reference needs a reference: name it with -f

case a data set whose windows were cut
setup head -c 100 small.regds/windows.bed.gz > w && mv w small.regds/windows.bed.gz
run regtrain -d small.regds -a "$TEST_TOOLS/data/tiny.json" -o m.safetensors --steps 2
exit 3
err regtrain: *small.regds/windows.bed.gz*

case the reference of a data set has moved
setup cp ref.fa h.fa && regds-build -f h.fa b.bed --window 5000 -o h.regds && rm h.fa
run regeval -m model.safetensors -d h.regds > out 2> words; echo $?; cat words; regtrain -d h.regds -a "$TEST_TOOLS/data/tiny.json" -o m.safetensors --steps 2
exit 1
out 1?regeval: */h.fa: cannot open: there is no such file; the data set h.regds names this reference: say with -f where it is now
err regtrain: */h.fa: cannot open: there is no such file; the data set h.regds names this reference: say with -f where it is now
absent m.safetensors

case training without an output
run regtrain -d small.regds -a "$TEST_TOOLS/data/tiny.json" --steps 2
exit 2
err regtrain: -o/--output FILE is needed*

case a spec with a misspelt key that is needed
run printf '{"name": "x", "layers": [{"name": "e", "type": "embedding", "filters": 4}, {"name": "a", "type": "conv", "filters": 4, "widht": 1}, {"name": "d", "type": "dense"}]}' > x.json; regtrain --describe x.json
exit 3
err regtrain: x.json: layer 'a': unknown key 'widht'; did you mean width?

case a spec with a misspelt key that is not needed
run printf '{"name": "x", "layers": [{"name": "e", "type": "embedding", "filters": 4}, {"name": "a", "type": "conv", "filters": 4, "width": 1, "dilatoin": 2}, {"name": "d", "type": "dense"}]}' > x.json; regtrain --describe x.json
exit 3
err regtrain: x.json: layer 'a': unknown key 'dilatoin'; did you mean dilation? known here: *

case training that diverges
run regtrain -d small.regds -a "$TEST_TOOLS/data/tiny.json" -o m.safetensors --steps 200 --lr 1e30 --clip 0 --device cpu
exit 5
err regtrain: *step*
absent m.safetensors

# ---- models ------------------------------------------------------------------------------------------------------------
case a model that is cut
setup head -c 5000 model.safetensors > cut.safetensors
run regeval -m cut.safetensors -d small.regds
exit 3
err regeval: cut.safetensors: truncated, or damaged: its header takes * bytes, but 4992 are left in the file; copy it again

case a model that lacks its last bytes
setup head -c -10 model.safetensors > cut.safetensors
run regeval -m cut.safetensors -d small.regds
exit 3
err regeval: cut.safetensors: truncated, or damaged: its tensors take * bytes, but * are left in the file; copy it again

case a model whose header length is absurd
setup { printf '\377\377\377\377\377\377\377\177'; tail -c +9 model.safetensors; } > long.safetensors
run regeval -m long.safetensors -d small.regds
exit 3
err regeval: long.safetensors*

case a model that is a text
setup echo '{"not": "a model"}' > text.safetensors
run regeval -m text.safetensors -d small.regds
exit 3
err regeval: text.safetensors*

case a model with something behind it
setup { cat model.safetensors; echo more; } > tail.safetensors
run regeval -m tail.safetensors -d small.regds
exit 3
err regeval: tail.safetensors*

case a model whose running variance is negative, in regeval
setup "$TEST_TOOLS/../support/edit_model.py" model.safetensors bad.safetensors tensor conv2.norm.running_var 3 -1
run regeval -m bad.safetensors -d small.regds
exit 3
err regeval: bad.safetensors: tensor 'conv2.norm.running_var' holds -1 at element 3; a variance is not negative

case a model whose running variance is negative, in regcall
setup "$TEST_TOOLS/../support/edit_model.py" model.safetensors bad.safetensors tensor conv2.norm.running_var 3 -1
run regcall -m bad.safetensors -f ref.fa -o new.bed -O bed
exit 3
err regcall: bad.safetensors: tensor 'conv2.norm.running_var' holds -1 at element 3; *
absent new.bed

case a model whose running variance is negative, in regsnp
setup "$TEST_TOOLS/../support/edit_model.py" model.safetensors bad.safetensors tensor conv2.norm.running_var 3 -1
run regsnp -m bad.safetensors -f ref.fa in.vcf -o new.vcf
exit 3
err regsnp: bad.safetensors: tensor 'conv2.norm.running_var' holds -1 at element 3; *
absent new.vcf

case a model with a weight that is not a number
setup "$TEST_TOOLS/../support/edit_model.py" model.safetensors bad.safetensors tensor dense1.weight 5 nan
run regsnp -m bad.safetensors -f ref.fa in.vcf -o new.vcf
exit 3
err regsnp: bad.safetensors: tensor 'dense1.weight' holds nan at element 5
absent new.vcf

case a model with an infinite bias
setup "$TEST_TOOLS/../support/edit_model.py" model.safetensors bad.safetensors tensor conv1.bias 2 inf
run regcall -m bad.safetensors -f ref.fa -o new.bed -O bed
exit 3
err regcall: bad.safetensors: tensor 'conv1.bias' holds inf at element 2
absent new.bed

case no such model
run regeval -m none.safetensors -d small.regds
exit 1
err regeval: *none.safetensors*No such file*

case a marker that the model has not
run regeval -m model.safetensors -d small.regds -k GATA1
exit 2
err regeval: -k GATA1: no marker is called that; there are CTCF.K562, open.K562 (-k takes names, globs such as 'CTCF[*]', and class:NAME)

case a marker that the model has under another name
run regcall -m model.safetensors -f ref.fa -O bed -k my_CTCF.K562
exit 2
err regcall: -k my_CTCF.K562: no marker is called that; did you mean CTCF.K562? there are CTCF.K562, open.K562 (-k takes*

case a class that the model has not
run regcall -m model.safetensors -f ref.fa -O bed -k class:DNAse1
exit 2
err regcall: -k class:DNAse1: no marker is of this class; did you mean class:DNase? there are class:TFBS, class:DNase (-k takes*

case metrics to a full device
run regeval -m model.safetensors -d small.regds --device cpu > /dev/full
exit 1
err regeval: *No space left on device*

# ---- regsnp ------------------------------------------------------------------------------------------------------------
case REF is not the reference's
setup awk 'BEGIN {OFS = "\t"} $3 == "snv" {$4 = $4 == "C" ? "T" : "C"; $5 = "G"} {print}' FS='\t' in.vcf > wrong.vcf
run regsnp -m model.safetensors -f ref.fa -o out.vcf wrong.vcf
exit 3
err regsnp: *chr1:20000*--ref-mismatch*
absent out.vcf

case an index of standard output: refused before anything is written
run regsnp -m model.safetensors -f ref.fa -O z --write-index in.vcf > said.bin || { code=$?; [[ -s said.bin ]] && exit 99; exit $code; }
exit 2
err regsnp: an index needs an output file*

case variants of another naming
setup sed 's/^chr//; s/ID=chr/ID=/' in.vcf > ensembl.vcf
run regsnp -m model.safetensors -f ref.fa -o out.vcf ensembl.vcf
exit [34]
err regsnp: *--alias*
absent out.vcf

case a VCF with a position that is no number
setup sed 's/20000/20.7/' in.vcf > odd.vcf
run regsnp -m model.safetensors -f ref.fa -o out.vcf odd.vcf
exit 3
err regsnp: odd.vcf*
absent out.vcf

case a VCF line that is short
setup { cat in.vcf; printf 'chr2\t6000\tx\tA\n'; } > short.vcf
run regsnp -m model.safetensors -f ref.fa -o out.vcf short.vcf
exit 3
err regsnp: short.vcf*
absent out.vcf

case a VCF with a NUL byte
setup { cat in.vcf; printf 'chr2\t6000\tx\0y\tA\tC\t.\t.\t.\n'; } > nul.vcf
run regsnp -m model.safetensors -f ref.fa -o out.vcf nul.vcf
exit 3
err regsnp: nul.vcf*
absent out.vcf

case a VCF that is none
run regsnp -m model.safetensors -f ref.fa -o out.vcf b.bed
exit 3
err regsnp: b.bed: this is a BED file (or one of its kind); regsnp reads VCF or BCF
absent out.vcf

case a VCF in a gzip that is cut
need bgzip
setup { cat in.vcf; awk 'BEGIN {for (i = 0; i < 3000; ++i) print "chr1\t" 26000 + i "\t.\tN\tA\t.\t.\tDP=" i * 7919 % 1000}'; } | bgzip -c > whole.vcf.gz; head -c 6000 whole.vcf.gz > cut.vcf.gz
run regsnp -m model.safetensors -f ref.fa --ref-mismatch skip -O v -o out.vcf cut.vcf.gz
exit 3
err regsnp: cut.vcf.gz*
absent out.vcf

case output is input
run regsnp -m model.safetensors -f ref.fa -o in.vcf in.vcf
exit 2
err regsnp: *in.vcf*
same in.vcf

case scored variants to a full device
run regsnp -m model.safetensors -f ref.fa in.vcf > /dev/full
exit 1
err regsnp: *No space left on device*

case a reader that goes away
run regsnp -m model.safetensors -f ref.fa in.vcf 2> said.txt | true; echo "${PIPESTATUS[0]}" > code; grep -qE '^(0|141)$' code

case a command that is misspelt
run regsnp anotate -m model.safetensors -f ref.fa in.vcf
exit 2
err regsnp: there is no command 'anotate' and no such file; did you mean annotate?

# ---- regcall -----------------------------------------------------------------------------------------------------------
case a cutoff that is none
run regcall -m model.safetensors -f ref.fa -c abc -O bed
exit 2
err regcall: -c 'abc': not f1, fdr:LEVEL, a number of at least 0, or NAME= and one of these

case a stored cutoff that there is none of
run regcall -m model.safetensors -f ref.fa -c f2 -O bed
exit 2
err regcall: -c 'f2': not f1, fdr:LEVEL, *

case a cutoff of a false discovery rate that models do not hold
run regcall -m model.safetensors -f ref.fa -c fdr:0.3 -O bed
exit 2
err regcall: -c 'fdr:0.3': models have cutoffs for false discovery rates of 0.05, 0.1 and 0.2

case a cutoff of markers that the model lacks
run regcall -m model.safetensors -f ref.fa -c X=0.5 -O bed
exit 2
err regcall: -c X: no marker is called that; there are CTCF.K562, open.K562 (-c takes names, globs *

case a cutoff of no marker
run regcall -m model.safetensors -f ref.fa -c =0.5 -O bed
exit 2
err regcall: -c '=0.5': no name of a marker before '='

case a cutoff that is no probability, of some markers
run regcall -m model.safetensors -f ref.fa -c 'CTCF*=1.5' -O bed
exit 2
err regcall: -c CTCF*=1.5: the cutoff is a probability, 0 to 1

case a calibrated cutoff of a model that is not calibrated
run regcall -m model.safetensors -f ref.fa -c f1 -O bed
exit 2
err regcall: -c f1: model.safetensors is not calibrated and has no such cutoff; give a probability, as -c 0.5, or calibrate it: *

case a calibrated cutoff of some markers of a model that is not calibrated
run regcall -m model.safetensors -f ref.fa -c 0.5 -c class:TFBS=fdr:0.1 -O bed
exit 2
err regcall: -c class:TFBS=fdr:0.1: model.safetensors is not calibrated *

case a calibrated cutoff of plain probabilities
run regcall -m model.safetensors -f ref.fa --raw -c f1 -O bed
exit 2
err regcall: -c f1 is a calibrated cutoff; --raw calls by the model's own probability

case bigWig to standard output
run regcall -m model.safetensors -f ref.fa -k class:TFBS -O bigwig
exit 2
err regcall: *

case bigBed to standard output
run regcall -m model.safetensors -f ref.fa -O bigbed
exit 2
err regcall: bigBed cannot be written to standard output or a pipe: it needs seeking; name a file with -o

case bigBed through gzip
run regcall -m model.safetensors -f ref.fa -o x.bb.gz
exit 2
err regcall: x.bb.gz: bigBed is compressed already and cannot be read through gzip; leave out .gz
absent x.bb.gz

case a hub of no genome
run regcall -m model.safetensors -f ref.fa --hub x
exit 2
err regcall: --hub needs the genome's name, as UCSC has it: --genome hg19
absent x

case a genome for nothing
run regcall -m model.safetensors -f ref.fa -o x.bed --genome hg19
exit 2
err regcall: --genome names the genome of --hub and --igv; neither is asked for
absent x.bed

case a session of nothing
run regcall -m model.safetensors -f ref.fa --igv x.xml
exit 2
err regcall: --igv shows tracks in files: name some with -o, as '{marker}.bw' or sites.bb
absent x.xml

case a session of a stream without a genome
run regcall -m model.safetensors ref.fa -o x.bed --igv x.xml
exit 2
err regcall: --igv needs a genome: a reference with -f, or a name that IGV knows with --genome
absent x.bed

case one output twice
run regcall -m model.safetensors -f ref.fa -o x.bed -o x.tsv -o ./x.bed
exit 2
err regcall: *x.bed*
absent x.bed
absent x.tsv

case a second output whose name tells no format
run regcall -m model.safetensors -f ref.fa -o x.bed -o x.unknown
exit 2
err regcall: x.unknown: the name does not tell the format; say it with -O (narrowpeak, bed, *)
absent x.bed

case a format against the name of one of several outputs
run regcall -m model.safetensors -f ref.fa -O bed -o x.bed -o x.bb
exit 2
err regcall: -O bed, but x.bb is bigBed by its name; with several -o leave out -O and let the names tell
absent x.bed

case 8-bit values beside intervals
run regcall -m model.safetensors -f ref.fa --values 8bit -o '{marker}.bw' -o x.bed
exit 2
err regcall: --values 8bit goes with bedgraph and bigwig alone: intervals are of exact values; write them in a run of their own
absent x.bed

case bigWig of several markers beside others
run regcall -m model.safetensors -f ref.fa -o x.bed -o x.bw
exit 2
err regcall: bigWig files hold one marker each; *
absent x.bed

case an output that is an input, behind another
run regcall -m model.safetensors ref.fa -o x.bed -O bed -o ref.fa
exit 2
err regcall: *ref.fa*
same ref.fa
absent x.bed

case missing folders below a file
run regcall -m model.safetensors -f ref.fa --parents -o ref.fa/a/x.bed
exit 1
err regcall: ref.fa/a/x.bed: cannot *: Not a directory

case cutoff, least length and gap do not go with values
run for o in '-c 0.1' '--min-length 5' '--merge-gap 5'; do regcall -m model.safetensors -f ref.fa -k class:TFBS $o -o x.bw 2>> words; echo $?; done; grep -c 'shapes intervals: it does not go with bedgraph and bigwig' words
out 2?2?2?3
absent x.bw

case a placeholder that is misspelt
run regcall -m model.safetensors -f ref.fa -o '{makrer}.bed'
exit 2
err regcall: -o {makrer}.bed: {makrer} stands for nothing; {marker} stands for the name of a marker
absent {makrer}.bed

case several markers in one bedGraph
run regcall -m model.safetensors -f ref.fa -O bedgraph -o out.bedgraph
exit 2
err regcall: *{marker}*
absent out.bedgraph

case tracks where there is no directory
run regcall -m model.safetensors -f ref.fa -o 'bw/{marker}.bw'
exit 1
err regcall: bw/{marker}.bw: cannot create: there is no directory bw; make it first: mkdir -p bw

case tracks below a file
run regcall -m model.safetensors -f ref.fa -o ref.fa/x.bed
exit 1
err regcall: ref.fa/x.bed: cannot create: ref.fa is a file, not a directory

case a folder as the output
run regcall -m model.safetensors -f ref.fa -O bed -o small.regds/
exit 2
err regcall: small.regds/: the name of a folder; name a file in it

case a model where there is no directory
run regtrain -d small.regds -a "$TEST_TOOLS/data/tiny.json" -o nowhere/m.safetensors --steps 2
exit 1
err regtrain: nowhere/m.safetensors: cannot create: there is no directory nowhere; make it first: mkdir -p nowhere

case metrics where there is no directory
run regeval -m model.safetensors -d small.regds -o out/m.tsv
exit 1
err regeval: out/m.tsv: cannot create: there is no directory out; make it first: mkdir -p out

case a contig whose name bigWig cannot hold
setup { printf '>'; head -c 256 /dev/zero | tr '\0' c; echo; echo ACGTACGTACGT; } > long.fa
run regcall -m model.safetensors -f long.fa -k CTCF.K562 -o x.bw
exit 3
err regcall: x.bw: a contig name in bigWig has 1 to 255 bytes; 'cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc...' has 256
absent x.bw

case two records of one name, which bigBed cannot hold
run cat ref.fa ref.fa | regcall -m model.safetensors -o x.bb -
exit 3
err regcall: *contig 'chr1' occurs twice; in bigWig and bigBed names must be unique
absent x.bb

case a region past the end
run regcall -m model.safetensors -f ref.fa -r chr1:70,000-80,000 -O bed -o out.bed
exit [23]
err regcall: *chr1*
absent out.bed

case a region of another naming
run regcall -m model.safetensors -f ref.fa -r 1:100-200 -O bed -o out.bed
exit 4
err regcall: *chr1*
absent out.bed

case sequence that is none
stdin >x\nACGT\n!!!!\n
run regcall -m model.safetensors -O bed -
exit 3
err regcall: *

case calls to a full device
run regcall -m model.safetensors -f ref.fa -c 0 -O bed > /dev/full
exit 1
err regcall: *No space left on device*

case regeval, output is the model
run regeval -m model.safetensors -d small.regds -o model.safetensors
exit 2
err regeval: model.safetensors: is the same file as the input model.safetensors*
same model.safetensors

case regeval, curves are a mask
setup printf 'chr2\t0\t10\n' > mask.bed
run regeval -m model.safetensors -d small.regds --exclude mask.bed --curves ./mask.bed
exit 2
err regeval: ./mask.bed: is the same file as the input mask.bed*
same mask.bed

case regeval, output is the annotation
setup printf 'chr2\t0\t10\tp\n' > by.bed
run regeval -m model.safetensors -d small.regds --by by.bed -o ./by.bed
exit 2
err regeval: ./by.bed: is the same file as the input by.bed*
same by.bed

case regeval, an annotation has the name of everything
setup printf 'chr2\t0\t10\tp\nchr2\t20\t30\tall\n' > by.bed
run regeval -m model.safetensors -d small.regds --by by.bed
exit 3
err regeval: by.bed: an annotation is named 'all', as the rows of everything are; give it another name

case regeval, each interval is an annotation
setup for i in $(seq 1001); do printf 'chr2\t%s\t%s\tpeak%s\n' $i $((i + 1)) $i; done > by.bed
run regeval -m model.safetensors -d small.regds --by by.bed
exit 3
err regeval: by.bed: column 4 has more than 1000 names, and each would be an annotation; give it names of kinds, or none: cut -f1-3

case regeval, annotations are too many for the memory
setup for i in $(seq 1000); do printf 'chr2\t%s\t%s\tpeak%s\n' $i $((i + 1)) $i; done > by.bed
setup random_model many.safetensors "$TEST_TOOLS/data/tiny.json" 1 chr1:60000 $(seq -f 'm%g=TFBS' 5)
setup for i in $(seq 5); do cp b.bed m$i.bed; done; regds-build -f ref.fa --window 5000 --test chr2:1-30000 --verbosity 1 -o many.regds m?.bed
run regeval -m many.safetensors -d many.regds --by by.bed --bootstrap 0
exit 2
err regeval: --by: 1000 annotations of 5 markers would need more than 2048 MiB; choose markers with -k, or give fewer annotations

case regeval, annotations of another reference
setup printf '2\t0\t10\tp\n' > by.bed
run regeval -m model.safetensors -d small.regds --by by.bed
exit 4
err regeval: by.bed: none of its contigs is in the data set's reference; are they named chr1 there and 1 here?

case regeval, motifs without baselines
setup printf 'MEME version 4\n' > m.meme
run regeval -m model.safetensors -d small.regds --motifs m.meme
exit 2
err regeval: --motifs is for --baselines, which is not given

case regeval, motifs that are none
setup printf 'MEME version 4\n\nMOTIF x\nletter-probability matrix: w= 1\n0.5 0.5 0.5 0.5\n' > m.meme
run regeval -m model.safetensors -d small.regds --baselines --motifs m.meme
exit 3
err regeval: m.meme:5: the four probabilities do not sum to 1

case regeval, motifs of another format
setup printf '>MA0139.1\tCTCF\nA  [    87    167 ]\n' > m.jaspar
run regeval -m model.safetensors -d small.regds --baselines --motifs m.jaspar
exit 3
err regeval: m.jaspar:1: does not begin with 'MEME version'; --motifs takes motifs in the text format of the MEME suite

case regeval, the annotation is a FASTA file
run regeval -m model.safetensors -d small.regds --by ref.fa
exit 3
err regeval: ref.fa: this is a FASTA file; --by takes intervals, a BED file

case regeval, two outputs in one file
run regeval -m model.safetensors -d small.regds -o out.tsv --curves ./out.tsv
exit 2
err regeval: *out.tsv*same file*
absent out.tsv

case regtrain, output is the architecture
setup cp "$TEST_TOOLS/data/tiny.json" tiny.json
run regtrain -d small.regds -a tiny.json -o tiny.json --steps 2
exit 2
err regtrain: tiny.json: is the same file as the input tiny.json*
same tiny.json

case regtrain, output is the reference
run regtrain -d small.regds -f ref.fa -a "$TEST_TOOLS/data/tiny.json" -o ref.fa --steps 2
exit 2
err regtrain: ref.fa: is the same file as the input *ref.fa*
same ref.fa
absent ref.fa.part

case regtrain, output within the data set
run regtrain -d small.regds -a "$TEST_TOOLS/data/tiny.json" -o small.regds/m.safetensors --steps 2
exit 2
err regtrain: small.regds/m.safetensors: lies inside the input small.regds*
absent small.regds/*.part

case regtrain, the log would be the architecture
setup cp "$TEST_TOOLS/data/tiny.json" m.log.tsv
setup cp "$TEST_TOOLS/data/tiny.json" tiny.json && ln -f m.log.tsv tiny.json
run regtrain -d small.regds -a tiny.json -o m.safetensors --steps 2
exit 2
err regtrain: m.log.tsv: is the same file as the input tiny.json*
same tiny.json

case regtrain to a device keeps neither log nor checkpoints
run regtrain -d small.regds -a "$TEST_TOOLS/data/tiny.json" -o /dev/null --steps 2 --valid-every 1 --checkpoint-every 0 && ! compgen -G '/dev/null?*'
err regtrain: 2 steps*

case regtrain to a full device
run regtrain -d small.regds -a "$TEST_TOOLS/data/tiny.json" -o /dev/full --steps 2
exit 1
err regtrain: /dev/full: cannot write: No space left on device

case regtrain resumes nothing that went to a device
run regtrain -d small.regds -a "$TEST_TOOLS/data/tiny.json" -o /dev/null --steps 2 --resume
exit 2
err regtrain: --resume needs a regular file*

case regtrain, checkpoints do not go through a link
setup mkdir elsewhere && ln -s elsewhere m.safetensors.part
run regtrain -d small.regds -a "$TEST_TOOLS/data/tiny.json" -o m.safetensors --steps 2
exit 1
err regtrain: m.safetensors.part: is in the way, and no directory*
absent elsewhere/*
absent m.safetensors

case regeval, output within the data set
run regeval -m model.safetensors -d small.regds --curves small.regds/curves.tsv
exit 2
err regeval: small.regds/curves.tsv: lies inside the input small.regds*
absent small.regds/curves.tsv

case regds-build, the data set to be replaced holds an input
setup cp b.bed small.regds/more.bed
run regds-build -f ref.fa --window 5000 --force -o small.regds a.narrowPeak small.regds/more.bed
exit 2
err regds-build: small.regds: holds the input small.regds/more.bed*
same small.regds/more.bed

case regcall, output is an index that is still to be made
run regcall -m model.safetensors -f ref.fa -O bed -o ref.fa.fai
exit 2
err regcall: ref.fa.fai: is the index of the input ref.fa*

case a model that is a pipe: what to do
setup mkfifo pipe
run timeout 20 regcall -m pipe -f ref.fa
exit 3
err regcall: pipe: *regular file*write it to one first

case a model that does not say what it was trained on
setup "$TEST_TOOLS/../support/edit_model.py" model.safetensors bare.safetensors metadata regkit.reference '[]'
run regcall -m bare.safetensors -f ref.fa -r chr1:1-1000 -O bed > out
err regcall: bare.safetensors: does not say what it was trained on: nothing was compared with ref.fa

case a model that is a pipe is refused at once
setup mkfifo pipe
run for call in 'regcall -m pipe -f ref.fa' 'regsnp -m pipe -f ref.fa in.vcf' 'regeval -m pipe -d small.regds'; do timeout 20 $call > out 2> words; [ $? = 3 ] && grep -q ': pipe: .*regular file' words || { cat words; exit 1; }; done

case a reference that is a pipe is refused at once
setup mkfifo pipe
run for call in 'regcall -m model.safetensors -f pipe' 'regsnp -m model.safetensors -f pipe in.vcf' 'regeval -m model.safetensors -d small.regds -f pipe' 'regds-build -f pipe -o x.regds b.bed'; do timeout 20 $call > out 2> words; [ $? = 3 ] && grep -q ': pipe: .*regular file' words || { cat words; exit 1; }; done

case regsnp, haplotypes of a VCF without samples
run regsnp -m model.safetensors -f ref.fa --haplotypes -o out.vcf in.vcf
exit 3
err regsnp: in.vcf: has no samples, so there are no genotypes for --haplotypes
absent out.vcf

case regsnp, a sample without haplotypes
run regsnp -m model.safetensors -f ref.fa -s NA1 -o out.vcf in.vcf
exit 2
err regsnp: --sample goes with --haplotypes
absent out.vcf

case regsnp, haplotypes of several samples, of none of them, and out of order
setup awk -v OFS='\t' '/^##/ { print; next } /^#/ { print $0, "FORMAT", "A", "B"; next } { print $0, "GT", "0|1", "1|1" }' in.vcf > two.vcf; (grep '^#' two.vcf; grep -v '^#' two.vcf | grep '^chr1' | tac) > back.vcf
run while IFS=@ read -r code call words; do regsnp -m model.safetensors -f ref.fa --haplotypes $call > out 2> said; [ $? = "$code" ] && grep -q "$words" said || { cat said; exit 1; }; done < <(printf '%s\n' '2@two.vcf@two.vcf has 2 samples; name one with --sample' '4@-s C two.vcf@two.vcf has no such sample; it has A, B' '3@-s A back.vcf@out of order, so what lies near on a haplotype is not known')

case regsnp, a shard of standard input, of regions, of a file without blocks, and without an index
setup bcftools view -Oz -o bare.vcf.gz in.vcf
run while IFS=@ read -r code call words; do regsnp -m model.safetensors -f ref.fa --shard 1/2 $call -o out.vcf < in.vcf > out 2> said; [ $? = "$code" ] && grep -q "$words" said && [ ! -e out.vcf ] || { cat said; exit 1; }; done < <(printf '%s\n' '2@-@by its index: name a file in bgzip VCF or BCF, not standard input' '2@-r chr1 bare.vcf.gz@leave --region and --regions-file out' '2@in.vcf@in.vcf: a shard is found by an index, which a file in bgzip VCF or BCF has' '1@bare.vcf.gz@bare.vcf.gz: a shard is found by the index')
need bcftools

case regsnp merge, a file that is no part
run regsnp merge -o out.vcf in.vcf
exit 3
err regsnp: in.vcf: no part of a run: its header has no line ##regsnpShard=, as regsnp annotate --shard writes it
absent out.vcf

case regsnp, output is the index of the input
setup bgzip -k in.vcf
run regsnp -m model.safetensors -f ref.fa -o in.vcf.gz.tbi -O z in.vcf.gz
exit 2
err regsnp: in.vcf.gz.tbi: is the index of the input in.vcf.gz*
absent in.vcf.gz.tbi

case regsnp, the matrix would be the index of the variants
setup sed -i '/^chr1.25010/d' in.vcf
run regsnp -m model.safetensors -f ref.fa -o out.vcf.gz --matrix out.vcf.gz.tbi --write-index in.vcf
exit 2
err regsnp: *out.vcf.gz.tbi*same file*
absent out.vcf.gz

case compressed variants on standard output that end with an error have no end of file
setup { grep -v '^chr2' in.vcf; printf 'chr1\t30000\tbad\tN\tA\tx\n'; } > bad.vcf
run for format in z b; do regsnp -m model.safetensors -f ref.fa -O $format bad.vcf > out 2> words; [ $? = 3 ] || exit 1; tail -c 28 out | cmp -s - <(printf '\037\213\010\004\0\0\0\0\0\377\006\0\102\103\002\0\033\0\003\0\0\0\0\0\0\0\0\0') && exit 1; done; exit 0

case regsnp, the matrix has the name of an index that is not asked for, or the variants that of the matrix's
run for call in '-o out.vcf.gz --matrix out.vcf.gz.csi' '-o out.bcf --matrix ./out.bcf.csi' '-O z -o m.tsv.gz.tbi --matrix m.tsv.gz'; do regsnp -m model.safetensors -f ref.fa $call in.vcf > out 2> words; [ $? = 2 ] && grep -q 'would be the same file' words || { cat words; exit 1; }; done; ls *.csi *.tbi m.tsv.gz 2> /dev/null && exit 1; exit 0

case regsnp, a plain output takes no index away
setup echo mine | tee out.vcf.tbi > out.vcf.csi
run regsnp -m model.safetensors -f ref.fa -o out.vcf in.vcf
same out.vcf.tbi
same out.vcf.csi

case regsnp and regcall, a plain output takes away the index of the compressed one that it replaces
setup regsnp -m model.safetensors -f ref.fa -o out.vcf.gz --write-index in.vcf; cp out.vcf.gz out.bed; cp out.vcf.gz.tbi out.bed.tbi
run regsnp -m model.safetensors -f ref.fa -O v -o out.vcf.gz in.vcf && regcall -m model.safetensors -f ref.fa -r chr1:1-200 -o out.bed; code=$?; echo out.*; exit $code
out out.bed out.vcf.gz

case regsnp, two outputs in one file
run regsnp -m model.safetensors -f ref.fa -o out.vcf --matrix ./out.vcf in.vcf
exit 2
err regsnp: *out.vcf*same file*
absent out.vcf

case regsnp, output is the alias table
setup printf '1\tchr1\n' > alias.tsv
run regsnp -m model.safetensors -f ref.fa --alias alias.tsv -o alias.tsv in.vcf
exit 2
err regsnp: alias.tsv: is the same file as the input alias.tsv*
same alias.tsv

case regsnp, output is the file of targets to leave out
setup printf 'chr1\t0\t100\n' > t.bed
run regsnp -m model.safetensors -f ref.fa -T ^t.bed -O v -o t.bed in.vcf
exit 2
err regsnp: t.bed: is the same file as the input t.bed*
same t.bed

case regcall, a BED line of a contig named like a header is data
setup printf 'track7\t0\t100\n' > r.bed
run regcall -m model.safetensors -f ref.fa -R r.bed -O bed
exit 4
err regcall: *track7*

case regcall, a region that ends before it starts names its line
setup printf 'chr1\t0\t100\nchr1\t9\t3\n' > r.bed
run regcall -m model.safetensors -f ref.fa -R r.bed -O bed
exit 3
err regcall: r.bed:2: *

# ---- regmodel --------------------------------------------------------------------------------------------------------------
case regmodel of what is no model
run regmodel info ref.fa
exit 3
err regmodel: ref.fa: *regmodel takes a model, a .safetensors file that regtrain wrote*

case regmodel of a file that is not there
run regmodel info none.safetensors
exit 1
err regmodel: *none.safetensors*No such file*

case regmodel of a damaged model
setup head -c 3000 model.safetensors > short.safetensors
run regmodel info short.safetensors
exit 3
err regmodel: short.safetensors*

case regmodel of two models
run regmodel info model.safetensors model.safetensors
exit 2
err regmodel: *

case regmodel, a command that there is not
run regmodel inof
exit 2
err regmodel: there is no command 'inof' and no such file; did you mean info?

case regmodel, two shapes at once
run regmodel info -O json --markers model.safetensors
exit 2
err regmodel: --markers is a table; -O json has the markers too

# ---- names and classes without a sheet, and values that are empty ------------------------------------------------------------
case two files of one name
run regds-build -f ref.fa --window 5000 -o x.regds b.bed b.bed
exit 2
err regds-build: b.bed: a second marker named b; give it another name: NAME=b.bed
absent x.regds

case two names that are spelled alike
run regds-build -f ref.fa --window 5000 -o x.regds 'a b=b.bed' a_b=a.narrowPeak
exit 2
err regds-build: a_b=a.narrowPeak: a second marker named a_b; give it another name: NAME=a.narrowPeak
absent x.regds

case a file without a name before the =
run regds-build -f ref.fa --window 5000 -o x.regds =b.bed
exit 2
err regds-build: '=b.bed': a marker is NAME=FILE; there is no name before the =
absent x.regds

case a name without a file behind the =
run regds-build -f ref.fa --window 5000 -o x.regds CTCF=
exit 2
err regds-build: 'CTCF=': a marker is NAME=FILE; there is no file behind the =
absent x.regds

case a named file that is not there
run regds-build -f ref.fa --window 5000 -o x.regds CTCF=none.bed
exit 1
err regds-build: *none.bed*
absent x.regds

case standard input for two markers
run regds-build -f ref.fa --window 5000 -o x.regds a=- b=- < b.bed
exit 2
err regds-build: standard input can be the peaks of one marker, not of several
absent x.regds

case a class of a marker that is not there
run regds-build -f ref.fa --window 5000 -o x.regds --class CTCF=TFBS b.bed
exit 2
err regds-build: --class CTCF: no marker is called that; there are b (--class takes names, globs *
absent x.regds

case a class for the markers of a sheet
run regds-build -f ref.fa --window 5000 -o x.regds --sheet sheet.tsv --class TFBS
exit 2
err regds-build: --class goes with peak files on the command line; a sheet has a column class
absent x.regds

case an output whose name is empty is not standard output
run regcall -m model.safetensors -f ref.fa -r chr1:1-500 -o ''
exit 2
err regcall: --output '': its value is empty

case regcall reads standard input where no file is named, of which there is nothing
run regcall -m model.safetensors -O bed
exit 3
err regcall: *
absent new*

case an output inside the data set, which has a slash behind its name
run regeval -m model.safetensors -d small.regds/ -o small.regds/new.tsv
exit 2
err regeval: small.regds/new.tsv: lies inside the input small.regds; choose another output
absent small.regds/new.tsv

case calibration is of one strand
run regeval -m model.safetensors -d small.regds --rc-average --calibrate x.safetensors
exit 2
err regeval: --calibrate fits the probabilities of one strand, *
absent x.safetensors

case regions from standard input
run regcall -m model.safetensors -f ref.fa -R - -o x.bed
exit 2
err regcall: --regions-file -: it takes a file, not standard input; bash's <(command) is one
absent x.bed

case regions of a table from standard input
run regcall -m model.safetensors -f ref.fa --over - -o x.bed
exit 2
err regcall: --over -: it takes a file, not standard input; bash's <(command) is one
absent x.bed

case regsnp motifs: of which regions, of which markers, of several models, and where the two outputs are one
run for call in ':sites of which regions' '-r chr1:1-500 -m model.safetensors:takes one model' '-r chr1:1-500 -k none:none' '-r chr1:1-500 -o x.meme --sites ./x.meme:would be the same file' '-r chr1:1-500 --sites ref.fa:ref.fa' '-r chr1:1-500 --steps 3:goes with --method integrated'; do regsnp motifs -m model.safetensors -f ref.fa ${call%%:[a-z]*} > out 2> words; [ $? = 2 ] && grep -q "${call##*:}" words && [ "$(wc -l < words)" = 1 ] || { echo "$call"; cat words; exit 1; }; done; ls x.meme 2> /dev/null && exit 1; exit 0
exit 0

case regsnp motifs, regions of N alone
run regsnp motifs -m model.safetensors -f ref.fa -r chr2:12001-13000
exit 3
err regsnp: the regions are all N in ref.fa: there is nothing to find motifs in
