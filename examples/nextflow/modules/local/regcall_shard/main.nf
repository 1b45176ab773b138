process REGCALL_SHARD {
    tag "$meta.id $shard/$shards"
    label 'process_high'

    input:
    tuple val(meta) , path(model), val(shard), val(shards) // the shard's number, from 1, and how many there are
    tuple val(meta2), path(fasta), path(index)             // index: .fai and .gzi of the FASTA, or []

    output:
    tuple val(meta), path("${prefix}.${shard}.part"), emit: part
    path "versions.yml"                             , emit: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: '-O narrowpeak -O bigwig' // for what merge is to write, and what changes predictions or sites
    prefix   = task.ext.prefix ?: "${meta.id}"
    """
    regcall \\
        --model ${model} \\
        --fasta ${fasta} \\
        --shard ${shard}/${shards} \\
        --output ${prefix}.${shard}.part \\
        --threads ${task.cpus} \\
        ${args}

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        regkit: \$(regcall --version | sed -n '1s/.* //p')
    END_VERSIONS
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    touch ${prefix}.${shard}.part

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        regkit: \$(regcall --version | sed -n '1s/.* //p')
    END_VERSIONS
    """
}
