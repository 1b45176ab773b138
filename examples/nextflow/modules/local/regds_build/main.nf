process REGDS_BUILD {
    tag "$meta.id"
    label 'process_medium'

    input:
    tuple val(meta) , path(sheet), path(peaks) // peaks: the files that the sheet names, beside it
    tuple val(meta2), path(fasta), path(index) // index: .fai and .gzi of the FASTA, or []

    output:
    tuple val(meta), path("${prefix}.regds"), emit: dataset
    path "versions.yml"                     , emit: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    prefix   = task.ext.prefix ?: "${meta.id}"
    """
    regds-build \\
        --fasta ${fasta} \\
        --sheet ${sheet} \\
        --output ${prefix}.regds \\
        --threads ${task.cpus} \\
        ${args}

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        regkit: \$(regds-build --version | sed -n '1s/.* //p')
    END_VERSIONS
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    mkdir ${prefix}.regds
    touch ${prefix}.regds/dataset.json

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        regkit: \$(regds-build --version | sed -n '1s/.* //p')
    END_VERSIONS
    """
}
