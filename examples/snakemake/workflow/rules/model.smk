# Data set, model and metrics.


rule regds_build:
    input:
        fasta=config["fasta"],
        sheet=config["sheet"],
        peaks=PEAKS,
    output:
        directory("results/dataset.regds"),
    log:
        "results/logs/regds_build.log",
    threads: 4
    resources:
        mem_mb=8000,
        runtime=120,
    params:
        extra=config["regds_build"],
    shell:
        "regds-build --fasta {input.fasta:q} --sheet {input.sheet:q} --output {output:q} {params.extra}"
        " --threads {threads} 2> {log:q}"


# Checkpoints are no outputs, which Snakemake would remove with a job that failed: a retry, or the next run of the workflow,
# goes on from them.
rule regtrain:
    input:
        fasta=config["fasta"],
        dataset=rules.regds_build.output,
        # A preset is a name, an architecture of one's own a file.
        spec=[config["architecture"]] if config["architecture"].endswith(".json") else [],
    output:
        model="results/model.safetensors",
        table="results/model.log.tsv",
    log:
        "results/logs/regtrain.log",
    retries: 2
    threads: 16
    resources:
        mem_mb=lambda wildcards, attempt: 16000 * attempt,
        runtime=1440,
    params:
        architecture=lambda wildcards, input: input.get("spec") or config["architecture"],
        extra=config["regtrain"],
    shell:
        "regtrain --dataset {input.dataset:q} --fasta {input.fasta:q} --architecture {params.architecture:q}"
        " --output {output.model:q} --resume {params.extra} --threads {threads} 2> {log:q}"


rule regeval:
    input:
        fasta=config["fasta"],
        dataset=rules.regds_build.output,
        model=rules.regtrain.output.model,
    output:
        metrics="results/metrics.tsv",
        curves="results/curves.tsv.gz",
    log:
        "results/logs/regeval.log",
    threads: 8
    resources:
        mem_mb=8000,
        runtime=240,
    params:
        extra=config["regeval"],
    shell:
        "regeval --dataset {input.dataset:q} --fasta {input.fasta:q} --model {input.model:q}"
        " --output {output.metrics:q} --curves {output.curves:q} {params.extra} --threads {threads} 2> {log:q}"
