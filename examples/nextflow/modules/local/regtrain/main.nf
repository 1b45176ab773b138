process REGTRAIN {
    tag "$meta.id"
    label 'process_high'
    label 'process_long'

    input:
    tuple val(meta) , path(dataset)
    tuple val(meta2), path(fasta), path(index) // index: .fai and .gzi of the FASTA, or []
    path spec                                  // an architecture of one's own, or []
    val preset                                 // the name of one (regtrain --presets), where there is no spec

    output:
    tuple val(meta), path("${prefix}.safetensors"), emit: model
    tuple val(meta), path("${prefix}.log.tsv")    , emit: log
    path "versions.yml"                           , emit: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args         = task.ext.args ?: ''
    def architecture = spec ?: preset
    prefix           = task.ext.prefix ?: "${meta.id}"
    """
    regtrain \\
        --dataset ${dataset} \\
        --fasta ${fasta} \\
        --architecture ${architecture} \\
        --output ${prefix}.safetensors \\
        --threads ${task.cpus} \\
        ${args}

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        regkit: \$(regtrain --version | sed -n '1s/.* //p')
    END_VERSIONS
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    touch ${prefix}.safetensors ${prefix}.log.tsv

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        regkit: \$(regtrain --version | sed -n '1s/.* //p')
    END_VERSIONS
    """
}
