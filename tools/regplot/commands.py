"""Every picture's command line. A row here, a module of the same name in pictures/, and a section in man/regplot.1."""
from .options import Command, Option

OUTPUT = "Output"
COMMON_GROUP = "Common"

COMMON = [
    Option("output", "o", "FILE", help="the picture; the name tells the format: .svg, .png, .pdf or .html [standard output]", group=OUTPUT,
           repeatable=True),
    Option("output-format", "O", "FORMAT", help="whatever the name", group=OUTPUT, choices=("svg", "png", "pdf", "html")),
    Option("dpi", "", "N", "300", "dots an inch of a .png", OUTPUT),
    Option("width", "", "MM", "180", "width of the page; journals have columns of 85 to 90 and of 170 to 180", OUTPUT),
    Option("title", "", "TEXT", help="above the picture, instead of what it is of", group=OUTPUT),
    Option("verbosity", "", "N", "4", "1 errors, 3 also warnings, 4 also what was drawn, 5 also details", COMMON_GROUP),
    Option("help", "h", help="print this text", group=COMMON_GROUP),
    Option("version", help="print the versions of the tool and of the libraries in use", group=COMMON_GROUP),
    Option("completion", "", "SHELL", help="print a script that completes this tool's command line (regkit(1), Completion)", group=COMMON_GROUP,
           choices=("bash", "zsh", "fish")),
]

MARKER = Option("marker", "k", "NAME", help="the marker to draw, where the file has several")
MARKERS = Option("markers", "k", "LIST", help="only these markers, separated by commas", repeatable=True)
GENOME = Option("genome", "", "NAME", help="the assembly, such as hg19, for the axis of positions")
METRICS = Option("metrics", "", "TSV", help="regeval's table of the same run, NAME=FILE of several: average precision or area, and intervals, go into "
                 "the legend", repeatable=True)
BASE_OPTIONS = [
    MARKER, GENOME,
    Option("region", "r", "REGION", help="only this part, as chr20:1,000-2,000 (1-based, inclusive); of an .npz, which holds no positions, "
           "where its row lies"),
    Option("row", "", "N", "1", "of an .npz: the region, counted from 1"),
    Option("per-line", "", "BASES", "100", "bases a line"),
    Option("unit", "", "WHAT", "logit", "what the model predicts", choices=("logit", "coverage")),
    Option("clip", "", "VALUE", help="colours and letters end at this value; the picture says how much lies beyond [the largest]"),
]
CURVES = [MARKERS, METRICS]

