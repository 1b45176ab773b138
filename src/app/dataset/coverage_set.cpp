// Values of bedGraph or bigWig come in ascending order and are averaged on the way: only the bin that the
// next value may reach into stays open, and equal neighbours become one run, so that memory follows the
// changes in coverage and not the bases. A bedGraph that is out of order, or a value that no coverage can be,
// is refused at its line.
#include "app/dataset/coverage_set.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_set>

#include "app/dataset/contig_finder.hpp"
#include "base/text.hpp"
#include "io/bigwig/bigwig_reader.hpp"
#include "io/files/byte_source.hpp"
#include "io/files/sha256.hpp"
#include "io/tracks/intervals.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

// Means over bins of values that come in ascending order, a contig at a time.
class BinMeans {
  public:
    BinMeans(CoverageSet& set, std::int64_t bin) : set_(set), bin_(bin) {}

    // False when the contig was there before.
    bool start(std::int32_t contig, std::int64_t length) {
        finish();
        if (!seen_.insert(contig).second) return false;
        set_.contigs.push_back({contig, set_.runs.size(), set_.runs.size()});
        bins_ = length / bin_;
        at_ = 0;
        sum_ = 0;
        return true;
    }

    void add(std::int64_t begin, std::int64_t end, double value) {
        const std::int64_t head = begin / bin_, tail = (end - 1) / bin_;
        if (head != at_) move_to(head);
        if (tail > head) {
            sum_ += value * static_cast<double>((head + 1) * bin_ - begin);
            move_to(tail);
            append(head + 1, tail, static_cast<float>(value));
        }
        sum_ += value * static_cast<double>(end - std::max(begin, tail * bin_));
    }

    void finish() {
        if (set_.contigs.empty()) return;
        move_to(0);
        set_.contigs.back().last = set_.runs.size();
    }

  private:
    void move_to(std::int64_t bin) {
        append(at_, at_ + 1, static_cast<float>(sum_ / static_cast<double>(bin_)));
        at_ = bin;
        sum_ = 0;
    }

    void append(std::int64_t begin, std::int64_t end, float value) {
        end = std::min(end, bins_);
        if (begin >= end || !(value > 0)) return;
        set_.covered += (end - begin) * bin_;
        const bool follows = set_.runs.size() > set_.contigs.back().first && set_.runs.back().end == begin;
        if (follows && set_.runs.back().value == value)
            set_.runs.back().end = static_cast<std::int32_t>(end);
        else
            set_.runs.push_back({static_cast<std::int32_t>(begin), static_cast<std::int32_t>(end), value});
    }

    CoverageSet& set_;
    std::int64_t bin_;
    std::unordered_set<std::int32_t> seen_;
    std::int64_t bins_ = 0;  // whole ones of the contig
    std::int64_t at_ = 0;    // the bin that the next value may reach into as well
    double sum_ = 0;         // over its bases
};

// What is wrong with a value, or nothing.
const char* fault_of(double value) {
    if (!std::isfinite(value)) return "is not finite";
    if (value < 0) return "is negative, which no coverage is";
    return value > static_cast<double>(std::numeric_limits<float>::max()) ? "is too large" : nullptr;
}

void start_contig(const std::string& path, const BigWigReader::BigWigContig& contig, std::int32_t number,
                  const FastaFile& fasta, BinMeans& means) {
    const Contig& place = nth(fasta.contigs(), number);
    require(contig.length == place.length, ErrorKind::mismatch,
            path + ": contig " + contig.name + " has " + std::to_string(contig.length) + " bases, but " +
                place.name + " has " + std::to_string(place.length) + "; is it of another assembly?");
    require(means.start(number, place.length), ErrorKind::input,
            path + ": two of its contigs are " + place.name);
}

void read_bigwig(const std::string& path, const FastaFile& fasta, ContigFinder& finder,
                 const IntervalRules& rules, BinMeans& means, CoverageSet& set, Log& log) {
    BigWigReader reader(path);
    std::int32_t last = -1;
    bool missing = false;
    reader.read([&](const BigWigReader::Value& at) {
        const auto& contig = nth(reader.contigs(), at.contig);
        if (at.contig != last) {
            last = at.contig;
            const std::int32_t number = finder.find(contig.name);
            missing = number < 0;
            if (missing && (!rules.skip_missing || finder.differs_by_convention()))
                finder.fail(path, kSkipMissing);
            if (!missing) start_contig(path, contig, number, fasta, means);
        }
        if (std::isnan(at.value)) {
            ++set.left_out.no_data;
            return;
        }
        ++set.intervals;
        if (missing) {
            ++set.left_out.elsewhere;
            return;
        }
        if (const char* fault = fault_of(static_cast<double>(at.value)))
            throw Error(ErrorKind::input, path + " (" + contig.name + ":" + std::to_string(at.begin + 1) +
                                              "): value " + std::to_string(at.value) + " " + fault);
        means.add(at.begin, at.end, static_cast<double>(at.value));
    });
    if (set.left_out.no_data > 0)
        log.warn("no-data", path + ": " + std::to_string(set.left_out.no_data) +
                                (set.left_out.no_data == 1 ? " value is NaN" : " values are NaN") +
                                ", taken for no data");
    Sha256 hash;
    ByteSource bytes(path, [&hash](std::string_view part) { hash.add(part.data(), part.size()); });
    while (!bytes.next().empty()) {
    }
    set.sha256 = hash.hex();
}

