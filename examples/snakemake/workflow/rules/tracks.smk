# The genome in shards, each a job, and tracks that are, to the byte, those of one run.


scattergather:
    regcall=config["shards"],


rule regcall_shard:
    input:
        fasta=config["fasta"],
        model=rules.regtrain.output.model,
    output:
        temp("results/parts/{scatteritem}.part"),
    log:
        "results/logs/regcall_shard/{scatteritem}.log",
    retries: 2
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=240,
    params:
        shard=lambda wildcards: wildcards.scatteritem.replace("-of-", "/"),
        extra=config["regcall"],
    shell:
        "regcall --model {input.model:q} --fasta {input.fasta:q} --shard {params.shard} -O narrowpeak -O bigwig"
        " --output {output:q} --resume {params.extra} --threads {threads} 2> {log:q}"


rule regcall_merge:
    input:
        gather.regcall("results/parts/{scatteritem}.part"),
    output:
        sites="results/tracks/sites.narrowPeak.gz",
        index=f"results/tracks/sites.narrowPeak.gz.{config['index']}",
        values=expand("results/tracks/{marker}.bw", marker=MARKERS),
        # What was run: bigWig has no room for it.
        runs=expand("results/tracks/{marker}.bw.json", marker=MARKERS),
    log:
        "results/logs/regcall_merge.log",
    threads: 4
    resources:
        mem_mb=8000,
        runtime=120,
    params:
        values=lambda wildcards, output: os.path.join(os.path.dirname(output.sites), "{marker}.bw"),
        extra=config["regcall_merge"],
    shell:
        "regcall merge --output {output.sites:q} --output {params.values:q} {params.extra} --threads {threads} {input:q}"
        " 2> {log:q}"
