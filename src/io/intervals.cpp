#include "io/intervals.hpp"

#include <algorithm>
#include <cctype>

#include "base/number.hpp"
#include "base/text.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kMaxCoordinate = INT64_MAX / 4;

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
    return text;
}

bool is_header(std::string_view line) {
    if (line.starts_with('#')) return true;
    for (const std::string_view word : {"track", "browser"})
        if (line.starts_with(word) && (line.size() == word.size() || line[word.size()] == ' ' || line[word.size()] == '\t'))
            return true;
    return line.find_first_not_of(" \t") == line.npos;
}

}  // namespace

IntervalFormat interval_format(const std::string& path) {
    std::string name = lower(path);
    for (const char* end : {".gz", ".bgz"})
        if (name.ends_with(end)) name.resize(name.size() - std::string_view(end).size());
    if (name.ends_with(".narrowpeak")) return IntervalFormat::narrow_peak;
    if (name.ends_with(".broadpeak")) return IntervalFormat::broad_peak;
    return IntervalFormat::bed;
}

IntervalReader::IntervalReader(const std::string& path, IntervalFormat format, Log& log,
                               std::function<void(std::string_view)> raw)
    : lines_(path, std::move(raw)), format_(format), log_(log) {}

bool IntervalReader::next(Interval& interval) {
    std::string_view line;
    do {
        if (!lines_.next(line)) return false;
    } while (is_header(line));
    if (line.find('\t') != line.npos)
        split_fields(line, '\t', fields_);
    else
        split_blanks(line, fields_);
    check_columns(line);
    interval = {fields_[0], coordinate(1), coordinate(2), 0};
    if (interval.end <= interval.begin)
        lines_.fail("the end " + std::to_string(interval.end) + " is not after the start " + std::to_string(interval.begin));
    if (format_ == IntervalFormat::bed_graph) {
        const auto value = parse_real(fields_[3]);
        if (!value) lines_.fail("value " + quoted(fields_[3]) + " is no finite number");
        interval.value = *value;
    } else if (format_ != IntervalFormat::bed) {
        check_peak(interval);
    }
    return true;
}

void IntervalReader::check_columns(std::string_view line) {
    const std::size_t count = fields_.size();
    const std::string found = counted(static_cast<std::int64_t>(count), "column") + ": " + quoted(line);
    if (format_ == IntervalFormat::bed && count < 3) lines_.fail("BED needs at least 3 columns, here are " + found);
    if (format_ == IntervalFormat::narrow_peak && count != 10) lines_.fail("narrowPeak has 10 columns, here are " + found);
    if (format_ == IntervalFormat::broad_peak && count != 9) lines_.fail("broadPeak has 9 columns, here are " + found);
    if (format_ == IntervalFormat::bed_graph && count != 4) lines_.fail("bedGraph has 4 columns, here are " + found);
    if (fields_[0].empty()) lines_.fail("no contig name");
}

std::int64_t IntervalReader::coordinate(std::size_t column) const {
    const auto value = parse_int(fields_[column], 0, kMaxCoordinate);
    if (!value || fields_[column][0] == '-') lines_.fail(quoted(fields_[column]) + " is no coordinate");
    return *value;
}

// score, strand, signalValue, pValue, qValue and, in narrowPeak, the summit's offset.
void IntervalReader::check_peak(const Interval& interval) {
    const auto score = parse_real(fields_[4]);
    if (!score || *score < 0) lines_.fail("score " + quoted(fields_[4]) + " is no number from 0");
    if (fields_[5] != "." && fields_[5] != "+" && fields_[5] != "-")
        lines_.fail("strand " + quoted(fields_[5]) + " is none of . + -");
    for (std::size_t column = 6; column < 9; ++column)
        if (!parse_real(fields_[column]))
            lines_.fail("column " + std::to_string(column + 1) + " " + quoted(fields_[column]) + " is no finite number");
    if (format_ != IntervalFormat::narrow_peak) return;
    const auto summit = parse_int(fields_[9], -1, kMaxCoordinate);
    if (!summit) lines_.fail("summit " + quoted(fields_[9]) + " is neither an offset nor -1");
    if (*summit >= interval.end - interval.begin) {
        ++summits_outside_;
        log_.warn("summit-outside-peak", lines_.where() + " (" + std::string(interval.contig) + ":" +
                                             std::to_string(interval.begin + 1) + "): summit " + std::to_string(*summit) +
                                             " lies outside its peak of " +
                                             std::to_string(interval.end - interval.begin) + " bases; the peak is kept");
    }
}

}  // namespace regkit