void read_bed_graph(const std::string& path, const FastaFile& fasta, ContigFinder& finder,
                    const IntervalRules& rules, BinMeans& means, CoverageSet& set, Log& log) {
    Sha256 hash;
    IntervalReader reader(
        path, IntervalFormat::bed_graph, log,
        [&hash](std::string_view part) { hash.add(part.data(), part.size()); }, Blocks::ignore, rules.quote);
    std::int32_t last = -1;
    std::int64_t last_end = 0;
    for (Interval at; reader.next(at); ++set.intervals) {
        const std::int32_t number = finder.find(at.contig);
        if (number < 0) {
            if (!rules.skip_missing || finder.differs_by_convention())
                finder.fail(reader.lines().where(), kSkipMissing);
            ++set.left_out.elsewhere;
            continue;
        }
        const Contig& place = nth(fasta.contigs(), number);
        constexpr const char* kRemedy = "; sort it with: sort -k1,1 -k2,2n";
        if (number != last) {
            if (!means.start(number, place.length))
                reader.lines().fail("contig " + place.name + " lies in two places" + kRemedy);
            last = number;
            last_end = 0;
        }
        if (at.begin < last_end)
            reader.lines().fail("begins at " + std::to_string(at.begin) +
                                ", before the end of the interval above, " + std::to_string(last_end) +
                                ": bedGraph is sorted and its intervals do not overlap" + kRemedy);
        last_end = at.end;
        if (const char* fault = fault_of(at.value)) reader.lines().fail("the value " + std::string(fault));
        if (at.end > place.length) {
            if (!rules.clip)
                reader.lines().fail(
                    "ends at " + std::to_string(at.end) + ", but " + place.name + " has " +
                    std::to_string(place.length) +
                    " bases; is it of another assembly? If it is not, --clip cuts it off there");
            ++(at.begin >= place.length ? set.left_out.behind : set.left_out.clipped);
            if (at.begin >= place.length) continue;
        }
        means.add(at.begin, std::min(at.end, place.length), at.value);
    }
    set.left_out.empty = reader.empty();
    set.left_out.no_data = reader.no_data();
    set.sha256 = hash.hex();
}

bool is_named_bigwig(const std::string& path) {
    for (const char* end : {".bw", ".bigWig", ".bigwig", ".BigWig"})
        if (path.ends_with(end)) return true;
    return false;
}

}  // namespace

std::pair<const CoverageRun*, const CoverageRun*> CoverageSet::on(std::int32_t contig) const {
    const auto found =
        std::lower_bound(contigs.begin(), contigs.end(), contig,
                         [](const Stretch& s, std::int32_t number) { return s.contig < number; });
    if (found == contigs.end() || found->contig != contig) return {nullptr, nullptr};
    return {runs.data() + found->first, runs.data() + found->last};
}

CoverageSet read_coverage_set(const std::string& path, std::int64_t bin, const FastaFile& fasta,
                              const ContigAlias& alias, const IntervalRules& rules, Log& log) {
    CoverageSet set;
    BinMeans means(set, bin);
    ContigFinder finder(fasta, alias);
    if (is_bigwig(path) || is_named_bigwig(path))
        read_bigwig(path, fasta, finder, rules, means, set, log);
    else
        read_bed_graph(path, fasta, finder, rules, means, set, log);
    means.finish();
    require(set.intervals > 0, ErrorKind::input, path + ": holds no interval with a value");
    require(set.left_out.elsewhere < set.intervals, ErrorKind::mismatch,
            path + ": none of its intervals lies on a contig of " + fasta.path());
    require(!set.runs.empty(), ErrorKind::input,
            path + ": no bin of " + counted(bin, "base") + " has coverage above 0");
    set.runs.shrink_to_fit();
    std::erase_if(set.contigs, [](const CoverageSet::Stretch& s) { return s.first == s.last; });
    std::sort(set.contigs.begin(), set.contigs.end(),
              [](const auto& a, const auto& b) { return a.contig < b.contig; });
    return set;
}

}  // namespace regkit
