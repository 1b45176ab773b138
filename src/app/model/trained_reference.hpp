// Whether the genome that a model is applied to is the one that it was trained on. Any genome may be; that it
// is another is worth one warning.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "app/model/model.hpp"
#include "base/log.hpp"
#include "io/fasta/fasta.hpp"

namespace regkit {

class TrainedReference {
  public:
    // `model_path` names the model in messages. Model and FASTA must outlive this.
    TrainedReference(const Model& model, std::string model_path, FastaFile& fasta, Log& log);

    // Bases [begin, end) of a contig of the FASTA are about to be read. Compares its name and length, and the
    // bases of the blocks that lie in there as a whole; where none does, of one block, once a contig. Older
    // models hold no digests: there a contig that is read whole is compared by its M5.
    void reading(int contig, std::int64_t begin, std::int64_t end);
    // All that the model remembers (--check-reference).
    void check_all();

  private:
    const ReferenceContig* trained(int contig) const;
    void check_block(int contig, const ReferenceContig& expected, std::size_t block);
    void check_md5(int contig, const ReferenceContig& expected);
    bool check_one(int contig, const ReferenceContig& expected, std::size_t from);
    void check_elsewhere(int contig);
    bool same_place(int contig, const ReferenceContig& expected);
    void warn(const std::string& why);

    const Model& model_;
    std::string model_path_;
    FastaFile& fasta_;
    Log& log_;
    std::unordered_map<std::string, const ReferenceContig*> by_name_;
    std::vector<bool> compared_;  // per contig of the FASTA: some of its bases were compared
    bool any_compared_ = false;
    bool told_ = false, noticed_ = false;
};

}  // namespace regkit
