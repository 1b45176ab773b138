process REGSNP {
    tag "$meta.id"
    label 'process_medium'

    input:
    tuple val(meta) , path(variants)           // VCF or BCF, sorted
    tuple val(meta2), path(model)
    tuple val(meta3), path(fasta), path(index) // index: .fai and .gzi of the FASTA, or []

    output:
    tuple val(meta), path("${prefix}.vcf.gz")          , emit: vcf
    tuple val(meta), path("${prefix}.vcf.gz.{tbi,csi}"), emit: index
    path "versions.yml"                                , emit: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    prefix   = task.ext.prefix ?: "${meta.id}.scored"
    """
    regsnp \\
        --model ${model} \\
        --fasta ${fasta} \\
        --output ${prefix}.vcf.gz \\
        --write-index \\
        --threads ${task.cpus} \\
        ${args} \\
        ${variants}

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        regkit: \$(regsnp --version | sed -n '1s/.* //p')
    END_VERSIONS
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.id}.scored"
    """
    echo | gzip > ${prefix}.vcf.gz
    touch ${prefix}.vcf.gz.tbi

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        regkit: \$(regsnp --version | sed -n '1s/.* //p')
    END_VERSIONS
    """
}
