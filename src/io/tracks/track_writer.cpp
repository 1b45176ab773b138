// A class for each text format over what they share: header, contig, rounding, and a plain or bgzip file.
// Numbers are rounded to a count of decimals as integers and written from those, so that values that look
// equal are equal, and bedGraph can join them into runs.
#include "io/tracks/track_writer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <type_traits>
#include <utility>

#include "base/paths.hpp"
#include "base/printable.hpp"
#include "base/text.hpp"
#include "io/files/output_set.hpp"
#include "io/tracks/bigbed_track.hpp"
#include "io/tracks/bigwig_track.hpp"
#include "io/tracks/narrow_peak.hpp"
#include "io/tracks/text_file.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

void append(std::string& text, std::int64_t value) {
    std::array<char, 20> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    text.append(digits.data(), end);
}

// What all text formats share.
class TextTrack : public TrackWriter {
  public:
    TextTrack(const std::string& path, const TrackOptions& options)
        : file_(path, options.gz || has_gz_ending(path)),
          markers_(options.markers),
          round_(options.decimals) {
        for (const std::string& line : options.header) file_.write("##" + printable(line) + "\n");
    }
    void add_contig(const std::string& name, std::int64_t length) override {
        contig_ = name;
        ++contigs_;
        longest_ = std::max(longest_, length);
    }
    void set_length(int, std::int64_t length) override { longest_ = std::max(longest_, length); }
    void interval(const CalledInterval&) override { wrong_kind(); }
    void values(int, std::int64_t, std::int64_t, std::span<const float>) override { wrong_kind(); }
    void flush() override { file_.flush(); }
    void finish(ThreadPool&) override {}
    void add_to(OutputSet& outputs) override { file_.add_to(outputs, longest_); }

  protected:
    [[noreturn]] static void wrong_kind() {
        throw Error(ErrorKind::usage, "this track format does not hold what it was given");
    }
    // chrom, start, end
    void place(int contig, std::int64_t begin, std::int64_t end) {
        require(contig + 1 == contigs_, ErrorKind::usage, "a text track takes the contigs one after another");
        line_.assign(contig_);
        line_ += '\t';
        append(line_, begin);
        line_ += '\t';
        append(line_, end);
        line_ += '\t';
    }
    void end_line() {
        line_ += '\n';
        file_.write(line_);
    }
    const std::string& marker(const CalledInterval& called) const { return nth(markers_, called.marker); }

    TextFile file_;
    std::vector<std::string> markers_;
    std::string contig_;  // the newest alone: a pipe may bring any number of them
    int contigs_ = 0;
    std::int64_t longest_ = 0;
    Rounding round_;
    std::string line_;
};

// BED6.
class BedTrack final : public TextTrack {
  public:
    using TextTrack::TextTrack;
    void interval(const CalledInterval& called) override {
        place(called.contig, called.begin, called.end);
        append_bed_columns(line_, marker(called), called);
        end_line();
    }
};

class NarrowPeakTrack final : public TextTrack {
  public:
    using TextTrack::TextTrack;
    void interval(const CalledInterval& called) override {
        place(called.contig, called.begin, called.end);
        append_narrow_peak(line_, marker(called), called, round_);
        end_line();
    }
};

class TsvTrack final : public TextTrack {
  public:
    TsvTrack(const std::string& path, const TrackOptions& options) : TextTrack(path, options) {
        file_.write("#chrom\tstart\tend\tmarker\tmax\tmean\tsummit\n");
    }
    void interval(const CalledInterval& called) override {
        place(called.contig, called.begin, called.end);
        line_ += marker(called);
        line_ += '\t';
        round_.append(line_, round_.scaled(called.max));
        line_ += '\t';
        round_.append(line_, round_.scaled(called.mean));
        line_ += '\t';
        append(line_, called.summit);
        end_line();
    }
};

// Runs of equal rounded value, across calls of values().
class BedGraphTrack final : public TextTrack {
  public:
    using TextTrack::TextTrack;
    void add_contig(const std::string& name, std::int64_t length) override {
        close();
        TextTrack::add_contig(name, length);
    }
    void values(int contig, std::int64_t begin, std::int64_t span, std::span<const float> values) override {
        for (const float value : values) {
            const std::int64_t scaled = round_.scaled(value);
            if (!open_ || begin != end_ || scaled != scaled_) {
                close();
                open_ = true;
                run_contig_ = contig;
                begin_ = begin;
                scaled_ = scaled;
            }
            begin += span;
            end_ = begin;
        }
    }
    void finish(ThreadPool&) override { close(); }

  private:
    void close() {
        if (!open_) return;
        place(run_contig_, begin_, end_);
        round_.append(line_, scaled_);
        end_line();
        open_ = false;
    }
    bool open_ = false;
    int run_contig_ = 0;
    std::int64_t begin_ = 0, end_ = 0, scaled_ = 0;
};

template <class Track>
std::unique_ptr<TrackWriter> make(const std::string& path, const TrackOptions& options, Spool& spool) {
    if constexpr (std::is_constructible_v<Track, const std::string&, const TrackOptions&, Spool&>)
        return std::make_unique<Track>(path, options, spool);
    else
        return std::make_unique<Track>(path, options);
}

