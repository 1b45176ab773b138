// The other half of the data set directory: its files are written, in the order in which the builder has
// their contents, into a temporary directory that takes its name at the end (AtomicDirectory), so that a data
// set is there whole or not at all. dataset.json comes last, since it counts what the others hold. Errors
// name the directory that the user asked for.
#include <algorithm>
#include <array>
#include <charconv>

#include "io/dataset/dataset_files.hpp"
#include "io/files/atomic_file.hpp"
#include "io/files/bgzf_writer.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr std::size_t kTextBuffer = 1 << 20;
constexpr TabixColumns kBedColumns{.contig = 1, .begin = 2, .end = 3, .zero_based = true};

// Of a real number the shortest text that reads back as the same one.
template <class Number>
void append(std::string& text, Number value) {
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    text.append(digits.data(), end);
}

bool is_coverage(const LabelLayout& layout) {
    return layout.task == "coverage";
}

nlohmann::ordered_json layout_json(const LabelLayout& layout) {
    nlohmann::ordered_json json{{"bin", layout.bin}, {"count", layout.count}, {"offset", layout.offset}};
    if (!is_coverage(layout)) json["min_overlap"] = layout.min_overlap;
    return json;
}

// The readers of a data set take ASCII and tabs between columns; the name of a file may hold anything.
std::string plain_text(const std::string& name) {
    static constexpr char kHex[] = "0123456789ABCDEF";
    std::string text;
    for (const char c : name) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= ' ' && byte < 0x7f) {
            text += c;
        } else {
            text += '%';
            text += kHex[byte >> 4];
            text += kHex[byte & 15];
        }
    }
    return text;
}

}  // namespace

struct DatasetWriter::Impl {
    AtomicDirectory directory;
    int workers;
    LabelLayout layout;
    std::vector<ReferenceContig> reference;
    std::vector<std::string> names;
    std::int64_t longest = 0;
    BgzfWriter peaks;
    std::string text;
    std::int64_t peak_rows = 0;
    std::array<std::int64_t, kSplits> window_rows{};

    Impl(const std::string& path, bool force, int workers_, std::vector<ReferenceContig> reference_,
         const LabelLayout& layout_)
        : directory(path, dataset_file::kDescription, dataset_file::all(), force),
          workers(workers_),
          layout(layout_),
          reference(std::move(reference_)),
          peaks(directory.file(peaks_file()), -1, workers_) {
        for (const auto& contig : reference) longest = std::max(longest, contig.length);
    }

    const char* peaks_file() const {
        return is_coverage(layout) ? dataset_file::kCoverage : dataset_file::kPeaks;
    }

    std::string digests() const {
        std::string lines;
        for (const auto& contig : reference)
            for (std::size_t i = 0; i < contig.blocks.size(); ++i) {
                const std::int64_t begin = static_cast<std::int64_t>(i) * kDigestBlock;
                lines += contig.name + "\t" + std::to_string(begin) + "\t" +
                         std::to_string(std::min(contig.length, begin + kDigestBlock)) + "\t" +
                         digest_text(contig.blocks[i]) + "\n";
            }
        return lines;
    }

    void write(const char* name, const std::string& content) {
        AtomicFile file(directory.file(name));
        file.write(content);
        file.commit();
    }

    // What fails is told of the data set, not of the folder that goes when it has failed.
    template <class Work>
    void named(const Work& work) const {
        try {
            work();
        } catch (const Error& error) {
            throw Error(error.kind(), directory.with_final_names(error.what()));
        }
    }

    // A handler must find the index as well.
    void remember_index(const char* name) {
        directory.file(std::string(name) + ".tbi");
        directory.file(std::string(name) + ".csi");
    }
};

std::vector<std::string> dataset_file::all() {
    std::vector<std::string> names{kMarkers, kReference, kDigests, kDescription};
    for (const std::string name : {kWindows, kPeaks, kCoverage})
        names.insert(names.end(), {name, name + ".tbi", name + ".csi", name + ".gzi"});
    return names;
}

