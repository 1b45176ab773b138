// A record's genotype becomes variants on haplotypes as it is read; what a haplotype is around a record is
// put together once all that is near has been read.
#include "app/variants/sample_haplotypes.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/text.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

std::int64_t end_of(const Edit& edit) {
    return edit.begin + edit.removed;
}

// Both change the same bases, or put bases in at the same place, or inside what the other takes out.
bool overlap(const Edit& a, const Edit& b) {
    if (a.removed == 0 && b.removed == 0) return a.begin == b.begin;
    if (a.removed == 0) return b.begin < a.begin && a.begin < end_of(b);
    if (b.removed == 0) return overlap(b, a);
    return a.begin < end_of(b) && b.begin < end_of(a);
}

std::int64_t distance(const Edit& a, const Edit& b) {
    return std::max({std::int64_t{0}, a.begin - end_of(b), b.begin - end_of(a)});
}

bool before(const Edit& a, const Edit& b) {
    return std::pair(a.begin, a.removed) < std::pair(b.begin, b.removed);
}

}  // namespace

std::size_t find_sample(const VcfHeader& header, const std::string& name) {
    const std::vector<std::string> samples = header.samples();
    require(!samples.empty(), ErrorKind::input,
            header.source() + ": has no samples, so there are no genotypes for --haplotypes");
    require(!name.empty() || samples.size() == 1, ErrorKind::usage,
            "--haplotypes: " + header.source() + " has " +
                counted(static_cast<std::int64_t>(samples.size()), "sample") + "; name one with --sample");
    if (name.empty()) return 0;
    const auto found = std::ranges::find(samples, name);
    require(found != samples.end(), ErrorKind::mismatch,
            "--sample " + quoted(name) + ": " + header.source() + " has no such sample; it has " +
                some_of(samples));
    return static_cast<std::size_t>(found - samples.begin());
}

SampleHaplotypes::SampleHaplotypes(const VcfHeader& header, std::size_t sample, std::int64_t sight)
    : header_(header), sample_(sample), sight_(sight) {}

SampleRecord SampleHaplotypes::add(const VcfRecord& record, RecordAlleles& found,
                                   const std::vector<Allele>& alleles, PhaseCounts& counts) {
    const bool follows = records_++ > 0 && record.contig() == contig_;
    if (!follows && records_ > 1) ended_.insert(contig_);
    require(follows ? record.position() >= position_ : !ended_.contains(record.contig()), ErrorKind::input,
            record.where() +
                ": out of order, so what lies near on a haplotype is not known; sort it "
                "(bcftools sort) or leave out --haplotypes");
    if (!follows) contig_ = record.contig();
    position_ = record.position();
    number_of_contig_ = found.contig;

    SampleRecord placed;
    placed.contig = found.contig;
    placed.number = records_;
    placed.position = position_;
    const bool has_genotype = header_.genotype(record, sample_, genotype_);
    if (found.contig < 0 || found.ref == RefState::skipped || found.ref == RefState::vcfs ||
        found.ref == RefState::unchecked)
        placed.contig = -1;
    const auto missing = [](int allele) { return allele == Genotype::kMissing; };
    if (!has_genotype || std::ranges::any_of(genotype_.alleles, missing)) ++counts.missing;
    if (placed.contig >= 0 && has_genotype) place(record, genotype_, found, alleles, placed, counts);
    return placed;
}

void SampleHaplotypes::place(const VcfRecord& record, const Genotype& genotype, RecordAlleles& found,
                             const std::vector<Allele>& alleles, SampleRecord& placed, PhaseCounts& counts) {
    std::int64_t begin = INT64_MAX, end = INT64_MIN;
    for (const std::ptrdiff_t query : found.queries)
        if (query >= 0) {
            begin = std::min(begin, nth(alleles, query).change.begin);
            end = std::max(end, end_of(nth(alleles, query).change));
        }
    if (begin > end) {
        begin = record.position();
        end = begin + static_cast<std::int64_t>(record.ref().size());
    }
    placed.hull = {begin, end - begin, std::vector<std::uint8_t>(static_cast<std::size_t>(end - begin))};

    const std::vector<int>& copies = genotype.alleles;
    if (copies.size() > 2) {
        ++counts.polyploid;
        return;
    }
    const bool homozygous = copies.size() == 2 && copies[0] == copies[1];
    placed.has_set = !genotype.phase_set.empty() || (genotype.phased && !homozygous);
    placed.set = genotype.phase_set;
    if (!genotype.phased && !homozygous) {
        if (std::ranges::find(copies, Genotype::kMissing) == copies.end()) ++counts.unphased;
        placed.has_set = false;
        for (const int allele : copies)
            if (allele > 0 && nth(found.notes, allele - 1) == AlleleNote::none)
                nth(found.notes, allele - 1) = AlleleNote::unphased;
        return;
    }
    for (std::size_t side = 0; side < copies.size(); ++side) {
        const int allele = copies[side];
        if (allele == Genotype::kMissing) continue;
        const int alt = allele - 1;
        // "*": what the variant before took away, which is applied; nothing of its own.
        placed.known[side] =
            alt < 0 || nth(found.queries, alt) >= 0 || nth(found.notes, alt) == AlleleNote::star;
        if (alt < 0 || nth(found.queries, alt) < 0) continue;
        placed.alt[side] = alt;
        if (side == 1 && homozygous) continue;
        Variant variant;
        variant.contig = placed.contig;
        variant.number = placed.number;
        variant.edit = nth(alleles, nth(found.queries, alt)).change;
        variant.homozygous = homozygous;
        variant.set = placed.set;
        variant.on[side] = true;
        if (homozygous) variant.on = {true, true};
        apply(std::move(variant), found, static_cast<std::size_t>(alt));
    }
}

