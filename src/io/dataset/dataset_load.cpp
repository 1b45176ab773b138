// Reads a data set's folder: every file of it is checked against the others before anything is taken from it,
// since it may have been copied in parts or edited by hand.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "base/text.hpp"
#include "io/dataset/dataset_files.hpp"
#include "io/dataset/dataset_impl.hpp"
#include "io/files/bounded_json.hpp"
#include "io/files/text_reader.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"
#include "kernels/base/number.hpp"

namespace regkit {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t kMaxLength = INT32_MAX;  // of a contig: a LabelRun holds 32 bits

// The parser's own conversion would cut 100.5 to 100, and take true for 1. An unsigned number beyond 63 bits
// is below 0.
std::int64_t whole_number(const Json& object, const char* key, const std::string& where) {
    const Json& value = object.at(key);
    require(value.is_number_integer(), ErrorKind::input, where + ": " + key + " is no whole number");
    return value.get<std::int64_t>();
}

}  // namespace

void Dataset::Impl::load_layout(const Json& json, const std::string& name) {
    layout.task = json.at("task").get<std::string>();
    window = whole_number(json, "window", name);
    const bool nucleotide = layout.task == "nucleotide";
    require((nucleotide || layout.task == "bin" || coverage()) && window >= 1 && window <= kMaxLength,
            ErrorKind::input, name + ": unknown task or impossible window");
    layout.count = window;
    if (nucleotide) return;
    const Json& labels = json.at("labels");
    for (const auto& [key, value] :
         {std::pair{"bin", &layout.bin}, {"count", &layout.count}, {"offset", &layout.offset}})
        *value = whole_number(labels, key, name + ": labels");
    if (!coverage()) layout.min_overlap = labels.at("min_overlap").get<double>();
    require(layout.bin >= 1 && layout.bin <= window && layout.count >= 1 &&
                layout.count <= window / layout.bin && layout.offset >= 0 && layout.offset < window &&
                2 * layout.offset == window - layout.span() && layout.min_overlap >= 0 &&
                layout.min_overlap < 1,
            ErrorKind::input, name + ": its labels do not lie in the middle of a window");
}

void Dataset::Impl::load_reference() {
    LineReader lines(file(dataset_file::kReference));
    std::vector<std::string_view> fields;
    for (std::string_view line; lines.next(line);) {
        if (!line.starts_with("@SQ\t")) continue;
        ReferenceContig contig;
        split_fields(line, '\t', fields);
        for (const auto field : fields) {
            if (field.starts_with("SN:")) contig.name = field.substr(3);
            if (field.starts_with("M5:")) contig.md5 = field.substr(3);
            if (field.starts_with("LN:"))
                contig.length = parse_int(field.substr(3), 1, kMaxLength).value_or(0);
        }
        if (contig.name.empty() || contig.length == 0 || contig.md5.size() != 32)
            lines.fail("an @SQ line needs SN, LN from 1 to 2147483647, and M5");
        if (!contig_number.emplace(contig.name, static_cast<std::int32_t>(reference.size())).second)
            lines.fail("contig " + contig.name + " twice");
        reference.push_back(std::move(contig));
    }
    if (reference.empty()) lines.fail("no @SQ line");
}

void Dataset::Impl::load_digests(const Json& json, const std::string& name) {
    if (!json.contains("blocks")) return;
    need(dataset_file::kDigests);
    LineReader lines(file(dataset_file::kDigests));
    std::vector<std::string_view> fields;
    std::int32_t contig = -1;
    std::int64_t rows = 0;
    for (std::string_view line; lines.next(line); ++rows) {
        split_fields(line, '\t', fields);
        if (fields.size() != 4) lines.fail("not 4 columns");
        contig = contig_of(lines, fields[0], contig);
        ReferenceContig& of = nth(reference, contig);
        const std::int64_t begin = static_cast<std::int64_t>(of.blocks.size()) * kDigestBlock;
        const auto digest = parse_digest(fields[3]);
        if (!digest || begin >= of.length || parse_int(fields[1], 0, kMaxLength) != begin ||
            parse_int(fields[2], 0, kMaxLength) != std::min(of.length, begin + kDigestBlock))
            lines.fail("not the next block of " + std::to_string(kDigestBlock) +
                       " bases and 16 hexadecimal digits");
        of.blocks.push_back(*digest);
    }
    for (const ReferenceContig& of : reference)
        if (!of.blocks.empty() && of.blocks.size() != block_count(of.length))
            lines.fail("blocks of " + of.name + " are missing");
    if (rows != whole_number(json, "blocks", name))
        lines.fail(std::string("has another number of lines than ") + dataset_file::kDescription + " says");
}

