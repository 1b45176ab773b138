process REGEVAL {
    tag "$meta.id"
    label 'process_medium'

    input:
    tuple val(meta) , path(model), path(dataset)
    tuple val(meta2), path(fasta), path(index) // index: .fai and .gzi of the FASTA, or []

    output:
    tuple val(meta), path("${prefix}.metrics.tsv")  , emit: metrics
    tuple val(meta), path("${prefix}.curves.tsv.gz"), emit: curves
    path "versions.yml"                             , emit: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    prefix   = task.ext.prefix ?: "${meta.id}"
    """
    regeval \\
        --model ${model} \\
        --dataset ${dataset} \\
        --fasta ${fasta} \\
        --output ${prefix}.metrics.tsv \\
        --curves ${prefix}.curves.tsv.gz \\
        --threads ${task.cpus} \\
        ${args}

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        regkit: \$(regeval --version | sed -n '1s/.* //p')
    END_VERSIONS
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    touch ${prefix}.metrics.tsv
    echo | gzip > ${prefix}.curves.tsv.gz

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        regkit: \$(regeval --version | sed -n '1s/.* //p')
    END_VERSIONS
    """
}
