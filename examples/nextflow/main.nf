#!/usr/bin/env nextflow
// From a genome and peaks to a model, its metrics, tracks of the whole genome, called in shards, and scored variants.

nextflow.enable.dsl = 2

include { REGDS_BUILD   } from './modules/local/regds_build/main'
include { REGTRAIN      } from './modules/local/regtrain/main'
include { REGEVAL       } from './modules/local/regeval/main'
include { REGCALL_SHARD } from './modules/local/regcall_shard/main'
include { REGCALL_MERGE } from './modules/local/regcall_merge/main'
include { REGSNP        } from './modules/local/regsnp/main'

workflow REGKIT {

    take:
    ch_sheet    // channel: [ meta, sheet, [ peaks ] ]
    ch_fasta    // value:   [ meta, fasta, [ indexes ] ]
    spec        // value:   an architecture of one's own, or []
    preset      // value:   the name of one, where there is no spec
    ch_variants // channel: [ meta, vcf ]
    shards      // value:   how many tasks call the genome

    main:
    ch_versions = channel.empty()

    REGDS_BUILD(ch_sheet, ch_fasta)
    ch_versions = ch_versions.mix(REGDS_BUILD.out.versions.first())

    REGTRAIN(REGDS_BUILD.out.dataset, ch_fasta, spec, preset)
    ch_versions = ch_versions.mix(REGTRAIN.out.versions.first())

    REGEVAL(REGTRAIN.out.model.join(REGDS_BUILD.out.dataset), ch_fasta)
    ch_versions = ch_versions.mix(REGEVAL.out.versions.first())

    ch_shards = channel.of(1..shards).map { shard -> [ shard, shards ] }
    REGCALL_SHARD(REGTRAIN.out.model.combine(ch_shards), ch_fasta)
    ch_versions = ch_versions.mix(REGCALL_SHARD.out.versions.first())

    REGCALL_MERGE(REGCALL_SHARD.out.part.groupTuple(size: shards))
    ch_versions = ch_versions.mix(REGCALL_MERGE.out.versions.first())

    REGSNP(ch_variants, REGTRAIN.out.model.first(), ch_fasta)
    ch_versions = ch_versions.mix(REGSNP.out.versions.first())

    emit:
    model    = REGTRAIN.out.model       // channel: [ meta, safetensors ]
    metrics  = REGEVAL.out.metrics      // channel: [ meta, tsv ]
    sites    = REGCALL_MERGE.out.sites  // channel: [ meta, narrowPeak.gz ]
    values   = REGCALL_MERGE.out.values // channel: [ meta, [ bw ] ]
    vcf      = REGSNP.out.vcf           // channel: [ meta, vcf.gz ]
    versions = ch_versions              // channel: versions.yml
}

workflow {

    if (!params.sheet || !params.fasta) {
        error("--sheet and --fasta are needed: see README.md")
    }

    // In the sheet paths of peaks are relative to it. They are staged beside a sheet that has their names alone.
    sheet    = file(params.sheet, checkIfExists: true)
    markers  = sheet.splitCsv(header: true, sep: '\t')
    peaks    = markers.collect { row -> file(sheet.parent.resolve(row['peaks']), checkIfExists: true) }
    columns  = [ 'name', 'class', 'target', 'cell' ]
    lines    = [ columns + 'peaks' ] + [ markers, peaks ].transpose().collect { row, path ->
        columns.collect { column -> row[column] ?: '.' } + path.name
    }
    ch_sheet = channel.of(lines.collect { cells -> cells.join('\t') + '\n' }.join())
        .collectFile(name: 'markers.tsv')
        .map { staged -> [ [ id: params.id ], staged, peaks ] }

    ch_fasta    = [ [ id: params.id ], file(params.fasta, checkIfExists: true), files("${params.fasta}.{fai,gzi}") ]
    spec        = params.architecture.endsWith('.json') ? file(params.architecture, checkIfExists: true) : []
    ch_variants = params.variants
        ? channel.fromPath(params.variants, checkIfExists: true).map { vcf -> [ [ id: vcf.simpleName ], vcf ] }
        : channel.empty()

    REGKIT(ch_sheet, ch_fasta, spec, params.architecture, ch_variants, params.shards)

    REGKIT.out.versions
        .collectFile(name: 'versions.yml', storeDir: "${params.outdir}/pipeline_info", sort: true)
}
