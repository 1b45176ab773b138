#!/usr/bin/env bash
# The card of a model: what it is for, what it was made of, what it is worth.
#   examples/models/trained/card.sh MODEL.safetensors TEST.tsv     TEST.tsv: regeval on the test arm
set -euo pipefail
model=$1 table=$2
fact() { regmodel info "$model" | awk -F'\t' -v key="$1" '$1 == key {print $2}'; }

cat << EOF
# $(basename "$model" .safetensors)

Predicts at every base of human DNA how likely it lies in a peak of 21 experiments in the lymphoblastoid cell line GM12878:
17 transcription factors (ChIP-seq), three histone marks and DNase I accessibility. A model to try the tools with and to
start from. It was trained on half of one chromosome; elsewhere it is untested, and it knows no other cell type.

| | |
|---|---|
| architecture | \`$(fact architecture)\`, $(fact parameters) parameters in 8 bits, field of $(fact receptive_field) bp, trained on windows of $(fact window) bp |
| data | hg19 chromosome 20; peaks of ENCODE, as redistributed by the repositories that \`SOURCES.tsv\` of the data names; ENCODE's data may be used without restriction, with citation |
| split | training chr20:29,400,001-63,025,520, validation (choice of the epoch, calibration) chr20:1-8,000,000, test chr20:8,000,001-26,300,000 |
| training | \`$(fact training.command)\` |
| | $(fact training.epochs) epochs in $(fact training.seconds) s on $(fact training.backend), two cores |
| made by | \`make model\`, which rounds the weights to 8 bits at its end (\`regmodel quantize\`); all figures are of the rounded model |
| licence | as regkit: MIT; the data are ENCODE's |

On the test arm, which neither training nor calibration saw (\`regeval --split test --baselines\`; in brackets 95 % intervals by a
bootstrap of blocks of 250 kb; a site is called at the cutoff of largest F1 on the validation windows; k-mers: a logistic
regression on the 5-mers around a base; motif: the best JASPAR matrix of that factor within 100 bp):

| marker | average precision | prevalence | of k-mers | of the motif | ROC AUC | sites: precision | recall | F1 | length, called | labelled |
|---|---|---|---|---|---|---|---|---|---|---|
EOF
awk -F'\t' '
    /^##/ {next}
    !header {for (i = 1; i <= NF; ++i) at[$i] = i; header = 1; next}
    {ap[$at["marker"], $at["class"], $at["predictor"]] = $at["average_precision"]}
    $at["predictor"] == "model" && $at["marker"] != "median" {row[++rows] = $0}
    function f(name, digits) {v = field[at[name]]; return v == "NA" || v == "" ? "–" : sprintf("%." digits "f", v)}
    function of(predictor) {v = ap[field[at["marker"]], field[at["class"]], predictor]; return v == "NA" || v == "" ? "–" : sprintf("%.3f", v)}
    END {
        for (r = 1; r <= rows; ++r) {
            split(row[r], field, "\t")
            name = field[at["marker"]] == "mean" ? "**mean, " field[at["class"]] "**" : field[at["marker"]]
            low = field[at["average_precision_low"]]
            interval = low == "NA" || low == "" ? "" : sprintf(" (%.3f–%.3f)", low, field[at["average_precision_high"]])
            printf "| %s | %s%s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", name, f("average_precision", 3), interval,
                f("prevalence", 4), of("kmer"), of("motif"), f("roc_auc", 3), f("site_precision", 2), f("site_recall", 2),
                f("site_f1", 2), f("site_length", 0), f("label_length", 0)
        }
    }' "$table"
cat << EOF

Read it so: in its short training the model has learnt what promoters and active chromatin look like, not single motifs. It is
good for histone marks and for what sits at promoters (POLR2A, TAF1, E2F1); for CTCF, SPI1 or MAFK a motif scan tells more, and
sites of markers whose precision above is low are not to be believed. Where \`regcall\` warns of a marker, take the warning. It is
no medical device.
EOF
