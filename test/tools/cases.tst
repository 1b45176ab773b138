# What the tools print and write for small inputs. Predictions are made by the reference back end (double precision), whose
# values do not depend on the machine.

case regds-build with a sheet
run regds-build -f ref.fa --sheet sheet.tsv --window 5000 --valid chr1:1-10000 --test chr2:1-30000 --no-version -o made.regds 2> said.txt; cp made.regds/{markers.tsv,windows.bed.gz,peaks.bed.gz,reference.dict} .
golden markers.tsv windows.bed.gz peaks.bed.gz said.txt

case regds-build at random
run regds-build -f ref.fa --split random:0.6,0.2,0.2 --split-block 10000 --window 2000 --no-version -o made.regds b.bed a.narrowPeak.gz && cp made.regds/windows.bed.gz .
golden windows.bed.gz

case regds-build warns of a marker that every training window has
run regds-build -f ref.fa --target bin --no-version -o made.regds a.narrowPeak
err regds-build: warning: every label of a in train windows is positive, so that nothing can be learnt about it; --keep-if all also keeps windows without a label

case regds-build takes what peak callers write: blocks, scaffolds that the reference lacks, peaks past an end, names in UTF-8
setup printf 'chr1\t100\t400\t\302\265-peak\t0\t.\t100\t400\t0\t2\t50,100,\t0,200,\nchrUn_KI270302v1\t10\t200\nchr1\t59000\t60200\nchr2\t7\t7\n' > odd.bed
run for o in '' '--blocks ignore'; do regds-build -f ref.fa --missing-contig skip --clip $o --window 5000 --force -o made.regds odd.bed 2>&1 | grep -v 'windows\|wrote\|class'; zcat made.regds/peaks.bed.gz; done
golden -

case an empty mask masks nothing
setup printf '#chrom\tstart\tend\n' > m.bed
run regds-build -f ref.fa --window 5000 --mask m.bed b.bed -o made.regds
err regds-build: warning: m.bed: holds no interval
err regds-build: windows dropped: *, masked 0, *

case a marker has one name in every output, and -k takes it as it was, too
setup printf 'name\tclass\tpeaks\nCTCF (K562), a/b\tTFBS\ta.narrowPeak\nopen\t\tb.bed\n' > names.tsv
setup regds-build -f ref.fa --sheet names.tsv --window 5000 --test chr2 --verbosity 3 -o made.regds 2> said.txt && regtrain -d made.regds -a "$TEST_TOOLS/data/tiny.json" --steps 1 --verbosity 1 -o m.safetensors
run grep marker said.txt; N='CTCF_(K562)__a_b'; C="regcall -m m.safetensors -f ref.fa -r chr1:1-500 -c 0 --no-version"; $C -k "$N" -O narrowpeak | cut -f4 | sort -u; $C -k 'CTCF (K562)*' -O tsv | cut -f4 | sort -u; ${C/-c 0/} -k class:TFBS -O bedgraph -o '{marker}.bg' && ls *.bg; $C -k class:. -O bed | cut -f4 | sort -u; regeval -m m.safetensors -d made.regds --verbosity 1 | cut -f2,3; regsnp -m m.safetensors -f ref.fa -k "$N" --matrix m.tsv.gz --verbosity 1 in.vcf | grep -o 'REG_MARKER=[^;]*' | sort -u; zcat m.tsv.gz | grep '^#chrom' | cut -f6; zcat made.regds/peaks.bed.gz | cut -f4 | sort -u
golden -

case -k takes a marker's name with commas, in a list too
setup printf 'name\tpeaks\nCTCF,b\ta.narrowPeak\nopen\tb.bed\n' > names.tsv
setup regds-build -f ref.fa --sheet names.tsv --window 5000 --test chr2 -o made.regds && regtrain -d made.regds -a "$TEST_TOOLS/data/tiny.json" --steps 1 -o m.safetensors
run for k in 'CTCF,b' 'open,CTCF,b' 'CTCF,*'; do regcall -m m.safetensors -f ref.fa -r chr1:1-500 -c 0 -O bed -k "$k" | grep -v '^#' | cut -f4 | sort -u | paste -s; done
out CTCF_b?CTCF_b?open?CTCF_b

