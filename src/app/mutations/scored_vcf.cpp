// The header is completed by the same function as one that annotate has read: a record here and one of a VCF
// that annotate was given have the same fields.
#include "app/mutations/scored_vcf.hpp"

#include "app/variants/annotation_header.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {

ScoredVcf::ScoredVcf(const std::string& path, VariantFormat format, AlleleRun& run,
                     const ScoringParameters& p, Log& log)
    : run_(run),
      fields_(run.model(), run.scorer().text(), {}),
      source_(std::make_shared<const std::string>(p.fasta)) {
    VcfHeader header = VcfHeader::made(*source_);
    complete_header(header, fields_, run.reference().contigs(), run.provenance(), p.fasta, log);
    writer_ = std::make_unique<VcfWriter>(
        path, header, VcfWriter::Options{format, p.write_index, run.longest_contig(), &log, false});
}

void ScoredVcf::add(const MadeAllele& allele, const AlleleEffect& effect) {
    record_.make(source_, nth(run_.reference().contigs(), allele.contig).name, allele.position, allele.ref,
                 allele.alt);
    fields_.values(allele.position, {effect},
                   {effect.compared > 0 ? AlleleNote::none : AlleleNote::uncompared}, values_);
    writer_->write(record_, values_);
}

}  // namespace regkit