DatasetWriter::DatasetWriter(const std::string& directory, bool force, int workers,
                             std::vector<ReferenceContig> reference, const LabelLayout& layout)
    : impl_(std::make_unique<Impl>(directory, force, workers, std::move(reference), layout)) {
    std::string text = "@HD\tVN:1.6\n";
    for (const auto& contig : impl_->reference)
        text +=
            "@SQ\tSN:" + contig.name + "\tLN:" + std::to_string(contig.length) + "\tM5:" + contig.md5 + "\n";
    impl_->named([&] {
        impl_->write(dataset_file::kReference, text);
        impl_->write(dataset_file::kDigests, impl_->digests());
    });
}

DatasetWriter::~DatasetWriter() = default;

void DatasetWriter::markers(const std::vector<MarkerRow>& rows) {
    std::string text = std::string(kMarkerHeader) + "\n";
    for (const MarkerRow& row : rows) {
        const Marker& m = row.marker;
        text += m.name + "\t" + m.class_name + "\t" + m.target + "\t" + m.cell + "\t" + plain_text(row.file) +
                "\t" + row.sha256 + "\t" + std::to_string(row.peaks) + "\t" + std::to_string(row.covered) +
                "\t";
        append(text, m.prevalence);
        text += '\n';
        impl_->names.push_back(m.name);
    }
    impl_->named([&] { impl_->write(dataset_file::kMarkers, text); });
}

void DatasetWriter::windows(const std::vector<DatasetWindow>& windows, std::int64_t window) {
    Impl& s = *impl_;
    s.named([&] {
        BgzfWriter file(s.directory.file(dataset_file::kWindows), -1, s.workers);
        s.remember_index(dataset_file::kWindows);
        for (const DatasetWindow& w : windows) {
            file.write(nth(s.reference, w.contig).name + "\t" + std::to_string(w.begin) + "\t" +
                       std::to_string(w.begin + window) + "\t" + to_string(w.split) + "\n");
            ++nth(s.window_rows, w.split);
        }
        file.commit_indexed(kBedColumns, s.longest);
    });
}

void DatasetWriter::peaks(std::int32_t contig, std::span<const Peak> runs, std::span<const float> values) {
    Impl& s = *impl_;
    const std::string& name = nth(s.reference, contig).name;
    for (std::size_t i = 0; i < runs.size(); ++i) {
        const Peak& run = runs[i];
        s.text += name;
        s.text += '\t';
        append(s.text, run.begin);
        s.text += '\t';
        append(s.text, run.end);
        s.text += '\t';
        s.text += nth(s.names, run.marker);
        if (!values.empty()) {
            s.text += '\t';
            append(s.text, values[i]);
        }
        s.text += '\n';
        if (s.text.size() < kTextBuffer) continue;
        s.named([&] { s.peaks.write(s.text); });
        s.text.clear();
    }
    s.peak_rows += static_cast<std::int64_t>(runs.size());
}

void DatasetWriter::commit(nlohmann::ordered_json description) {
    Impl& s = *impl_;
    s.named([&] {
        s.peaks.write(s.text);
        s.remember_index(s.peaks_file());
        s.peaks.commit_indexed(kBedColumns, s.longest);
    });
    nlohmann::ordered_json all{{"format", "regkit dataset"}, {"format_version", kDatasetVersion}};
    for (const auto& [key, value] : description.items()) {
        all[key] = value;
        if (key == "window" && s.layout.task != "nucleotide") all["labels"] = layout_json(s.layout);
    }
    all["counts"] = {{"markers", s.names.size()},
                     {is_coverage(s.layout) ? "runs" : "peaks", s.peak_rows},
                     {"train", s.window_rows[0]},
                     {"valid", s.window_rows[1]},
                     {"test", s.window_rows[2]}};
    all["reference"]["digest"] = reference_digest(s.reference);
    std::size_t blocks = 0;
    for (const auto& contig : s.reference) blocks += contig.blocks.size();
    all["reference"]["blocks"] = blocks;
    // Paths and commands may hold other characters (escaped) and bytes that are no UTF-8 (replaced).
    const std::string text = all.dump(2, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
    s.named([&] { s.write(dataset_file::kDescription, text); });
    s.directory.commit();
}

}  // namespace regkit
