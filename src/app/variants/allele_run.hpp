// What every run of regsnp with a model has: a model, a reference, and what an output tells of them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "app/model/session.hpp"
#include "app/model/trained_reference.hpp"
#include "app/variants/cached_reference.hpp"
#include "app/variants/variant_kind.hpp"
#include "app/variants/variant_scorer.hpp"
#include "base/log.hpp"
#include "kernels/backend.hpp"

namespace regkit {

struct ScoringParameters {
    std::vector<std::string> models;  // of several the mean: an ensemble
    std::string fasta;
    std::vector<std::string> markers;  // -k; empty = all
    std::int64_t span = ScorerOptions::kField;
    bool all_phases = false, rc_average = false;
    std::int64_t verify = 0;       // alleles that are scored once more, in whole windows
    bool check_reference = false;  // all bases of the contigs that the model knows, not only around variants
    bool write_index = false;
    bool provenance = true;  // version, command and digests in the headers
    std::string command_line;
    BackendOptions backend;
};

class AlleleRun {
  public:
    // Both must outlive it.
    AlleleRun(const ScoringParameters& parameters, Log& log);
    // The scorer reads the reference through it.
    AlleleRun(const AlleleRun&) = delete;
    AlleleRun& operator=(const AlleleRun&) = delete;

    // Its weights are the scorer's once there is one. Of an ensemble the first, without calibration, which
    // the mean has none of.
    const Model& model() const { return mean_ ? *mean_ : session_.model(); }
    CachedReference& reference() { return reference_; }
    std::int64_t longest_contig() const;
    // Called once, when it is known that the options go together: it takes the weights, and makes the back
    // end.
    void make_scorer(ScorerOptions options);
    VariantScorer& scorer() { return *scorer_; }
    // Instead of that, for what has the network itself: called once too.
    std::vector<Model> take_models();
    Backend& backend() { return session_.backend(); }
    void tell_notices() { session_.tell_notices(); }

    // Compares the reference with that of the model's training around the first base that is told of each
    // contig.
    void compare_with_training(int contig, std::int64_t position);
    void compare_with_training(const Allele& allele) {
        compare_with_training(allele.contig, allele.change.begin);
    }
    // One effect an allele. Error(input) for one that is no number, with `where` of its index.
    std::vector<AlleleEffect> score(std::span<const Allele> alleles,
                                    const std::function<std::string(std::size_t)>& where);
    // What effects depend on, a line each: models, markers, what is compared.
    std::vector<std::string> settings();
    // Of what is compared with others of its kind; none where it lies beside N.
    std::optional<VariantKind> kind_of(const Allele& allele);
    // "##regsnpVersion=..." and so on; none without `provenance`.
    std::vector<std::string> provenance();
    // At the end: what was read as N, of alleles none of which changed any marker, and what came of those
    // that were scored twice. Error(resource) where these differ.
    void tell_end();

  private:
    void verify(std::span<const Allele> alleles, std::span<const AlleleEffect> effects);
    void tell_verified();

    const ScoringParameters& p_;
    Log& log_;
    Session session_;
    CachedReference reference_;
    std::vector<TrainedReference> trained_;  // of each model
    std::optional<Model> mean_;              // what is known of an ensemble: no tensors
    std::unique_ptr<VariantScorer> scorer_;
    int compared_contig_ = -1;
    std::int64_t scored_ = 0;
    bool changed_ = false;                  // an allele changes some marker
    std::int64_t seen_ = 0, verified_ = 0;  // alleles
    double verified_difference_ = 0;        // of logits, the largest
};

}  // namespace regkit