void SampleHaplotypes::apply(Variant variant, RecordAlleles& found, std::size_t alt) {
    variant.applied = variant.on;
    for (const Variant& other : variants_) {
        const bool together = variant.homozygous || other.homozygous || variant.set == other.set;
        if (other.contig != variant.contig || other.number == variant.number || !together ||
            !overlap(other.edit, variant.edit))
            continue;
        for (std::size_t side = 0; side < 2; ++side)
            if (other.on[side]) variant.applied[side] = false;
    }
    if (variant.applied != variant.on && found.notes[alt] == AlleleNote::none)
        found.notes[alt] = AlleleNote::overlap;
    variants_.push_back(std::move(variant));
}

bool SampleHaplotypes::is_complete(const SampleRecord& record) const {
    return record.contig < 0 || record.contig != number_of_contig_ ||
           position_ > end_of(record.hull) + sight_;
}

bool SampleHaplotypes::is_near(const Variant& variant, const Edit& centre, int contig) const {
    return variant.contig == contig && distance(variant.edit, centre) <= sight_;
}

// Null: there is none, and only homozygous variants are applied.
const std::string* SampleHaplotypes::set_of(const SampleRecord& record) const {
    if (record.has_set) return &record.set;
    const Variant* nearest = nullptr;
    for (const Variant& variant : variants_)
        if (!variant.homozygous && is_near(variant, record.hull, record.contig) &&
            (nearest == nullptr ||
             distance(variant.edit, record.hull) < distance(nearest->edit, record.hull)))
            nearest = &variant;
    return nearest != nullptr ? &nearest->set : nullptr;
}

std::array<SampleHaplotype, 2> SampleHaplotypes::haplotypes(const SampleRecord& record, PhaseCounts& counts) {
    std::array<SampleHaplotype, 2> both;
    if (record.contig < 0) return both;
    const std::string* set = set_of(record);
    bool others = false;
    for (std::size_t side = 0; side < 2; ++side)
        if (record.known[side]) both[side] = haplotype(record, side, set, others);
    counts.other_sets += others;
    forget(record);
    return both;
}

SampleHaplotype SampleHaplotypes::haplotype(const SampleRecord& record, std::size_t side,
                                            const std::string* set, bool& others) {
    SampleHaplotype result;
    result.kind = SampleHaplotype::Kind::reference;
    result.centre = record.hull;
    std::vector<Edit> edits;
    for (const Variant& variant : variants_) {
        if (!is_near(variant, record.hull, record.contig) || !variant.applied[side]) continue;
        if (!variant.homozygous && (set == nullptr || variant.set != *set)) {
            others = true;
            continue;
        }
        if (variant.number == record.number) {
            result.alt = record.alt[side];
            result.centre = variant.edit;
        }
        edits.push_back(variant.edit);
    }
    if (edits.empty()) return result;
    if (edits.size() == 1 && result.alt >= 0) {
        result.kind = SampleHaplotype::Kind::allele;
        return result;
    }
    result.kind = SampleHaplotype::Kind::several;
    std::ranges::sort(edits, before);
    if (!last_[side] || *last_[side] != edits)
        last_[side] = std::make_shared<const std::vector<Edit>>(std::move(edits));
    result.edits = last_[side];
    return result;
}

// Hulls do not ascend as positions do, yet none begins before its record.
void SampleHaplotypes::forget(const SampleRecord& record) {
    while (!variants_.empty() && variants_.front().number < record.number &&
           (variants_.front().contig != record.contig ||
            end_of(variants_.front().edit) + sight_ < record.position))
        variants_.pop_front();
}

}  // namespace regkit
