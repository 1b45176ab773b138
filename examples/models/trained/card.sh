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
| made by | \`make model\`, then weights rounded to 8 bits; the rounding changed the class means below by less than their last digit but one |
| licence | as regkit: MIT; the data are ENCODE's |

On the test arm, which neither training nor calibration saw (\`regeval --split test\`; 95 % intervals by a bootstrap of blocks of
250 kb; a site is called at the cutoff of largest F1 on the validation windows):

| marker | average precision | its prevalence | ROC AUC | sites: precision | recall | F1 | length, called | labelled |
|---|---|---|---|---|---|---|---|---|
EOF
awk -F'\t' '
    /^##/ {next}
    !n {for (i = 1; i <= NF; ++i) at[$i] = i; n = 1; next}
    function f(name, digits) {v = $at[name]; return v == "NA" ? "–" : sprintf("%." digits "f", v)}
    $at["marker"] != "median" {
        name = $at["marker"] == "mean" ? "**mean, " $at["class"] "**" : $at["marker"]
        low = $at["average_precision_low"]
        interval = low == "NA" || low == "" ? "" : sprintf(" (%.3f–%.3f)", low, $at["average_precision_high"])
        printf "| %s | %s%s | %s | %s | %s | %s | %s | %s | %s |\n", name, f("average_precision", 3), interval, f("prevalence", 4),
            f("roc_auc", 3), f("site_precision", 2), f("site_recall", 2), f("site_f1", 2), f("site_length", 0), f("label_length", 0)
    }' "$table"
cat << EOF

Read it so: a site of POLR2A or H3K4me3 is right more often than not, one of MAFK or EP300 is not to be believed; for what
binds at promoters it is good, for CTCF, whose motif a scanner finds, it has not seen enough. Where \`regcall\` warns of a
marker, take the warning. It is no medical device.
EOF