void Dataset::Impl::load_markers() {
    LineReader lines(file(dataset_file::kMarkers));
    std::string_view line;
    if (!lines.next(line) || line != kMarkerHeader)
        lines.fail(std::string("the header is not: ") + kMarkerHeader);
    std::unordered_set<std::string> seen;
    std::vector<std::string_view> fields;
    while (lines.next(line)) {
        split_fields(line, '\t', fields);
        if (fields.size() != 9) lines.fail("not 9 columns");
        const auto count = parse_int(fields[6], 1, INT64_MAX), bases = parse_int(fields[7], 1, INT64_MAX);
        const auto prevalence = parse_real(fields[8]);
        if (fields[0].empty() || !count || !bases || !prevalence || *prevalence < 0 ||
            (*prevalence > 1 && !coverage()))
            lines.fail("a column is not what the header says");
        Marker marker{std::string(fields[0]), std::string(fields[1]), std::string(fields[3]),
                      std::string(fields[2]), *prevalence};
        if (!seen.insert(marker.name).second) lines.fail("marker " + marker.name + " twice");
        names.push_back(marker.name);
        markers.push_back(std::move(marker));
        covered.push_back(*bases);
    }
    if (markers.empty()) lines.fail("no markers");
    notices = clean_markers(markers, lines.name());
}

std::int32_t Dataset::Impl::contig_of(const LineReader& lines, std::string_view name,
                                      std::int32_t last) const {
    if (last >= 0 && nth(reference, last).name == name) return last;
    const auto found = contig_number.find(std::string(name));
    if (found == contig_number.end())
        lines.fail("contig " + std::string(name) + " is not in " + dataset_file::kReference);
    if (found->second < last) lines.fail("contigs are not in the order of the reference");
    return found->second;
}

void Dataset::Impl::load_windows(const Json& counts, const std::string& name) {
    LineReader lines(file(dataset_file::kWindows));
    std::vector<std::string_view> fields;
    std::array<std::int64_t, kSplits> seen{};
    std::int32_t contig = -1;
    for (std::string_view line; lines.next(line);) {
        split_fields(line, '\t', fields);
        if (fields.size() != 4) lines.fail("not 4 columns");
        const std::int32_t before = contig;
        contig = contig_of(lines, fields[0], contig);
        const std::int64_t length = nth(reference, contig).length;
        const auto begin = parse_int(fields[1], 0, length), end = parse_int(fields[2], 1, length);
        if (!begin || !end || *end - *begin != window)
            lines.fail("not a window of " + std::to_string(window) + " bases inside the contig");
        if (contig == before && *begin < windows.back().begin + layout.span())
            lines.fail("the labelled bases of windows overlap, or windows are not sorted");
        if ((*begin + layout.offset) % layout.bin != 0)
            lines.fail("the window's bins do not lie at multiples of their length");
        const auto split = std::find(kSplitNames.begin(), kSplitNames.end(), fields[3]);
        if (split == kSplitNames.end()) lines.fail("the split is none of train, valid, test");
        const auto number = static_cast<std::size_t>(split - kSplitNames.begin());
        ++seen[number];
        windows.push_back({contig, *begin, static_cast<Split>(number)});
    }
    for (std::size_t i = 0; i < kSplitNames.size(); ++i)
        if (whole_number(counts, kSplitNames[i], name) != seen[i])
            lines.fail(std::string("has another number of ") + kSplitNames[i] + " windows than " +
                       dataset_file::kDescription);
}