case regtrain --no-version writes the same bytes each time
run for i in 1 2; do regtrain -d small.regds -a "$TEST_TOOLS/data/tiny.json" --steps 3 --threads 1 --no-version -o m.safetensors 2> said.txt && sha256sum < m.safetensors && sleep 1; done | sort -u | wc -l; grep -c 'loss [0-9.]* (last 3 steps)' said.txt; regtrain -d small.regds -a "$TEST_TOOLS/data/tiny.json" --steps 3 --threads 1 --no-version --resume -o m.safetensors 2>&1 | grep -c 'its training is complete'
out 1?1?1

case FASTA with blanks where samtools skips them, U for T and X for N
setup sed 's/^>/>  /; s/$/ /' ref.fa > blanks.fa; sed '/^>/!{s/T/U/g; s/N/X/g}' ref.fa > rna.fa
run for f in ref.fa blanks.fa rna.fa; do for i in "-f $f" $f; do regcall -m model.safetensors -k class:TFBS -O bedgraph --no-version $i 2>> said.txt | md5sum; done; done | sort -u | wc -l; grep -c "rna.fa: 940 bases are '.', '\*' or 'X', read as N" said.txt
out 1?2

case regds-build tells of splits without windows
run regds-build -f ref.fa --window 5000 --test chr2:1-1000 --no-version -o made.regds a.narrowPeak
err regds-build: warning: no windows for valid: regtrain cannot tell which weights are best and keeps the last; give regions to --valid, or use --split random:0.8,0.1,0.1
err regds-build: warning: no windows for test: regeval has nothing to evaluate by itself; those of --test were all dropped: give it more or larger regions, or a smaller --window

case regds-build tells of random splits without windows, and of no training
run regds-build -f ref.fa --window 5000 --split random:0,0,1 --no-version -o made.regds a.narrowPeak
err regds-build: warning: no windows for train: regtrain has nothing to learn from; give it a larger share in --split, or use smaller blocks (--split-block)
err regds-build: warning: no windows for valid: *; give it a larger share in --split, or use smaller blocks (--split-block)

case regds-build of bins in the middle of windows
run regds-build -f ref.fa --sheet sheet.tsv --target bin --test chr2:1-30000 --keep-if class:TFBS --no-version -o made.regds 2> said.txt; cp made.regds/{markers.tsv,windows.bed.gz} .; sed '/"fasta"/d' made.regds/dataset.json > dataset.json
golden markers.tsv windows.bed.gz dataset.json said.txt

case regds-build of coverage
setup awk 'BEGIN {OFS = "\t"; for (i = 0; i < 200; ++i) print "chr1", i * 290, i * 290 + 10 + i, i / 8; print "chr2", 0, 30000, 2.5}' > deep.bedGraph
run regds-build -f ref.fa --target coverage --window 2000 --label-bin 100 --valid chr2:1-30000 --no-version -o made.regds deep.bedGraph 2> said.txt; cp made.regds/{markers.tsv,coverage.bed.gz} .; sed '/"fasta"/d' made.regds/dataset.json > dataset.json
golden markers.tsv coverage.bed.gz dataset.json said.txt

case regds-build of nucleotides in windows of Task 1, and of bins in those of Task 2
run for o in '--target nucleotide --window 1000' '--target bin --window 25000'; do regds-build -f ref.fa --sheet sheet.tsv $o --max-n 1 --no-version -o made.regds --force 2>&1 | grep -v wrote; grep -A5 '"task"\|"labels"' made.regds/dataset.json | grep -v fasta; done
golden -

case regtrain names its presets
run regtrain --presets
golden -

case regtrain names its presets without batch norm
run regtrain --presets --no-norm | grep -v 'lr\|mlp'
golden -

case regtrain describes a preset
run regtrain --describe dilated
golden -

case regtrain describes a spec at another number of markers
run regtrain --describe "$TEST_TOOLS/data/tiny.json" --marker-count 3 --no-norm
golden -

case regtrain, then regeval
run regtrain -d small.regds -a "$TEST_TOOLS/data/tiny.json" --steps 20 --seed 5 --device reference --no-version -o new.safetensors && regeval -m new.safetensors -d small.regds --device reference | cut -f1-3,8-9
golden -

