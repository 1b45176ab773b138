# What the alleles of a VCF or BCF file change.


rule regsnp:
    input:
        fasta=config["fasta"],
        model=rules.regtrain.output.model,
        variants=lambda wildcards: config["variants"][wildcards.variants],
    output:
        variants="results/variants/{variants}.vcf.gz",
        index=f"results/variants/{{variants}}.vcf.gz.{config['index']}",
    log:
        "results/logs/regsnp/{variants}.log",
    threads: 8
    resources:
        mem_mb=8000,
        runtime=240,
    params:
        extra=config["regsnp"],
    shell:
        "regsnp --model {input.model:q} --fasta {input.fasta:q} --output {output.variants:q} --write-index {params.extra}"
        " --threads {threads} {input.variants:q} 2> {log:q}"