void Dataset::Impl::load_peaks(std::int64_t expected) {
    LineReader lines(file(peaks_file()));
    std::unordered_map<std::string_view, std::int32_t> number;
    for (std::size_t i = 0; i < names.size(); ++i) number.emplace(names[i], static_cast<std::int32_t>(i));
    std::vector<std::int64_t> bases(markers.size());
    std::vector<std::int32_t> last_end(markers.size(), -1);
    std::vector<Peak> runs;
    std::vector<float> values;
    std::vector<std::string_view> fields;
    std::int32_t contig = -1;
    const auto finish_contigs = [&](std::int32_t next) {
        while (static_cast<std::int32_t>(peaks.size()) < next) {
            runs.shrink_to_fit();
            values.shrink_to_fit();
            peaks.emplace_back(std::move(runs), std::move(values), reference[peaks.size()].length);
            runs = {};
            values = {};
            std::fill(last_end.begin(), last_end.end(), -1);
        }
    };
    for (std::string_view line; lines.next(line); ++peak_rows) {
        split_fields(line, '\t', fields);
        if (fields.size() != (coverage() ? 5 : 4)) lines.fail(coverage() ? "not 5 columns" : "not 4 columns");
        contig = contig_of(lines, fields[0], contig);
        finish_contigs(contig);
        const std::int64_t length = nth(reference, contig).length;
        const auto begin = parse_int(fields[1], 0, length), end = parse_int(fields[2], 1, length);
        if (!begin || !end || *end <= *begin) lines.fail("not an interval inside the contig");
        const auto marker = number.find(fields[3]);
        if (marker == number.end())
            lines.fail("marker " + std::string(fields[3]) + " is not in " + dataset_file::kMarkers);
        const auto which = static_cast<std::size_t>(marker->second);
        const Peak run{static_cast<std::int32_t>(*begin), static_cast<std::int32_t>(*end), marker->second};
        if (!runs.empty() && run.begin < runs.back().begin) lines.fail("peaks are not sorted");
        if (coverage()) values.push_back(coverage_of(lines, fields[4], run));
        // Neighbouring bins differ in their coverage.
        if (run.begin < last_end[which] + (coverage() ? 0 : 1))
            lines.fail("peaks of one marker overlap or touch");
        last_end[which] = run.end;
        bases[which] += run.end - run.begin;
        runs.push_back(run);
    }
    finish_contigs(static_cast<std::int32_t>(reference.size()));
    if (peak_rows != expected)
        lines.fail(std::string("has another number of lines than ") + dataset_file::kDescription + " says");
    for (std::size_t i = 0; i < markers.size(); ++i)
        if (bases[i] != covered[i])
            lines.fail("marker " + markers[i].name + " covers other bases than " + dataset_file::kMarkers +
                       " says");
}

float Dataset::Impl::coverage_of(const LineReader& lines, std::string_view text, const Peak& run) const {
    const auto value = parse_real(text);
    if (!value || *value <= 0 || *value > static_cast<double>(std::numeric_limits<float>::max()))
        lines.fail("the coverage is no number above 0");
    if (run.begin % layout.bin != 0 || run.end % layout.bin != 0)
        lines.fail("not whole bins of " + std::to_string(layout.bin) + " bases");
    return static_cast<float>(*value);
}

Json Dataset::Impl::read_description() {
    LineReader lines(file(dataset_file::kDescription));
    std::string text;
    for (std::string_view line; lines.next(line) && text.size() <= kMaxJsonBytes;)
        text += std::string(line) + "\n";
    const Json json = parse_bounded_json(text, lines.name());
    require(!json.is_discarded(), ErrorKind::input, lines.name() + ": not JSON");
    return json;
}

void Dataset::Impl::need(const char* name) const {
    require(access(file(name).c_str(), F_OK) == 0, ErrorKind::input,
            path + ": no data set, it holds no " + name + "; build one with regds-build");
}

void Dataset::Impl::load() {
    if (access(path.c_str(), F_OK) != 0) throw_errno(path + ": cannot open");
    for (const char* name : {dataset_file::kDescription, dataset_file::kReference, dataset_file::kMarkers,
                             dataset_file::kWindows})
        need(name);
    const Json json = read_description();
    const std::string name = file(dataset_file::kDescription);
    try {
        require(json.at("format") == "regkit dataset", ErrorKind::input, name + ": not a data set of regkit");
        require(
            json.at("format_version") == kDatasetVersion, ErrorKind::input,
            name + ": a format version that this regkit does not know; use the newer one or build it anew");
        load_layout(json, name);
        need(peaks_file());
        fasta = json.at("reference").at("fasta").get<std::string>();
        load_reference();
        digest = regkit::reference_digest(reference);
        require(json.at("reference").at("digest") == digest, ErrorKind::input,
                file(dataset_file::kReference) + ": is not the reference that " + name + " names");
        load_digests(json.at("reference"), name + ": reference");
        load_markers();
        require(json.at("counts").at("markers") == markers.size(), ErrorKind::input,
                file(dataset_file::kMarkers) + ": has another number of markers than " + name);
        load_windows(json.at("counts"), name + ": counts");
        load_peaks(whole_number(json.at("counts"), coverage() ? "runs" : "peaks", name + ": counts"));
    } catch (const Json::exception& error) {
        throw Error(ErrorKind::input, name + ": " + error.what());
    }
}

Dataset Dataset::load(const std::string& directory) {
    auto impl = std::make_shared<Impl>();
    impl->path = directory;
    while (impl->path.size() > 1 && impl->path.ends_with('/')) impl->path.pop_back();
    impl->load();
    Dataset dataset;
    dataset.impl_ = std::move(impl);
    return dataset;
}

Dataset Dataset::load(const std::string& directory, Log& log) {
    Dataset dataset = load(directory);
    for (const std::string& notice : dataset.impl_->notices) log.warn("marker-name", notice);
    return dataset;
}

}  // namespace regkit