case regtrain where no validation window has a label
setup printf 'chr1\t0\t30000\n' > first.bed
run regds-build -f ref.fa --window 5000 --valid chr2:1-30000 --verbosity 1 -o made.regds first.bed && regtrain -d made.regds -a "$TEST_TOOLS/data/tiny.json" --steps 2 --valid-every 1 -o m.safetensors
err regtrain: epoch *: no mean average precision, no marker can be scored
err regtrain: 2 steps, *; no marker could be scored on the validation windows, the last weights were taken

case regtrain and regeval tell of a constant
setup regds-build -f ref.fa --sheet sheet.tsv --window 5000 --valid chr1:1-10000 --test chr2:1-30000 --verbosity 1 -o made.regds
run regtrain -d made.regds -a "$TEST_TOOLS/data/tiny.json" --steps 1 --lr 1e-30 --no-norm --seed 5 --device reference -o new.safetensors && "$TEST_TOOLS/../support/edit_model.py" new.safetensors flat.safetensors zero dense2.weight && regeval -m flat.safetensors -d made.regds --device reference | cut -f2-6,8,10
err regtrain: epoch *: mean average precision 0.*, * times the mean prevalence 0.*
err regtrain: 1 step, *; best at step 1: mean average precision 0.*, * times the mean prevalence 0.*
err regeval: warning: the model predicts a constant for 1 of 1 markers of class 'TFBS' in test: it tells nothing about them; pr_auc_trapezoid is NA
err regeval: TFBS (1 marker): mean average precision *, 1 times the mean prevalence *, ROC AUC 0.5000
golden -

case regtrain warns of a model that learns nothing
setup regds-build -f ref.fa --sheet sheet.tsv --window 5000 --valid chr1:1-10000 --verbosity 1 -o made.regds
run regtrain -d made.regds -a "$TEST_TOOLS/data/tiny.json" --no-norm --lr 1000 --steps 3 --seed 5 --device reference -o dead.safetensors && cut -f1,9-11 dead.log.tsv
err regtrain: warning: epoch *: the model predicts a constant for 2 of 2 markers: it has learnt nothing about them yet
err regtrain: warning: the model written predicts a constant for 2 of 2 markers; see regtrain(1), Learning nothing
golden -

case regtrain takes the data set's window for models of a fixed one
run regds-build -f ref.fa --sheet sheet.tsv --target bin --window 600 --test chr2:1-30000 --verbosity 1 --no-version -o made.regds && for a in lr deep-dilated; do regtrain -d made.regds -a $a --steps 1 --verbosity 1 --device cpu --no-version -o $a.safetensors && regeval -m $a.safetensors -d made.regds --verbosity 1 --device cpu | cut -f1-3; done
golden -

case regcall warns once of a genome of the same names and lengths and other bases
setup regtrain -d small.regds -a "$TEST_TOOLS/data/tiny.json" --steps 1 --verbosity 1 -o own.safetensors
setup awk 'NR == 1500 {print (substr($0, 1, 1) == "A" ? "C" : "A") substr($0, 2); next} {print}' ref.fa > other.fa
run regcall -m own.safetensors -f other.fa -r chr2:1-100 -r chr2:9,000-9,100 -O bed 2>&1 | grep trained; regcall -m own.safetensors -f other.fa -r chr1 -O bed --check-reference 2>&1 | grep trained
out regcall: warning: other.fa: not the reference that the model was trained on (chr2:1-30000 has other bases)\nregcall: warning: other.fa: not the reference that the model was trained on (chr2:1-30000 has other bases)

case regsnp warns once of a genome of the same names and lengths and other bases
setup regtrain -d small.regds -a "$TEST_TOOLS/data/tiny.json" --steps 1 --verbosity 1 -o own.safetensors
setup awk 'NR == 1500 {print (substr($0, 1, 1) == "A" ? "C" : "A") substr($0, 2); next} {print}' ref.fa > other.fa
run for o in '' --check-reference; do for f in ref.fa other.fa; do regsnp -m own.safetensors -f $f $o in.vcf 2>&1 | grep trained; done; done; grep -v ^chr2 in.vcf | regsnp -m own.safetensors -f other.fa - 2>&1 | grep -c trained || true
out regsnp: warning: other.fa: not the reference that the model was trained on (chr2:1-30000 has other bases)\nregsnp: warning: other.fa: not the reference that the model was trained on (chr2:1-30000 has other bases)\n0

