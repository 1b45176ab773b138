// Tables of the effects of mutations. Numbers are those of annotate's matrix, with six significant digits;
// what was not compared is ".".
#include <optional>

#include "app/variants/mutation_output.hpp"
#include "base/printable.hpp"
#include "io/fasta/fasta.hpp"
#include "io/files/atomic_file.hpp"
#include "io/files/bgzf_writer.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr std::string_view kBases = "ACGT";

// Text with contig and position in its first columns.
class TableFile {
  public:
    TableFile(const MutationFile& file, const MutationContext& context)
        : indexed_(context.parameters.write_index), longest_(context.run.longest_contig()) {
        require(!indexed_ || file.gz, ErrorKind::usage,
                "--write-index: " + (file.name.empty() ? "standard output" : file.name) +
                    " is no bgzip file; end its name in .gz");
        if (file.gz)
            bgzip_.emplace(file.name);
        else
            plain_.emplace(file.name);
        for (const std::string& line : context.run.provenance()) write(printable(line) + "\n");
    }
    void write(std::string_view text) {
        if (bgzip_)
            bgzip_->write(text);
        else
            plain_->write(text);
    }
    void flush() {
        if (plain_) plain_->flush();
    }
    void add_to(OutputSet& outputs) {
        if (plain_)
            outputs.add(std::move(*plain_));
        else if (indexed_)
            bgzip_->add_indexed_to(outputs, {.contig = 1, .begin = 2, .end = 2, .zero_based = false},
                                   longest_);
        else
            bgzip_->add_to(outputs);
    }

  private:
    std::optional<AtomicFile> plain_;
    std::optional<BgzfWriter> bgzip_;
    bool indexed_;
    std::int64_t longest_;
};

// "chr1\t1000\t", the first columns of both tables.
class RowStart {
  public:
    explicit RowStart(AlleleRun& run) : run_(run) {}
    void append_to(std::string& text, int contig, std::int64_t position) {
        if (contig != contig_) name_ = printable(nth(run_.reference().contigs(), contig).name) + "\t";
        contig_ = contig;
        text += name_;
        text += std::to_string(position + 1);
        text += '\t';
    }

  private:
    AlleleRun& run_;
    int contig_ = -1;
    std::string name_;
};

void append_change(std::string& text, const AlleleEffect& effect, std::size_t marker) {
    text += '\t';
    if (effect.compared > 0)
        append_vcf_number(text, effect.markers[marker].delta);
    else
        text += '.';
}

class Table final : public MutationOutput {
  public:
    Table(const MutationFile& file, const MutationContext& context)
        : file_(file, context), start_(context.run), markers_(context.run.model().markers) {
        file_.write("#chrom\tpos\tref\talt\tmarker\tdelta\n");
    }
    void add(const MutatedBase& base) override {
        text_.clear();
        for (std::size_t i = 0; i < base.alleles.size(); ++i)
            for (std::size_t m = 0; m < markers_.size(); ++m) {
                start_.append_to(text_, base.contig, base.alleles[i].position);
                text_ += base.alleles[i].ref + "\t" + base.alleles[i].alt + "\t" + markers_[m].name;
                append_change(text_, base.effects[i], m);
                text_ += '\n';
            }
        file_.write(text_);
    }
    void flush() override { file_.flush(); }
    void add_to(OutputSet& outputs) override { file_.add_to(outputs); }

  private:
    TableFile file_;
    RowStart start_;
    const std::vector<Marker>& markers_;
    std::string text_;
};

class Matrix final : public MutationOutput {
  public:
    Matrix(const MutationFile& file, const MutationContext& context)
        : file_(file, context),
          start_(context.run),
          markers_(context.run.model().markers),
          deletions_(static_cast<std::size_t>(context.deletions)) {
        std::string head = "#chrom\tpos\tref\tmarker";
        for (const char base : kBases) (head += '\t') += base;
        for (std::size_t i = 1; i <= deletions_; ++i) head += "\tdel" + std::to_string(i);
        file_.write(head + "\n");
    }
    void add(const MutatedBase& base) override {
        columns_.assign(kBases.size() + deletions_, nullptr);
        for (std::size_t i = 0; i < base.alleles.size(); ++i) {
            const MadeAllele& allele = base.alleles[i];
            const std::size_t column = allele.deleted > 0
                                           ? kBases.size() + static_cast<std::size_t>(allele.deleted) - 1
                                           : kBases.find(allele.alt.front());
            columns_[column] = &base.effects[i];
        }
        text_.clear();
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
        file_.write(text_);
    }
    void flush() override { file_.flush(); }
    void add_to(OutputSet& outputs) override { file_.add_to(outputs); }

  private:
    TableFile file_;
    RowStart start_;
    const std::vector<Marker>& markers_;
    std::size_t deletions_;
    std::vector<const AlleleEffect*> columns_;  // of the base; none: its own, or nothing there
    std::string text_;
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
