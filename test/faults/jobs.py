"""Small jobs of every tool, and the folder of inputs that they start from."""
import pathlib
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent


class Job:
    """`command` runs in a folder that holds `inputs`; `outputs` come to be, the indexes `made` beside inputs may. What the
    command writes to standard output goes to the output `stdout`, when named."""

    def __init__(self, name, command, inputs, outputs, made="", stdout=None):
        self.name = name
        self.command = command.split()
        self.inputs = inputs.split()
        self.outputs = outputs.split() + ([stdout] if stdout else [])
        self.made = made.split()
        self.stdout = stdout


REF, MODEL = "-f ref.fa -@ 1", "-m model.safetensors --no-version"
SPLITS = "--window 5000 --valid chr1:1-10000 --test chr2:1-30000 --no-version --force"
JOBS = [
    Job("build", f"regds-build {REF} --sheet sheet.tsv {SPLITS} -o d.regds", "ref.fa sheet.tsv a.narrowPeak.gz b.bed",
        "d.regds", "ref.fa.fai"),
    Job("build-coverage", f"regds-build {REF} --sheet coverage.tsv --target coverage --label-bin 100 --label-bins 10 {SPLITS} "
        "-o c.regds", "ref.fa ref.fa.fai coverage.tsv CTCF.K562.bw", "c.regds"),
    Job("train", f"regtrain {REF} -d small.regds -a tiny.json --steps 3 --batch 2 --valid-every 2 --checkpoint-every 0 "
        "--no-version -o m.safetensors", "ref.fa ref.fa.fai small.regds tiny.json", "m.safetensors m.log.tsv"),
    Job("eval", f"regeval {REF} -m model.safetensors -d small.regds -o e.tsv --curves c.tsv",
        "ref.fa ref.fa.fai small.regds model.safetensors", "e.tsv c.tsv"),
    Job("call-narrowpeak", f"regcall {REF} {MODEL} -c 0.05 -o x.narrowPeak.gz", "ref.fa model.safetensors",
        "x.narrowPeak.gz x.narrowPeak.gz.tbi", "ref.fa.fai"),
    Job("call-bigwig", f"regcall {REF} {MODEL} -o {{marker}}.bw", "ref.fa ref.fa.fai model.safetensors",
        "CTCF.K562.bw open.K562.bw"),
    Job("call-bigbed", f"regcall {MODEL} -@ 1 -c 0.05 -o x.bb ref.fa.gz", "ref.fa.gz model.safetensors", "x.bb"),
    Job("call-several", f"regcall {REF} {MODEL} -r chr2 -c 0.05 -o x.bb -o {{marker}}.bw -o x.bed.gz",
        "ref.fa ref.fa.fai model.safetensors", "x.bb CTCF.K562.bw open.K562.bw x.bed.gz x.bed.gz.tbi"),
    Job("call-bedgraph", f"regcall -f ref.fa.gz -@ 1 {MODEL} -k open.K562 -r chr2 -O bedgraph -o x.bg",
        "ref.fa.gz model.safetensors", "x.bg", "ref.fa.gz.fai ref.fa.gz.gzi"),
    Job("call-stdout", f"regcall -@ 1 {MODEL} -c 0.05 -O bed ref.fa.gz", "ref.fa.gz model.safetensors", "", stdout="x.out"),
    Job("snp-vcf-gz", f"regsnp annotate {REF} {MODEL} -o o.vcf.gz --write-index --matrix m.tsv.gz in.vcf",
        "ref.fa model.safetensors in.vcf", "o.vcf.gz o.vcf.gz.tbi m.tsv.gz m.tsv.gz.tbi", "ref.fa.fai"),
    Job("snp-bcf", f"regsnp annotate {REF} {MODEL} -o o.bcf --write-index in.vcf.gz",
        "ref.fa ref.fa.fai model.safetensors in.vcf.gz", "o.bcf o.bcf.csi"),
    Job("snp-bcf-vcf", f"regsnp annotate {REF} {MODEL} -o o.vcf in.bcf", "ref.fa ref.fa.fai model.safetensors in.bcf", "o.vcf"),
    Job("snp-region", f"regsnp annotate {REF} {MODEL} -r chr1:1-24999,chr2 -o o.vcf in.vcf.gz",
        "ref.fa ref.fa.fai model.safetensors in.vcf.gz in.vcf.gz.tbi", "o.vcf"),
    Job("snp-region-bcf", f"regsnp annotate {REF} {MODEL} -r chr1:1-24999,chr2 -o o.vcf in.bcf",
        "ref.fa ref.fa.fai model.safetensors in.bcf in.bcf.csi", "o.vcf"),
    Job("snp-stdout", f"regsnp annotate {REF} {MODEL} in.vcf", "ref.fa ref.fa.fai model.safetensors in.vcf", "", stdout="o.vcf"),
    Job("snp-stdout-bcf", f"regsnp annotate {REF} {MODEL} -O b in.bcf", "ref.fa ref.fa.fai model.safetensors in.bcf", "",
        stdout="o.bcf"),
]


def prepare(folder, environment):
    """Makes all inputs in `folder`, with test/tools/fixture.sh and the tools themselves."""
    tools = HERE.parent / "tools"
    script = f"""set -euo pipefail
        bash {tools}/fixture.sh
        cp {tools}/data/tiny.json .
        bgzip -c ref.fa > ref.fa.gz
        bgzip -c in.vcf > in.vcf.gz
        regcall {REF} {MODEL} -k CTCF.K562 -o '{{marker}}.bw'
        printf 'name\\tpeaks\\nCTCF.K562\\tCTCF.K562.bw\\n' > coverage.tsv
        tabix -p vcf in.vcf.gz
        bcftools view --no-version -Ob -o in.bcf in.vcf
        bcftools index in.bcf"""
    done = subprocess.run(["bash", "-c", script], cwd=folder, env={**environment, "TEST_TOOLS": str(tools)},
                          capture_output=True, text=True)
    assert done.returncode == 0, f"the inputs cannot be made:\n{done.stderr}"


def copy(source, target, names):
    for name in names:
        (shutil.copytree if (source / name).is_dir() else shutil.copy)(source / name, target / name)