case a genome in lower case is the same one
setup regtrain -d small.regds -a "$TEST_TOOLS/data/tiny.json" --steps 1 --verbosity 1 -o own.safetensors
setup awk '/^>/ {print; next} {print tolower($0)}' ref.fa > lower.fa
run for r in chr1 chr2:1-100; do regcall -m own.safetensors -f lower.fa -r $r -O bed --check-reference 2>&1 | grep -c trained; done; for o in '' --check-reference; do regeval -m own.safetensors -d small.regds -f lower.fa $o | grep -c test; regtrain -d small.regds -f lower.fa $o -a "$TEST_TOOLS/data/tiny.json" --steps 1 --verbosity 1 -o lower.safetensors && rm -r lower.*; awk '/^>/ {print; next} {print tolower($0)}' ref.fa > lower.fa; done
out 0\n0\n6\n6

case data sets that an older regkit built are compared by names and lengths, which is told
setup rm small.regds/digests.bed; sed -zi 's/,[[:space:]]*"blocks": 2//' small.regds/dataset.json
run regeval -m model.safetensors -d small.regds --verbosity 4
err regeval: small.regds: holds no digests of the reference (it was built by an older regkit): only names and lengths were compared; --check-reference compares all bases

case one of a thing has no s
run regcall -m model.safetensors -f ref.fa -r chr1:1-1 --round 1 -O bed
err regcall: 1 base of 1 contig in *

case regeval
run regeval -m model.safetensors -d small.regds --device reference
err regeval: 5 windows, 25,000 positions*
golden -

case regeval, tiled, one class
run regeval -m model.safetensors -d small.regds --device reference --window-mode tiled -k class:DNase
golden -

case regeval of an ensemble
setup random_model other.safetensors "$TEST_TOOLS/data/tiny.json" 2 chr1:60000 open.K562=DNase CTCF.K562=TFBS
run regeval -m model.safetensors -m other.safetensors -d small.regds --device reference --bootstrap 0 --baselines 2> said.txt | cut -f 2-5,28- | grep -v -e kmer -e gc -e cpg; regeval -m model.safetensors -m other.safetensors -d small.regds --calibrate new.safetensors 2>&1; ls *.safetensors
golden -

case regeval by annotation
setup printf 'chr2\t0\t9000\topen\nchr2\t1500\t3000\tpromoter\nchr2\t8000\t9500\topen\nchr1\t1\t5\tabsent\nchr2\t100\t4000\n' > by.bed
run regeval -m model.safetensors -d small.regds --device reference --by by.bed | cut -f2-5,8-10,17,24,28
err regeval: annotation promoter: 1,500 positions; TFBS 0.* (prevalence 0.*), DNase 0.* (prevalence 0.*)
err regeval: annotation absent: 0 positions; TFBS NA, DNase NA
golden -

case regeval with baselines
setup printf 'MEME version 4\n\nMOTIF M1 Ctcf\nletter-probability matrix: w= 6\n0.8 0.1 0.1 0\n0.1 0.1 0.8 0\n0 0.5 0 0.5\n0 0 1 0\n0.7 0.1 0.1 0.1\n0 0.6 0.4 0\n' > m.meme
run regeval -m model.safetensors -d small.regds --device reference --baselines --motifs m.meme | cut -f2-5,8,9,13,17,28-
err regeval: baseline prevalence: *
err regeval: baseline gc: *
err regeval: baseline cpg: *
err regeval: baseline motif: mean average precision TFBS 0.*, DNase NA
err regeval: baseline kmer: *
err regeval: baseline other-cells (not from sequence): mean average precision TFBS NA, DNase NA
err regeval: by average precision the model is not better than the best baseline from sequence for * of 2 markers: *
golden -

case regeval of a model with control characters in its names
setup "$TEST_TOOLS/../support/edit_model.py" model.safetensors old.safetensors text '"TFBS' '"TF\u001bBS\u0085\n'
run regeval -m old.safetensors -d small.regds --device reference | cut -f2,3
err regeval: warning: old.safetensors: marker *: control characters of its class, cell or target are written as hex
golden -

case regcall to more compressed files than the soft limit of open files allows
setup random_model many.safetensors "$TEST_TOOLS/data/tiny.json" 1 chr1:60000 $(seq -f 'm%g=TFBS' 100)
run ulimit -Sn 170; regcall -m many.safetensors -f ref.fa -r chr1:1-200 -c 0 -o '{marker}.bed.gz' --verbosity 1; ls *.bed.gz *.tbi | wc -l
out 200

