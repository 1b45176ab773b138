// Predictions as files that genome browsers and bedtools read: one writer a file, one implementation a
// format.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/files/spool.hpp"
#include "kernels/base/thread_pool.hpp"

namespace regkit {

class BigFile;
class OutputSet;
class TrackWriter;
struct TrackOptions;

// A row of the table of formats, from which options, messages and help follow (CONTRIBUTING.md).
struct TrackFormat {
    std::string_view name;                    // of -O
    std::string_view title;                   // in sentences
    std::array<std::string_view, 3> endings;  // of files' names, in lower case, without .gz
    bool holds_values;                        // one marker's values a file; else intervals of any markers
    bool contigs_first;  // all contigs are added before any data, where the reference tells them
    bool takes_gz;       // its text can be bgzipped
    bool in_browsers;    // IGV opens it
    std::unique_ptr<TrackWriter> (*make)(const std::string& path, const TrackOptions& options, Spool& spool);
};

// That of standard output first.
std::span<const TrackFormat> track_formats();
// "bed, bigwig" with another word before the last; of those that hold values alone, or of all.
std::string track_format_names(bool with_values, std::string_view last = ", ");
// Error(usage) where there is none of this name.
const TrackFormat& track_format(const std::string& name);
// What -O says: a format, and whether its text is bgzipped whatever the output's name.
struct TrackWord {
    const TrackFormat* format = nullptr;
    bool gz = false;
};
// The word is what the end of a file's name would be, without its dot and in any case: "narrowPeak", "bw",
// "bed.gz". Error(usage) for another.
TrackWord track_word(const std::string& word);
// All that it takes, in lower case and with .gz alone of the two endings.
std::vector<std::string> track_words();
// By the end of a file's name, in any case; null where that does not tell.
const TrackFormat* track_format_of(std::string_view path);

// Where a marker is predicted to be present.
struct CalledInterval {
    std::int64_t begin = 0;
    std::int64_t end = 0;
    std::int64_t summit = 0;  // offset of the first maximum (the middle of its cell) from `begin`
    std::int32_t contig = 0;
    std::int32_t marker = 0;
    float max = 0;             // probability, or coverage
    float mean = 0;            // of the cells at or above the cutoff
    int score = 0;             // 0 to 1000, of BED
    float minus_log10_q = -1;  // -1: not known
};

// `value` rounded to a number of decimals: as the integer value * 10^decimals, and as the nearest float.
class Rounding {
  public:
    static constexpr int kMaxDecimals = 7;  // what a float holds

    explicit Rounding(int decimals);  // 0 to kMaxDecimals, else Error(usage)
    int decimals() const { return decimals_; }
    std::int64_t scaled(float value) const;
    float operator()(float value) const;
    // The float that scaled() gave this integer for, as operator() has it.
    float value(std::int64_t scaled) const {
        return static_cast<float>(static_cast<double>(scaled) / factor_);
    }
    // Appends the number with exactly that many decimals.
    void append(std::string& text, std::int64_t scaled) const;

  private:
    int decimals_;
    std::int64_t unit_ = 1;
    double factor_ = 1;
};

struct TrackOptions {
    const TrackFormat* format = &track_formats().front();
    bool gz = false;  // text is bgzipped, though the file's name does not say so
    std::vector<std::string>
        markers;  // names, as marker_spelling has them; CalledInterval::marker counts them
    // Names of what else there are rows of values of, behind those of the markers: spreads. TrackSet gives
    // them to the formats that hold values, as further markers.
    std::vector<std::string> more_values;
    std::vector<std::string> header;  // "name=value", where the data come from; none: that is left out
    int decimals = 4;                 // of all values written
    std::int64_t step = 1;            // bases a value stands for
    bool contigs_first = true;        // see BigFileOptions
    bool measured = false;            // for browsers: what TrackSet::quantile and TrackSet::sight tell
};

// One file. Text is bgzipped where its name ends in .gz or .bgz, or options.gz says so, and then indexed
// unless it is a stream. Errors as AtomicFile's and BigFile's.
class TrackWriter {
  public:
    virtual ~TrackWriter() = default;

    // Contigs are numbered from 0 in the order of the data. Text formats take a contig's data before the next
    // is added.
    virtual void add_contig(const std::string& name, std::int64_t length) = 0;
    virtual void set_length(int contig, std::int64_t length) = 0;
    // Sorted by contig, begin, end, marker. Only for formats that hold intervals.
    virtual void interval(const CalledInterval& called) = 0;
    // values.size() rounded values of `span` bases each. Only for formats that hold values.
    virtual void values(int contig, std::int64_t begin, std::int64_t span, std::span<const float> values) = 0;
    // What the file's reader may see by now (standard output).
    virtual void flush() = 0;
    // Where data wait to be compressed together with those of other files: what holds them.
    virtual BigFile* waiting() { return nullptr; }
    // All of the file is written; then it joins the outputs that appear together.
    virtual void finish(ThreadPool& pool) = 0;
    virtual void add_to(OutputSet& outputs) = 0;
};

// Error(usage) where format and path do not go together. bigWig files share `spool`, which must outlive them.
std::unique_ptr<TrackWriter> make_track_writer(const std::string& path, const TrackOptions& options,
                                               Spool& spool);

}  // namespace regkit
