// Tables of the effects of mutations. Numbers are those of annotate's matrix, with six significant digits;
// what was not compared is ".".
#include "app/mutations/base_files.hpp"
#include "app/mutations/mutation_output.hpp"
#include "io/fasta/fasta.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr std::string_view kBases = "ACGT";

void append_change(std::string& text, const AlleleEffect& effect, std::size_t marker) {
    text += '\t';
    if (effect.compared > 0)
        append_vcf_number(text, effect.markers[marker].delta);
    else
        text += '.';
}

// What both tables share: the rows of a base are written together.
class BaseRows : public MutationOutput {
  public:
    void add(const MutatedBase& base) final {
        text_.clear();
        append_rows(base);
        file_.write(text_);
    }
    void flush() final { file_.flush(); }
    void add_to(OutputSet& outputs) final { file_.add_to(outputs); }

  protected:
    BaseRows(const MutationFile& file, const MutationContext& context, const std::string& head)
        : start_(context.run),
          markers_(context.run.model().markers),
          file_(file, context.run, context.parameters.write_index) {
        file_.write(head);
    }
    virtual void append_rows(const MutatedBase& base) = 0;

    std::string text_;
    RowStart start_;
    const std::vector<Marker>& markers_;

  private:
    TableFile file_;
};

class Table final : public BaseRows {
  public:
    Table(const MutationFile& file, const MutationContext& context)
        : BaseRows(file, context, "#chrom\tpos\tref\talt\tmarker\tdelta\n") {}

  private:
    void append_rows(const MutatedBase& base) override {
        for (std::size_t i = 0; i < base.alleles.size(); ++i)
            for (std::size_t m = 0; m < markers_.size(); ++m) {
                start_.append_to(text_, base.contig, base.alleles[i].position);
                text_ += base.alleles[i].ref + "\t" + base.alleles[i].alt + "\t" + markers_[m].name;
                append_change(text_, base.effects[i], m);
                text_ += '\n';
            }
    }
};

class Matrix final : public BaseRows {
  public:
    Matrix(const MutationFile& file, const MutationContext& context)
        : BaseRows(file, context, head(static_cast<std::size_t>(context.deletions))),
          deletions_(static_cast<std::size_t>(context.deletions)) {}

  private:
    static std::string head(std::size_t deletions) {
        std::string text = "#chrom\tpos\tref\tmarker";
        for (const char base : kBases) (text += '\t') += base;
        for (std::size_t i = 1; i <= deletions; ++i) text += "\tdel" + std::to_string(i);
        return text + "\n";
    }
    void append_rows(const MutatedBase& base) override {
        columns_.assign(kBases.size() + deletions_, nullptr);
        for (std::size_t i = 0; i < base.alleles.size(); ++i) {
            const MadeAllele& allele = base.alleles[i];
            const std::size_t column = allele.deleted > 0
                                           ? kBases.size() + static_cast<std::size_t>(allele.deleted) - 1
                                           : kBases.find(allele.alt.front());
            columns_[column] = &base.effects[i];
        }
        for (std::size_t m = 0; m < markers_.size(); ++m) {
            start_.append_to(text_, base.contig, base.position);
            ((text_ += decode_base(base.code)) += '\t') += markers_[m].name;
            for (std::size_t c = 0; c < columns_.size(); ++c)
                if (columns_[c] != nullptr)
                    append_change(text_, *columns_[c], m);
                else
                    text_ += c < kBases.size() && kBases[c] == decode_base(base.code) ? "\t0" : "\t.";
            text_ += '\n';
        }
    }

    std::size_t deletions_;
    std::vector<const AlleleEffect*> columns_;  // of the base; none: its own, or nothing there
};

}  // namespace

std::unique_ptr<MutationOutput> make_mutation_table(const MutationFile& file,
                                                    const MutationContext& context) {
    return std::make_unique<Table>(file, context);
}

std::unique_ptr<MutationOutput> make_mutation_matrix(const MutationFile& file,
                                                     const MutationContext& context) {
    return std::make_unique<Matrix>(file, context);
}

}  // namespace regkit