case regsnp
run regsnp -m model.safetensors -f ref.fa --device reference --no-version in.vcf
golden -

case regsnp with an ensemble
setup random_model other.safetensors "$TEST_TOOLS/data/tiny.json" 2 chr1:60000 open.K562=DNase CTCF.K562=TFBS
run regsnp -m model.safetensors -m other.safetensors -f ref.fa --device reference --no-version in.vcf 2> said.txt | grep -e SPREAD -e REG_MAX, -e REG_REF, -e ^chr
golden -

case regsnp ism
run C="regsnp ism -m model.safetensors -f ref.fa --device reference --no-version -r chr1:24999-25001 --deletions 2"; $C; $C -O matrix; $C -k 'open*' -O bedgraph --span 50; $C -k 'CTCF*' -O vcf --span 50
golden -

case regsnp grad
run C="regsnp grad -m model.safetensors -f ref.fa --device reference --no-version -r chr1:24999-25001"; $C; $C -O matrix --target chr1:25011-25020; $C -k 'open*' -O bedgraph --rc-average; $C -k 'CTCF*' --method norm -O tsv; $C -k 'CTCF*' --width 40 -O bed --bin 8 --top 2; $C -k 'CTCF*' --method integrated --baseline shuffled:1 2>&1
golden -

case regsnp motifs
run C="regsnp motifs -m model.safetensors -f ref.fa --device reference --no-version -r chr1:20001-26000"; $C -n 30 --width 60 --min-seqlets 8 --sites sites.bed 2>&1; head -n 4 sites.bed; $C -k 'CTCF*' -n 3 2>&1
golden -

case regsnp random
run regsnp random -m model.safetensors -f ref.fa --device reference --no-version -r chr1:101-200,chr2:1- -n 4 --seed 3 | grep -v '^##INFO'
err regsnp: 4 of 87300 substitutions at 29100 bases
golden -

case regsnp in parts, and merged
setup bcftools view --no-version -Oz -o in.vcf.gz in.vcf && bcftools index -t in.vcf.gz
run for i in 1 2; do regsnp -m model.safetensors -f ref.fa --device reference --no-version --shard $i/2 -o $i.vcf in.vcf.gz 2>> said.txt; done; sed 's/=[0-9a-f]\{64\}/=DIGEST/g' 1.vcf | grep Shard; regsnp merge --no-version -o merged.vcf 2.vcf 1.vcf 2>> said.txt; regsnp -m model.safetensors -f ref.fa --device reference --no-version -o whole.vcf --verbosity 1 in.vcf.gz; cmp whole.vcf merged.vcf && cat said.txt
golden -
need bcftools

case regsnp, both haplotypes of a sample
setup awk -v OFS='\t' '/^##/ { print; next } /^#/ { print $0, "FORMAT", "A", "B"; next } { print $0, "GT", "0|1", ++n % 3 ? "1|0" : "0/1" }' in.vcf > two.vcf
run regsnp annotate -m model.safetensors -f ref.fa --device reference --no-version --haplotypes -s B two.vcf | grep 'ID=REG_[HN]\|^chr'
golden -

case regsnp from a pipe
run cat in.vcf | regsnp annotate -m model.safetensors -f ref.fa --device reference --no-version -k 'CTCF*' --span 200 -
golden -

case a model that predicts one value everywhere is told of, once, by regcall and regsnp
setup "$TEST_TOOLS/../support/edit_model.py" model.safetensors flat.safetensors zero dense2.weight
setup head -6 in.vcf > one.vcf
run for o in '-o {marker}.bg' '-o {marker}.bw' '-O narrowpeak -c 0' '-O tsv -c 0.99' '-o {marker}.bg --values 8bit' '-O bedgraph -k open.K562' '-o {marker}.bg --resolution 100'; do regcall -m flat.safetensors -f ref.fa -r chr1:1-7000,chr2:11000-12500 $o 2>&1 > /dev/null | grep 'one value' || echo "$o: -"; done; regcall -m flat.safetensors -f ref.fa -r chr1:1-1 2>&1 | grep -c 'one value'; regcall -m model.safetensors -f ref.fa -r chr1:1-100 -c 0 2>&1 | grep -c 'one value'; for v in in one; do regsnp -m flat.safetensors -f ref.fa $v.vcf 2>&1 | grep -c 'did not change'; done; regsnp -m model.safetensors -f ref.fa in.vcf 2>&1 | grep -c 'did not change'; regsnp -m flat.safetensors -f ref.fa in.vcf 2>&1 > /dev/null | grep 'did not change'
golden -

