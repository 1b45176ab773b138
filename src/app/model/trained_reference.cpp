// Digests of blocks are compared as contigs are read: all blocks that the range covers whole, or at least one
// that is not all N, as the ends of every assembly are. Models without digests for a contig are compared by
// another contig that has them, or by MD5 where all of it is read. After the first difference nothing more is
// compared.
#include "app/model/trained_reference.hpp"

#include <algorithm>
#include <utility>

#include "base/region.hpp"
#include "io/fasta/block_digest.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {

TrainedReference::TrainedReference(const Model& model, std::string model_path, FastaFile& fasta, Log& log)
    : model_(model),
      model_path_(std::move(model_path)),
      fasta_(fasta),
      log_(log),
      compared_(fasta.contigs().size()) {
    for (const ReferenceContig& contig : model.reference) by_name_.emplace(contig.name, &contig);
    told_ = model.reference.empty();  // imported weights do not tell what they were trained on
    if (told_)
        log_.info(model_path_ + ": does not say what it was trained on: nothing was compared with " +
                  fasta_.path());
}

void TrainedReference::warn(const std::string& why) {
    told_ = true;
    log_.warn("other-reference",
              fasta_.path() + ": not the reference that the model was trained on (" + why + ")");
}

const ReferenceContig* TrainedReference::trained(int contig) const {
    const auto found = by_name_.find(nth(fasta_.contigs(), contig).name);
    return found == by_name_.end() ? nullptr : found->second;
}

bool TrainedReference::same_place(int contig, const ReferenceContig& expected) {
    if (nth(fasta_.contigs(), contig).length == expected.length) return true;
    warn(expected.name + " has another length");
    return false;
}

void TrainedReference::check_block(int contig, const ReferenceContig& expected, std::size_t block) {
    const std::uint64_t digest = read_block_digest(fasta_, contig, block);
    nth(compared_, contig) = any_compared_ = true;
    if (digest == expected.blocks[block]) return;
    const std::int64_t begin = static_cast<std::int64_t>(block) * kDigestBlock;
    warn(to_string(Region{expected.name, begin, std::min(expected.length, begin + kDigestBlock)}) +
         " has other bases");
}

void TrainedReference::check_md5(int contig, const ReferenceContig& expected) {
    nth(compared_, contig) = any_compared_ = true;
    if (fasta_.md5(contig) != expected.md5) warn(expected.name + " has other bases");
}

// The first block from `from` on, then of those before, that is not all N, as telomeres and centromeres of
// every assembly are.
bool TrainedReference::check_one(int contig, const ReferenceContig& expected, std::size_t from) {
    const std::size_t count = expected.blocks.size();
    const std::uint64_t whole = digest_of_unknown(kDigestBlock);
    const std::int64_t rest = expected.length % kDigestBlock;
    const std::uint64_t last = rest == 0 ? whole : digest_of_unknown(rest);
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t block = (from + i) % count;
        if (expected.blocks[block] == (block + 1 == count ? last : whole)) continue;
        check_block(contig, expected, block);
        return true;
    }
    return false;
}

// The contig that is read has no digests: another one may tell the assembly.
void TrainedReference::check_elsewhere(int contig) {
    if (noticed_) return;
    for (const ReferenceContig& expected : model_.reference) {
        const int other = expected.blocks.empty() ? -1 : fasta_.find(expected.name);
        if (other < 0) continue;
        if (!same_place(other, expected) || check_one(other, expected, 0)) return;
    }
    noticed_ = true;
    log_.info(model_path_ + ": holds no digests of the bases of " + nth(fasta_.contigs(), contig).name +
              ": only names and lengths were compared with the reference that it was trained on");
}

void TrainedReference::reading(int contig, std::int64_t begin, std::int64_t end) {
    if (told_ || begin >= end) return;
    const ReferenceContig* expected = trained(contig);
    if (expected == nullptr) {
        warn("which has no contig " + nth(fasta_.contigs(), contig).name);
        return;
    }
    if (!same_place(contig, *expected)) return;
    if (expected->blocks.empty()) {
        if (begin == 0 && end == expected->length && !expected->md5.empty())
            check_md5(contig, *expected);
        else if (!any_compared_)
            check_elsewhere(contig);
        return;
    }
    const std::size_t count = expected->blocks.size();
    const auto first = block_count(begin);
    const auto last = end == expected->length ? count : static_cast<std::size_t>(end / kDigestBlock);
    for (std::size_t block = first; block < last && !told_; ++block) check_block(contig, *expected, block);
    if (!told_ && !nth(compared_, contig))
        check_one(contig, *expected, static_cast<std::size_t>(begin / kDigestBlock));
}

void TrainedReference::check_all() {
    for (const ReferenceContig& expected : model_.reference) {
        if (told_) return;
        const int contig = fasta_.find(expected.name);
        if (contig < 0) {
            warn(expected.name + " is not in it");
            return;
        }
        if (!same_place(contig, expected)) return;
        if (expected.blocks.empty() && !expected.md5.empty()) check_md5(contig, expected);
        for (std::size_t block = 0; block < expected.blocks.size() && !told_; ++block)
            check_block(contig, expected, block);
    }
}

}  // namespace regkit
