// A line is put together in a buffer that is used again, and written through BgzfWriter, which also makes the
// index. An allele without a score has a row as well, of dots, so that rows and alleles are the same in
// number.
#include "app/variants/effect_matrix.hpp"

#include "base/printable.hpp"

namespace regkit {
EffectMatrix::EffectMatrix(const std::string& path, const std::vector<Marker>& markers,
                           const std::vector<std::string>& comments)
    : file_(path), markers_(markers.size()) {
    std::string head;
    for (const std::string& comment : comments) head += printable(comment) + "\n";
    head += "#chrom\tpos\tid\tref\talt";
    for (const Marker& marker : markers) head += "\t" + marker.name;
    file_.write(head + "\n");
}

void EffectMatrix::add(const VcfRecord& record, const std::vector<AlleleEffect>& effects) {
    for (std::size_t a = 0; a < effects.size(); ++a) {
        line_ = printable(record.contig()) + "\t" + std::to_string(record.position() + 1) + "\t";
        line_ += printable(record.id());
        line_ += '\t';
        line_ += printable(record.ref());
        line_ += '\t';
        line_ += printable(record.alt(static_cast<int>(a)));
        for (std::size_t m = 0; m < markers_; ++m) {
            line_ += '\t';
            if (effects[a].compared > 0)
                append_vcf_number(line_, effects[a].markers[m].delta);
            else
                line_ += '.';
        }
        line_ += '\n';
        file_.write(line_);
        ++rows_;
    }
}

void EffectMatrix::add_to(OutputSet& outputs, std::int64_t longest) {
    if (longest > 0)
        file_.add_indexed_to(outputs, {.contig = 1, .begin = 2, .end = 2, .zero_based = false}, longest);
    else
        file_.add_to(outputs);
}

}  // namespace regkit
