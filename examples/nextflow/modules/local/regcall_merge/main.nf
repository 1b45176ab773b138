process REGCALL_MERGE {
    tag "$meta.id"
    label 'process_medium'

    input:
    tuple val(meta), path(parts) // all parts of one call, in any order

    output:
    tuple val(meta), path("${prefix}.narrowPeak.gz")          , emit: sites
    tuple val(meta), path("${prefix}.narrowPeak.gz.{tbi,csi}"), emit: index
    tuple val(meta), path("${prefix}.*.bw")                   , emit: values
    tuple val(meta), path("${prefix}.*.bw.json")              , emit: runs // what was run, for which bigWig has no room
    path "versions.yml"                                       , emit: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    prefix   = task.ext.prefix ?: "${meta.id}"
    """
    regcall merge \\
        --output ${prefix}.narrowPeak.gz \\
        --output '${prefix}.{marker}.bw' \\
        --threads ${task.cpus} \\
        ${args} \\
        ${parts}

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        regkit: \$(regcall --version | sed -n '1s/.* //p')
    END_VERSIONS
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    echo | gzip > ${prefix}.narrowPeak.gz
    touch ${prefix}.narrowPeak.gz.tbi ${prefix}.marker.bw ${prefix}.marker.bw.json

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        regkit: \$(regcall --version | sed -n '1s/.* //p')
    END_VERSIONS
    """
}
