// Loading checks every line of every file, in their order: types, ranges, sorting, and that names, counts and
// covered bases agree between the files. Labels stay runs, one index a contig. Comparing with a FASTA is a
// matter of digests, of all contigs or of the blocks that windows lie in.
#include "io/dataset/dataset.hpp"

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "io/dataset/dataset_impl.hpp"
#include "io/dataset/label_runs.hpp"
#include "io/dataset/peak_index.hpp"
#include "io/files/sha256.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {

const char* to_string(Split split) {
    return nth(kSplitNames, split);
}

Split parse_split(const std::string& text) {
    for (std::size_t i = 0; i < kSplitNames.size(); ++i)
        if (text == kSplitNames[i]) return static_cast<Split>(i);
    throw Error(ErrorKind::usage, "'" + text + "' is no split; it is one of train, valid, test");
}

std::int64_t LabelLayout::needed() const {
    // A product as 0.29 * 100 falls short of 29, which is not over it.
    constexpr double kRounding = 1e-12;
    const double limit = std::floor(min_overlap * static_cast<double>(bin) * (1 + kRounding));
    return std::min(bin, static_cast<std::int64_t>(limit) + 1);
}

std::string reference_digest(const std::vector<ReferenceContig>& reference) {
    Sha256 hash;
    for (const auto& contig : reference) {
        const std::string line =
            contig.name + "\t" + std::to_string(contig.length) + "\t" + contig.md5 + "\n";
        hash.add(line.data(), line.size());
    }
    return hash.hex();
}

std::string reference_digest(const FastaFile& fasta) {
    std::vector<ReferenceContig> contigs;
    for (const Contig& contig : fasta.contigs()) contigs.push_back({contig.name, contig.length, ""});
    return reference_digest(contigs);
}

const std::string& Dataset::path() const {
    return impl_->path;
}
const LabelLayout& Dataset::layout() const {
    return impl_->layout;
}
std::int64_t Dataset::window() const {
    return impl_->window;
}
const std::string& Dataset::fasta_path() const {
    return impl_->fasta;
}
const std::vector<Marker>& Dataset::markers() const {
    return impl_->markers;
}
const std::vector<ReferenceContig>& Dataset::reference() const {
    return impl_->reference;
}
std::string Dataset::reference_digest() const {
    return impl_->digest;
}
const std::vector<DatasetWindow>& Dataset::windows() const {
    return impl_->windows;
}

std::vector<std::int64_t> Dataset::select(Split split) const {
    std::vector<std::int64_t> chosen;
    for (std::size_t i = 0; i < impl_->windows.size(); ++i)
        if (impl_->windows[i].split == split) chosen.push_back(static_cast<std::int64_t>(i));
    return chosen;
}

void Dataset::window_labels(std::int64_t index, std::vector<LabelRun>& out) const {
    const LabelLayout& layout = impl_->layout;
    const DatasetWindow& at = nth(windows(), index);
    const std::int64_t begin = at.begin + layout.offset;
    if (layout.bin == 1) {
        labels(at.contig, begin, begin + layout.span(), out);
        return;
    }
    std::vector<LabelRun> runs;
    labels(at.contig, begin, begin + layout.span(), runs);
    const auto bin = static_cast<std::int32_t>(layout.bin);
    if (impl_->coverage()) {
        for (const LabelRun& run : runs)
            out.push_back({run.marker, run.begin / bin, run.end / bin, run.value});
        return;
    }
    const std::int64_t needed = layout.needed();
    for (auto first = runs.begin(); first != runs.end();) {
        const std::int32_t marker = first->marker;
        const auto last =
            std::find_if(first, runs.end(), [&](const LabelRun& run) { return run.marker != marker; });
        for_label_runs(first, last, bin, needed, [&](std::int64_t from, std::int64_t to) {
            out.push_back({marker, static_cast<std::int32_t>(from), static_cast<std::int32_t>(to)});
        });
        first = last;
    }
}

void Dataset::labels(std::int32_t contig, std::int64_t begin, std::int64_t end,
                     std::vector<LabelRun>& out) const {
    require(contig >= 0 && static_cast<std::size_t>(contig) < impl_->peaks.size() && begin >= 0,
            ErrorKind::usage, impl_->path + ": no such contig or position");
    nth(impl_->peaks, contig).overlapping(begin, end, out);
}

namespace {

// `part` is what differs: "" for a contig as a whole, or ":1-1000000".
[[noreturn]] void other_bases(const FastaFile& fasta, const std::string& contig, const std::string& part,
                              const std::string& dataset) {
    throw Error(ErrorKind::mismatch,
                fasta.path() + ": contig " + contig + " has other bases than in the reference of " + dataset +
                    (part.empty() ? "" : ", first in " + contig + part) + "; give that FASTA with -f");
}

std::string block_text(const ReferenceContig& contig, std::size_t block) {
    const std::int64_t begin = static_cast<std::int64_t>(block) * kDigestBlock;
    return ":" + std::to_string(begin + 1) + "-" +
           std::to_string(std::min(contig.length, begin + kDigestBlock));
}

}  // namespace

void Dataset::check_reference(FastaFile& fasta, bool whole) const {
    for (std::size_t i = 0; i < reference().size(); ++i) {
        const ReferenceContig& contig = reference()[i];
        const int found = fasta.require_contig(contig.name);
        const std::int64_t length = nth(fasta.contigs(), found).length;
        if (length != contig.length)
            throw Error(ErrorKind::mismatch, fasta.path() + ": contig " + contig.name + " has " +
                                                 counted(length, "base") + ", but " +
                                                 std::to_string(contig.length) + " in the reference of " +
                                                 path() + "; give that FASTA with -f");
        if (whole)
            check_contig(fasta, static_cast<std::int32_t>(i),
                         scan_digests(fasta, found, [](std::int64_t, std::span<const std::uint8_t>) {}));
    }
}

// M5 also differs where the tools see the same, as with other ambiguity codes, so digests come first.
void Dataset::check_contig(const FastaFile& fasta, std::int32_t contig, const ContigDigests& found) const {
    const ReferenceContig& expected = nth(reference(), contig);
    for (std::size_t i = 0; i < expected.blocks.size(); ++i)
        if (i >= found.blocks.size() || found.blocks[i] != expected.blocks[i])
            other_bases(fasta, expected.name, block_text(expected, i), path());
    if (expected.blocks.empty() && found.md5 != expected.md5) other_bases(fasta, expected.name, "", path());
}

bool Dataset::check_windows(FastaFile& fasta, std::span<const std::int64_t> chosen) const {
    std::int32_t contig = -1;
    int number = -1;
    std::int64_t checked = 0;  // blocks of the contig before this one
    bool compared = false;
    for (const std::int64_t index : chosen) {
        const DatasetWindow& at = nth(windows(), index);
        const ReferenceContig& expected = nth(reference(), at.contig);
        if (expected.blocks.empty()) continue;
        if (at.contig != contig) {
            contig = at.contig;
            number = fasta.require_contig(expected.name);
            checked = 0;
        }
        checked = std::max(checked, at.begin / kDigestBlock);
        for (; checked * kDigestBlock < at.begin + window(); ++checked) {
            const auto block = static_cast<std::size_t>(checked);
            if (read_block_digest(fasta, number, block) != expected.blocks[block])
                other_bases(fasta, expected.name, block_text(expected, block), path());
            compared = true;
        }
    }
    return compared;
}

}  // namespace regkit