case regsnp says in the header that a bin was compared
setup regds-build -f ref.fa --sheet sheet.tsv --target bin --test chr2:1-30000 --verbosity 1 -o made.regds && regtrain -d made.regds -a lr --steps 1 --verbosity 1 -o lr.safetensors
run regsnp -m lr.safetensors -f ref.fa in.vcf | grep '^##INFO=<ID=REG_[MDL]' | cut -d, -f4-
golden -

case regsnp keeps classes apart whose names differ in what an ID cannot hold
setup printf 'name\tclass\tpeaks\nx\ta b\ta.narrowPeak\ny\ta;b\tb.bed\nz\ta b\tb.bed\n' > two.tsv
setup regds-build -f ref.fa --sheet two.tsv --window 5000 --test chr2:1-30000 --verbosity 1 -o made.regds && regtrain -d made.regds -a "$TEST_TOOLS/data/tiny.json" --steps 1 --verbosity 1 -o two.safetensors
run regsnp -m two.safetensors -f ref.fa in.vcf | grep '^##INFO=<ID=REG_D_' | cut -d, -f1,4
golden -

case regcall with several outputs
run regcall -m model.safetensors -f ref.fa -r chr2:11501-14000 -c 0.43 --device reference --no-version --parents -o out/all.bed -o 'out/{marker}/values.bedGraph' -o out/all.tsv --resolution 100 2> said.txt; find out -type f | sort; cp out/all.* out/open.K562/values.bedGraph .
golden - all.bed all.tsv values.bedGraph

case regcall with an ensemble: the mean of two models, their spread and what the header says
setup random_model other.safetensors "$TEST_TOOLS/data/tiny.json" 2 chr1:60000 open.K562=DNase CTCF.K562=TFBS
run C="regcall -m model.safetensors -m other.safetensors -f ref.fa -r chr2:11501-12500 --device reference"; $C --spread --resolution 100 -o '{marker}.bg' -o sites.bed --no-version; tail -n 20 *.bg sites.bed; printf 'chr2\t11600\t12000\n' > r.bed; $C --over r.bed 2> said.txt | grep -v -e Version -e Command -e Device | sed 's|sha256:.*|sha256|'; grep mean said.txt
golden -

case a model that is not calibrated is told of, unless it is clear what it is called by
run for o in '' '-c 0.3' '-c open*=0.3' --raw '-o x.bg' '-o x.bg --raw'; do regcall -m model.safetensors -f ref.fa -r chr1:1-500 -k open.K562 $o 2>&1 > /dev/null | grep 'is not calibrated' || echo "$o: -"; done
out regcall: model.safetensors: is not calibrated; intervals are where its own probability is at least 0.5 (`regeval --calibrate` cures that)\n-c 0.3: -\n-c open*=0.3: -\n--raw: -\nregcall: model.safetensors: is not calibrated; values are its own probabilities (`regeval --calibrate` cures that)\n-o x.bg --raw: -

case regcall with a cutoff of some markers, of which the last counts
run for c in '' '-c 0.9' '-c 0.9 -c open*=0.1' '-c open.K562=0.1 -c class:DNase=0.2 -c CTCF*=0' '-c CTCF*=0 -c 1'; do regcall -m model.safetensors -f ref.fa -r chr1:1-500 $c -O tsv | grep -e regcallCutoff -e ^chr | cut -f 4 | sort | uniq -c | sed 's/^ *//'; done
golden -

