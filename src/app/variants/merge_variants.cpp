// The first part's header becomes the output's, without what names the shard; then the records of all follow,
// as they are.
#include "app/variants/merge_variants.hpp"

#include <algorithm>

#include "app/call/part_order.hpp"
#include "app/variants/annotation_header.hpp"
#include "app/variants/variant_part.hpp"
#include "base/text.hpp"
#include "io/files/output_check.hpp"
#include "io/files/output_set.hpp"
#include "kernels/base/error.hpp"

namespace regkit {
namespace {

bool is_bcf(VariantFormat format) {
    return format == VariantFormat::bcf || format == VariantFormat::bcf_uncompressed;
}

struct OrderedParts {
    std::vector<RunPart> parts;
    int shards = 1;
    std::int64_t longest = 1;  // bases of a contig
};

OrderedParts read_parts(const MergeVariantsParameters& p) {
    OrderedParts ordered;
    VariantPart first;
    std::vector<RunPart>& parts = ordered.parts;
    for (const std::string& path : p.parts) {
        VcfReader reader(path);
        const VariantPart part = read_part(reader.header());
        if (parts.empty()) first = part;
        parts.push_back({path, part.shard});
        const std::string other = difference(part, first);
        require(other.empty(), ErrorKind::mismatch,
                which_part(parts.back(), part.shards) + " and " + which_part(parts.front(), first.shards) +
                    " are not of one run: " + other);
        for (const Contig& contig : reader.header().contigs())
            ordered.longest = std::max(ordered.longest, contig.length);
    }
    ordered.shards = first.shards;
    order_parts(parts, ordered.shards);
    return ordered;
}

// Lines that tell of the run, as the first part has them, with this command.
std::vector<std::string> provenance_of(const VcfHeader& header, const MergeVariantsParameters& p) {
    std::vector<std::string> lines;
    if (!p.provenance) return lines;
    for (const char* key :
         {"regsnpVersion", "regsnpCommand", "regsnpModel", "regsnpReference", "regsnpDevice"})
        for (const std::string& value : header.values_of(key))
            lines.push_back(std::string("##") + key + "=" +
                            (std::string_view(key) == "regsnpCommand" ? p.command_line : value));
    return lines;
}

}  // namespace

void merge_variants(const MergeVariantsParameters& p, Log& log, const TellWork& tell) {
    const VariantFormat format = p.format ? *p.format : variant_format_of(p.output);
    std::vector<std::string> outputs{p.output};
    if (is_compressed(format))
        for (std::string& name : index_names(p.output)) outputs.push_back(std::move(name));
    refuse_inputs_as_outputs(outputs, p.parts);
    const OrderedParts ordered = read_parts(p);
    WorkDone work{.unit = "parts", .total = std::ssize(ordered.parts)};
    tell(work);
    std::optional<VcfWriter> writer;
    std::int64_t records = 0;
    for (const RunPart& part : ordered.parts) {
        VcfReader reader(part.path, &log);
        require(
            reader.header().is_bcf() == is_bcf(format), ErrorKind::usage,
            part.path +
                (reader.header().is_bcf()
                     ? ": is BCF, of which BCF can be made (-O b or -O u): text would have other digits"
                     : ": is VCF text, of which VCF can be made (-O v or -O z); for BCF run the shards with -O b"));
        if (!writer) {
            VcfHeader& header = reader.header();
            // The reference's name stands behind its digest where the run named it.
            const std::string name = header.value_behind("regsnpReference", "reference");
            replace_provenance(header, provenance_of(header, p), name);
            writer.emplace(p.output, header,
                           VcfWriter::Options{format, p.write_index, ordered.longest, &log, false});
        }
        VcfRecord record;
        while (reader.next(record) == VcfReader::Got::record) {
            writer->write(record);
            ++records;
        }
        require(!reader.unterminated(), ErrorKind::input,
                which_part(part, ordered.shards) + ": cut short; run that shard again");
        writer->flush();
        ++work.done;
        tell(work);
    }
    work.complete = true;
    tell(work);
    OutputSet all;
    writer->add_to(all);
    all.commit();
    log.info(counted(records, "record") + " of " + counted(std::ssize(ordered.parts), "part"));
}

}  // namespace regkit
