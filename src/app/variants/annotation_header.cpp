// A header without contigs gets the reference's, first of all, so that a later run finds the lines in the
// order in which this one wrote them. Fields and provenance of earlier runs give way to ours; somebody else's
// field under one of our names ends the run, and all other lines stay as they are.
#include "app/variants/annotation_header.hpp"

#include <algorithm>

#include "base/printable.hpp"
#include "kernels/base/error.hpp"

namespace regkit {
namespace {

constexpr const char* kReferenceDigest = "regsnpReference";

// Fields of earlier runs go; those of others that would be written stop the run.
void replace_fields(VcfHeader& header, const std::vector<InfoDefinition>& ours) {
    const std::vector<InfoDefinition> theirs = header.info_definitions();
    for (const InfoDefinition& field : theirs) {
        if (written_by_regsnp(field)) continue;
        const bool taken = std::any_of(ours.begin(), ours.end(),
                                       [&](const InfoDefinition& own) { return own.id == field.id; });
        require(!taken, ErrorKind::input,
                header.source() + ": the header defines INFO/" + field.id + " otherwise (Number=" +
                    field.number + ",Type=" + field.type + ",Description=\"" + field.description +
                    "\"), and regsnp would write a field of that name; rename it, or remove it with bcftools "
                    "annotate -x INFO/" +
                    field.id);
    }
    for (const InfoDefinition& field : theirs) {
        // A name that is defined twice, once by somebody else: whose values they are cannot be told.
        const bool shared = std::any_of(theirs.begin(), theirs.end(), [&](const InfoDefinition& other) {
            return other.id == field.id && !written_by_regsnp(other);
        });
        if (!shared) header.remove_info(field.id);
    }
    for (const InfoDefinition& field : ours) header.define_info(field);
}

}  // namespace

// The reference's name stands behind its digest, so that a later run can tell it from a line of somebody
// else.
void replace_provenance(VcfHeader& header, const std::vector<std::string>& provenance,
                        const std::string& fasta) {
    header.remove_line_behind(kReferenceDigest, "reference");
    for (const char* key :
         {"regsnpVersion", "regsnpCommand", "regsnpModel", kReferenceDigest, "regsnpDevice", "regsnpShard"})
        header.remove_lines(key);
    const bool named = header.has_line("reference");
    for (const std::string& line : provenance) {
        header.add_line(line);
        if (!named && line.starts_with(std::string("##") + kReferenceDigest))
            header.add_line("##reference=" + printable(fasta));
    }
}

bool complete_header(VcfHeader& header, const AnnotationFields& fields, const std::vector<Contig>& reference,
                     const std::vector<std::string>& provenance, const std::string& fasta, Log& log) {
    // A header without contigs is legal text, yet no index and no BCF could be made of it. They come first: a
    // later run finds them among the input's lines, and our fields behind them.
    const bool listed = !header.contigs().empty();
    if (!listed) header.add_contigs(reference);
    for (const Contig& contig : reference)
        if (!listed && !VcfHeader::can_list(contig.name))
            log.warn("contig-comma", "a ##contig line cannot hold the name " + contig.name +
                                         " of the reference, with its comma; left out");
    replace_fields(header, fields.definitions());
    replace_provenance(header, provenance, fasta);
    return listed;
}

}  // namespace regkit
