// Names tell formats as those of regcall's outputs do; a matrix, which is a TSV as well, says so in its name.
#include "app/mutations/mutation_output.hpp"

#include "app/mutations/scored_vcf.hpp"

namespace regkit {
namespace {

class Variants final : public MutationOutput {
  public:
    Variants(const MutationFile& file, const MutationContext& context)
        : vcf_(file.name, file.variants, context.run, context.parameters, context.log) {}

    void add(const MutatedBase& base) override {
        for (std::size_t i = 0; i < base.alleles.size(); ++i) vcf_.add(base.alleles[i], base.effects[i]);
    }
    void flush() override { vcf_.flush(); }
    void add_to(OutputSet& outputs) override { vcf_.add_to(outputs); }

  private:
    ScoredVcf vcf_;
};

}  // namespace

std::unique_ptr<MutationOutput> make_mutation_variants(const MutationFile& file,
                                                       const MutationContext& context) {
    return std::make_unique<Variants>(file, context);
}

std::unique_ptr<MutationOutput> make_mutation_output(const MutationFile& file,
                                                     const MutationContext& context) {
    switch (file.kind) {
        case MutationFile::Kind::table:
            return make_mutation_table(file, context);
        case MutationFile::Kind::matrix:
            return make_mutation_matrix(file, context);
        case MutationFile::Kind::track:
            return make_mutation_track(file, context);
        case MutationFile::Kind::arrays:
            return make_mutation_arrays(file, context);
        case MutationFile::Kind::variants:
        case MutationFile::Kind::bins:  // of attributions alone
            break;
    }
    return make_mutation_variants(file, context);
}

}  // namespace regkit