COMMANDS = [
    Command("", "pictures of what regkit's tools print", ("PICTURE [options] [FILE ...]",), COMMON,
            (("regplot ism effects.matrix.tsv -k CTCF.K562 -o ctcf.svg", "what each base is worth"),
             ("regplot report demo", "demo/index.html, of all that lies in the folder"))),
    Command("ism", "what every substitution changes: a heat map under a logo", ("[options] EFFECTS.tsv|.matrix.tsv|.npz",), BASE_OPTIONS,
            (("regsnp ism -m model.safetensors -f hg19.fa -r chr20:1,000,001-1,000,100 -k CTCF.K562 -O matrix | regplot ism - -o ctcf.svg",
              "from the model to the picture"),
             ("regplot ism ctcf.npz --row 12 -r chr20:1,000,001-1,000,400 -o ctcf.pdf", "the twelfth region of an .npz")), 1, 1),
    Command("locus", "predictions, sites and peaks along a region, with variants",
            ("-r REGION [options] [NAME=]FILE.bw|.bedgraph|.bed|.narrowPeak|.vcf ...",),
            [Option("region", "r", "REGION", help="what to draw, as chr20:1,000-2,000 (1-based, inclusive)", needed=True),
             Option("peaks", "", "BED", help="measured peaks, NAME=FILE, drawn below the track or the sites of that name", repeatable=True),
             Option("markers", "k", "LIST", help="only tracks and sites of these, in this order", repeatable=True), GENOME,
             Option("free-scale", help="an axis of its own for each track, instead of one for all"),
             Option("threshold", "", "VALUE", "1", "of variants: name those whose effect is at least this large")],
            (("regplot locus -r chr20:2,600,001-2,700,000 CTCF.bw calls.narrowPeak --peaks CTCF=CTCF.bed.gz scored.vcf.gz -o locus.svg",
              "a model's track and sites over what was measured, and scored variants"),), 1),
    Command("pr", "precision and recall", ("[options] [NAME=]CURVES.tsv ...",), CURVES,
            (("regplot pr curves.tsv --metrics metrics.tsv -o pr.svg", "of regeval --curves curves.tsv -o metrics.tsv"),
             ("regplot pr small=a.tsv large=b.tsv -o pr.pdf", "two models, the mean of each class")), 1),
    Command("roc", "true against false positives", ("[options] [NAME=]CURVES.tsv ...",), CURVES,
            (("regplot roc curves.tsv -k CTCF.K562,open.K562 -o roc.svg", "two markers"),), 1),
    Command("metrics", "a metric of every marker, with its interval, beside baselines", ("[options] METRICS.tsv ...",),
            [MARKERS, Option("metric", "", "COLUMN", "average_precision", "a column of regeval's table")],
            (("regplot metrics metrics.tsv -o metrics.svg", "of regeval --baselines -o metrics.tsv"),
             ("regplot metrics small=a.tsv large=b.tsv --metric roc_auc -o auc.svg", "two models")), 1),
    Command("training", "losses, average precision and rates of a run", ("[options] [NAME=]MODEL.log.tsv ...",),
            [Option("axis", "", "WHAT", "epoch", "what runs along the x axis", choices=("epoch", "step"))],
            (("regplot training model.log.tsv -o training.svg", "the log that regtrain leaves beside a model"),), 1),
    Command("calibration", "whether probabilities mean what they say", ("[options] METRICS.tsv", "-r REGION --peaks BED [options] [NAME=]TRACK.bw"),
            [Option("region", "r", "REGION", help="of tracks: the sequence to count, best held-out", repeatable=True),
             Option("peaks", "", "BED", help="what was measured: a BED file, plain or gzip, whose bases are the positive ones", repeatable=True),
             Option("bins", "", "N", "12", "bins of probability, of equal width in logits"),
             Option("block", "", "BASES", "250000", "the intervals come from a bootstrap of blocks of so many bases"),
             Option("seed", "", "N", "1", "start of the bootstrap's draws"), MARKERS],
            (("regplot calibration CTCF.bw --peaks CTCF.bed.gz -r chr20:8,000,001-26,300,000 -o calibration.svg",
              "observed against predicted, bin by bin"),
             ("regplot calibration metrics.tsv -o calibration.svg", "slopes and errors of all markers, from regeval's table")), 1, 1),
    Command("grad", "the gradient at every base: a heat map under a logo", ("[options] GRADIENT.tsv|.matrix.tsv|.npz",), BASE_OPTIONS,
            (("regplot grad ctcf.npz -r chr20:1,000,001-1,000,100 -o grad.svg", "what regsnp grad writes"),), 1, 1),
    Command("field", "how far a model looks: positive outputs over the norm of their gradient", ("-r REGION [options] [NAME=]NORM.bw ...",),
            [Option("region", "r", "REGION", help="what to draw, as chr20:1,000-2,000 (1-based, inclusive)", needed=True),
             Option("peaks", "", "BED", help="the positive outputs: measured peaks"),
             Option("predictions", "", "FILE", help="the model's track, NAME=FILE of several: the height of positive outputs", repeatable=True),
             MARKER, GENOME, Option("free-scale", help="an axis of its own for each model's gradient, instead of one for all")],
            (("regplot field -r chr20:990,001-1,010,000 cnn7=cnn7.bw dilated=dilated.bw --peaks CTCF.bed.gz -o field.svg",
              "what regsnp grad --method norm writes of two models"),), 1),
    Command("variant", "REF and ALT tracks of the markers that a variant changes most", ("-m MODEL -f REF [options] CHROM:POS:REF:ALT|FILE.vcf",),
            [Option("model", "m", "MODEL", help="trained model, or the name of one that comes with the tools", needed=True),
             Option("fasta", "f", "REF", help="reference FASTA, plain or bgzip, with its index", needed=True),
             Option("id", "", "NAME", help="of a VCF: this record [the strongest allele, by REG_DELTA]"),
             Option("span", "", "BASES", "250", "bases on either side"),
             Option("top", "", "N", "4", "markers"),
             Option("by", "", "WHAT", "value", "which change most: value, what is predicted; logit, its logit, as REG_DELTA",
                    choices=("value", "logit")),
             Option("markers", "k", "LIST", help="only of these, separated by commas", repeatable=True), GENOME],
            (("regplot variant -m model.safetensors -f hg19.fa chr20:1,000,123:A:G -o variant.svg", "a variant of your own"),
             ("regplot variant -m model.safetensors -f hg19.fa scored.vcf.gz --id rs6050 -o rs6050.pdf", "a record of a VCF")), 1, 1),
    Command("motifs", "logos of motifs, and what they are like", ("[options] MOTIFS.meme",),
            [Option("collection", "", "MEME", help="below each motif the one of this collection that is most like it"),
             Option("names", "", "LIST", help="only these motifs, separated by commas", repeatable=True)],
            (("regplot motifs found.meme --collection JASPAR2020_CORE_vertebrates_nr.meme -o motifs.svg",
              "what tfmodisco-lite found (modisco meme), beside JASPAR"),), 1, 1),
]

for command in COMMANDS[1:]:
    command.options = command.options + COMMON

COMMANDS.append(
    Command("report", "one HTML page of everything that lies in a run's folder", ("[options] DIR",),
            [Option("output", "o", "FILE", help="the page [DIR/index.html]", group=OUTPUT),
             Option("region", "r", "REGION", help="the stretch of the genome to draw [around the strongest site]"), GENOME,
             *(option for option in COMMON if option.name in ("title", "verbosity", "help", "version", "completion"))],
            (("regplot report demo", "demo/index.html, of make demo's run"),), 1, 1))