constexpr std::array kFormats{
    TrackFormat{.name = "narrowpeak",
                .title = "narrowPeak",
                .endings = {".narrowpeak"},
                .holds_values = false,
                .contigs_first = false,
                .takes_gz = true,
                .in_browsers = true,
                .make = make<NarrowPeakTrack>},
    TrackFormat{.name = "bed",
                .title = "BED",
                .endings = {".bed"},
                .holds_values = false,
                .contigs_first = false,
                .takes_gz = true,
                .in_browsers = true,
                .make = make<BedTrack>},
    TrackFormat{.name = "bedgraph",
                .title = "bedGraph",
                .endings = {".bedgraph", ".bdg", ".bg"},
                .holds_values = true,
                .contigs_first = false,
                .takes_gz = true,
                .in_browsers = true,
                .make = make<BedGraphTrack>},
    TrackFormat{.name = "bigwig",
                .title = "bigWig",
                .endings = {".bigwig", ".bw"},
                .holds_values = true,
                .contigs_first = true,  // its header names them
                .takes_gz = false,
                .in_browsers = true,
                .make = make<BigWigTrack>},
    TrackFormat{.name = "bigbed",
                .title = "bigBed",
                .endings = {".bigbed", ".bb"},
                .holds_values = false,
                .contigs_first = true,
                .takes_gz = false,
                .in_browsers = true,
                .make = make<BigBedTrack>},
    TrackFormat{.name = "tsv",
                .title = "TSV",
                .endings = {".tsv"},
                .holds_values = false,
                .contigs_first = false,
                .takes_gz = true,
                .in_browsers = false,
                .make = make<TsvTrack>},
};

}  // namespace

std::span<const TrackFormat> track_formats() {
    return kFormats;
}

std::string track_format_names(bool with_values, std::string_view last) {
    std::vector<std::string_view> names;
    for (const TrackFormat& format : kFormats)
        if (format.holds_values || !with_values) names.push_back(format.name);
    std::string text;
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (i > 0) text += i + 1 < names.size() ? ", " : last;
        text += names[i];
    }
    return text;
}

const TrackFormat& track_format(const std::string& name) {
    for (const TrackFormat& format : kFormats)
        if (format.name == name) return format;
    throw Error(ErrorKind::usage,
                "'" + name + "' is no output format; choose " + track_format_names(false, " or "));
}

std::vector<std::string> track_words() {
    std::vector<std::string> words;
    for (const TrackFormat& format : kFormats)
        for (const std::string_view ending : format.endings) {
            if (ending.empty()) continue;
            words.emplace_back(ending.substr(1));
            if (format.takes_gz) words.push_back(words.back() + ".gz");
        }
    return words;
}

TrackWord track_word(const std::string& word) {
    const std::string ending = "." + lower_case(without_gz_ending(word));
    for (const TrackFormat& format : kFormats) {
        if (std::ranges::find(format.endings, ending) == format.endings.end()) continue;
        const bool gz = has_gz_ending(word);
        require(!gz || format.takes_gz, ErrorKind::usage,
                "-O " + word + ": " + std::string(format.title) + " is compressed already; leave out .gz");
        return {&format, gz};
    }
    throw Error(ErrorKind::usage, "-O " + quoted(word) + ": no output format; choose " +
                                      track_format_names(false, " or ") +
                                      ", or what names end in: bw, bed.gz");
}

const TrackFormat* track_format_of(std::string_view path) {
    const std::string name = lower_case(without_gz_ending(path));
    for (const TrackFormat& format : kFormats)
        for (const std::string_view ending : format.endings)
            if (!ending.empty() && name.ends_with(ending)) return &format;
    return nullptr;
}

Rounding::Rounding(int decimals) : decimals_(decimals) {
    require(decimals >= 0 && decimals <= kMaxDecimals, ErrorKind::usage,
            "probabilities are rounded to 0 to 7 decimals");
    for (int i = 0; i < decimals; ++i) unit_ *= 10;
    factor_ = static_cast<double>(unit_);
}

std::int64_t Rounding::scaled(float value) const {
    return std::llrint(static_cast<double>(value) * factor_);
}

float Rounding::operator()(float value) const {
    // Adding and taking away 1.5 * 2^52 rounds to an integer, half to even, and vectorises on every x86-64.
    constexpr double kShift = 6755399441055744.0;
    return static_cast<float>((static_cast<double>(value) * factor_ + kShift - kShift) / factor_);
}

void Rounding::append(std::string& text, std::int64_t scaled) const {
    if (scaled < 0) text += '-';
    const std::int64_t size = scaled < 0 ? -scaled : scaled;
    regkit::append(text, size / unit_);
    if (decimals_ == 0) return;
    text += '.';
    std::array<char, kMaxDecimals> digits{};
    std::int64_t rest = size % unit_;
    for (int i = decimals_; i-- > 0; rest /= 10) nth(digits, i) = static_cast<char>('0' + rest % 10);
    text.append(digits.data(), static_cast<std::size_t>(decimals_));
}

std::unique_ptr<TrackWriter> make_track_writer(const std::string& path, const TrackOptions& options,
                                               Spool& spool) {
    const TrackFormat& format = *options.format;
    require(format.takes_gz || !has_gz_ending(path), ErrorKind::usage,
            path + ": " + std::string(format.title) +
                " is compressed already and cannot be read through gzip; leave out .gz");
    require(
        !format.holds_values || options.markers.size() == 1, ErrorKind::usage,
        std::string(format.title) +
            " files hold one marker each; write {marker} in the name of the output, or choose one with -k");
    return format.make(path, options, spool);
}

}  // namespace regkit