case regcall calls each marker from its own cutoff, as alone
run C="regcall -m model.safetensors -f ref.fa -r chr2:1-20,000 --no-version"; $C -c 0.3 -c 'open*=0.31' > both; for k in CTCF.K562=0.3 open.K562=0.31; do $C -k ${k%=*} -c ${k#*=}; done | sort -k2,2n -k3,3n -k4,4 > alone; cmp both alone && cut -f4 both | sort | uniq -c | sed 's/^ *//'
golden -

case regcall to narrowPeak
run regcall -m model.safetensors -f ref.fa -r chr2:1-20,000 -c 0.3 -O narrowpeak --device reference --no-version
golden -

case regions are those of samtools: names with colons, open ends, commas in numbers and between regions
setup (for c in 'HLA-A*01:01:01:01' 'HLA-C*06:46N' chr1 chr2; do echo ">$c"; sed -n 2,11p ref.fa; done) > names.fa
run for r in 'HLA-A*01:01:01:01' 'HLA-A*01:01:01:01:101-200' 'HLA-C*06:46N' '{HLA-C*06:46N}:591-' chr1:591- chr1:-100 chr1:1-200,chr2:-50 chr1:; do echo "$r" $(regcall -m model.safetensors -f names.fa -k class:TFBS -c 0 -O bed --no-version -r "$r" | awk '{++contigs[$1]; bases[$1] += $3 - $2} END {for (c in contigs) print c, bases[c]}' | sort); done
golden -

case a region that fits two ways
setup (for c in chr1 chr1:100; do echo ">$c"; sed -n 2,11p ref.fa; done) > names.fa
run regcall -m model.safetensors -f names.fa -r chr1:100
exit 2
err regcall: --region 'chr1:100': there are contigs chr1:100 and chr1; use {chr1:100} for the first, {chr1}:100 for these bases of the second

case a record named after a contig with colons lies at its beginning, whatever --remap
setup (for c in 'HLA-A*01:01:01:01' chr2:101-700 chr3:9; do echo ">$c"; sed -n 2,11p ref.fa; done) > names.fa
run regcall -m model.safetensors --remap -k class:TFBS -c 0 -O bed --no-version names.fa | awk '{if (!($1 in first)) first[$1] = $2; last[$1] = $3} END {for (c in first) print c, first[c], last[c]}' | sort
err regcall: warning: names.fa (chr3:9): taken for a contig of this name, which begins at 1; a place is written chr3:9-
out HLA-A*01:01:01:01 0 600?chr2 100 700?chr3:9 0 600

case regcall to bedGraph of a pipe
run head -n 51 ref.fa | regcall -m model.safetensors -k class:TFBS -O bedgraph --device reference --no-version - | head -n 200
golden -

case regmodel tells what a model holds
run regmodel info model.safetensors | grep -v '^sha256\|^training.seconds\|^training.backend\|^training.command'
golden -

case regmodel names the markers that -k takes
run regmodel --markers model.safetensors; for m in $(regmodel info --markers model.safetensors | tail -n +2 | cut -f1); do regcall -f ref.fa -m model.safetensors -k "$m" -r chr2:1-200 -O bedgraph --no-version --device reference | cut -f1 | uniq; done
golden -

case regmodel as JSON says what its table says
run regmodel info -O json model.safetensors > m.json; regmodel info model.safetensors > m.tsv; python3 -c 'import json; m = json.load(open("m.json")); t = dict(r.rstrip("\n").split("\t") for r in open("m.tsv")); print(all(str(m[k]) == t[k] for k in ("model", "sha256", "architecture", "task", "parameters", "receptive_field", "stride")), len(m["markers"]) == int(t["markers"]), [c["name"] for c in m["reference"]], m["spec"]["name"] == t["architecture"])'
golden -

case regds-build with names and classes on the command line
setup cp b.bed a=b.bed; mkdir k=v; cp b.bed k=v/p.bed
run regds-build -f ref.fa --window 5000 --class TFBS --class 'o*=DNase' --class a_b=a=b --no-version -o made.regds/ CTCF=a.narrowPeak.gz open=b.bed 'x y=b.bed' a=b.bed ./k=v/p.bed 2>&1 | grep 'class\|called\|wrote'; cut -f1,2,5,6 made.regds/markers.tsv
golden -

case peaks of pipes and of standard input, with a name
run B="regds-build -f ref.fa --window 5000 --no-version"; $B -o 1.regds p=b.bed; $B -o 2.regds p=- < b.bed; $B -o 3.regds p=<(cat b.bed); $B -o 4.regds b.bed; for i in 1 2 3 4; do zcat $i.regds/peaks.bed.gz | sed 's/\tb$/\tp/' | md5sum; done | sort -u | wc -l; cut -f1,2,5 2.regds/markers.tsv | tail -1
out 1\np\t\t-

case -O of regcall takes what names end in
run C="regcall -m model.safetensors -f ref.fa -r chr2:1-3000 -k open.K562 --no-version --verbosity 1"; $C -c 0.43 -O bed > a.bed; for w in BED bed.gz bed.bgz BED.GZ; do $C -c 0.43 -O $w | zcat -f | cmp - a.bed; done; $C -c 0.43 -O bed.gz -o x; $C -c 0.43 -O bed -o y.bed.gz; $C -c 0.43 -o z.bed.bgz; for f in x y.bed.gz z.bed.bgz; do zcat < $f | cmp - a.bed; ls $f.tbi; done; $C -o a.bw; $C -O bw -o b; $C -O bigWig -o c; cmp a.bw b; cmp a.bw c; $C -O bdg | cmp - <($C -O bedGraph)
out x.tbi\ny.bed.gz.tbi\nz.bed.bgz.tbi

case -O of regsnp takes what names end in, and bcftools' letters
run R="regsnp -m model.safetensors -f ref.fa --no-version --verbosity 1 in.vcf"; $R > a.vcf; for w in vcf v VCF; do $R -O $w | cmp - a.vcf; done; for w in vcf.gz z vcf.bgz; do $R -O $w | zcat < /dev/stdin | cmp - a.vcf; done; for w in bcf b BCF; do $R -O $w | zcat | head -c 3; done; $R -O u | head -c 3; $R -O vcf -o x.vcf.gz; $R -o y.VCF.bgz; $R -O v -o z.vcf.gz; zcat x.vcf.gz | cmp - a.vcf; zcat < y.VCF.bgz | cmp - a.vcf; cmp z.vcf.gz a.vcf
out BCFBCFBCFBCF

case standard input by - and alone is the same
run for i in '' -; do regcall -m model.safetensors -O bed -c 0.43 --no-version --verbosity 1 $i < ref.fa | md5sum; done | sort -u | wc -l; for i in '' -; do regsnp -m model.safetensors -f ref.fa --no-version --verbosity 1 $i < in.vcf | md5sum; done | sort -u | wc -l
out 1\n1

case without an input and at a terminal nothing is waited for
run python3 -c 'import os, pty, subprocess; at = pty.openpty()[1]; [print(done.returncode, done.stderr.decode(), end="") for done in (subprocess.run(c.split(), stdin=at, capture_output=True, timeout=60) for c in ("regcall -m model.safetensors", "regsnp -m model.safetensors -f ref.fa", "regsnp"))]'
golden -

case a slash behind a folder makes no difference
run regds-build -f ref.fa --sheet sheet.tsv --window 5000 --valid chr1:1-10000 --test chr2:1-30000 --no-version --verbosity 1 -o made.regds/ && cmp made.regds/windows.bed.gz small.regds/windows.bed.gz; for d in small.regds small.regds//; do regtrain -d $d -a "$TEST_TOOLS/data/tiny.json" --steps 1 --threads 1 --no-version --verbosity 1 -o m.safetensors && sha256sum < m.safetensors; regeval -m model.safetensors -d $d --bootstrap 0 --verbosity 1 | sha256sum; regcall -m model.safetensors -f ref.fa -r chr1:1-500 --hub hub/ --genome hg19 --no-version --verbosity 1; find hub -type f | sort | sha256sum; rm -r hub; done | sort | uniq -c | sed 's/ *\([0-9]*\) .*/\1/'
out 2\n2\n2

case regsnp says in the header that both strands were averaged
run regsnp -m model.safetensors -f ref.fa --rc-average --span 100 in.vcf | grep -c '^##INFO=<ID=REG_MAX,.*within 100 bases of the variant, of the mean probability of both strands'
out 1

case regeval's tables are bgzipped where their names say so
run R="regeval -m model.safetensors -d small.regds --bootstrap 0 --verbosity 1"; $R -o a.tsv --curves b.tsv; $R -o a.tsv.gz --curves b.tsv.bgz; zcat a.tsv.gz | cmp - a.tsv; zcat < b.tsv.bgz | cmp - b.tsv
out 

case regions of a BED file count from 0 whatever it is compressed by
setup printf 'chr1\t20000\t20001\n' > r.bed; cp r.bed r.txt; gzip -c r.bed > r.BED.gz; cp r.BED.gz r.bed.bgz
run for f in r.bed r.BED.gz r.bed.bgz r.txt; do regsnp -m model.safetensors -f ref.fa -T $f --verbosity 1 in.vcf | grep -vc '^#'; done; true
out 0\n0\n0\n1
