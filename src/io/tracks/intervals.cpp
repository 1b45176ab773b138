// One reader for all formats: a line is split at tabs, or at blanks where there are none, its columns are
// counted, and those that the format defines are checked. BED12 and its kin are known by the shape of their
// block columns. What is merely odd, an interval of no length or a summit outside its peak, is counted or
// warned of; what cannot be right is an error with file and line.
#include "io/tracks/intervals.hpp"

#include <algorithm>

#include "base/paths.hpp"
#include "base/text.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/number.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kMaxCoordinate = INT64_MAX / 4;

// A contig may be called "track": what has positions behind it is data.
bool is_header(std::string_view line) {
    if (line.starts_with('#')) return true;
    for (const std::string_view word : {"track", "browser"}) {
        if (!line.starts_with(word)) continue;
        if (line.size() == word.size()) return true;
        if (line[word.size()] != ' ' && line[word.size()] != '\t') continue;
        std::vector<std::string_view> fields;
        split_blanks(line, fields);
        return fields.size() < 3 || !parse_int(fields[1], 0, kMaxCoordinate) ||
               !parse_int(fields[2], 0, kMaxCoordinate);
    }
    return line.find_first_not_of(" \t") == line.npos;
}

bool says_bed_graph(std::string_view line) {
    if (!line.starts_with("track")) return false;
    std::string text = lower_case(line);
    std::erase_if(text, [](char c) { return c == '"' || c == '\''; });
    return text.find("type=bedgraph") != std::string::npos;
}

// In lower case, without the ends of compressed files.
std::string uncompressed_name(const std::string& path) {
    return lower_case(without_gz_ending(path));
}

bool is_nan(std::string_view text) {
    if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
    return lower_case(text.substr(0, 4)) == "nan";
}

constexpr std::size_t kBlockColumns = 12, kIdrColumns = 20;

// A number, or what was meant for a list of them, or nothing where that should be.
bool is_like_a_list(std::string_view text) {
    if (text.empty()) return true;
    return text.find_first_of("0123456789") != text.npos &&
           (text.find_first_of(",;") != text.npos || text.find_first_not_of("0123456789") == text.npos);
}

// Whether a line is meant as BED12 and gappedPeak are: whole numbers for the thick part and for the number of
// blocks, and two lists. That they hold what they should is not asked here. The 20 columns of idr can look
// alike, and have other things there.
bool means_blocks(const std::vector<std::string_view>& fields) {
    if (fields.size() < kBlockColumns || fields.size() == kIdrColumns) return false;
    const auto is_whole = [&](std::size_t column) {
        return !fields[column].empty() &&
               fields[column].find_first_not_of("0123456789") == std::string_view::npos;
    };
    return is_whole(6) && is_whole(7) && is_whole(9) && is_like_a_list(fields[10]) &&
           is_like_a_list(fields[11]);
}

}  // namespace

IntervalFormat interval_format(const std::string& path) {
    const std::string name = uncompressed_name(path);
    if (name.ends_with(".narrowpeak")) return IntervalFormat::narrow_peak;
    if (name.ends_with(".broadpeak")) return IntervalFormat::broad_peak;
    return IntervalFormat::bed;
}

IntervalReader::IntervalReader(const std::string& path, IntervalFormat format, Log& log,
                               std::function<void(std::string_view)> raw, Blocks blocks, Quote quote,
                               BedGraph bed_graph)
    : lines_(path, std::move(raw), LineReader::Bytes::any),
      format_(format),
      log_(log),
      use_blocks_(blocks),
      quote_(quote),
      bed_graph_(format == IntervalFormat::bed ? bed_graph : BedGraph::accept),
      may_be_bed_graph_(bed_graph_ == BedGraph::refuse) {
    const std::string name = uncompressed_name(path);
    for (const char* end : {".bedgraph", ".bdg", ".bg"})
        if (bed_graph_ != BedGraph::accept && name.ends_with(end)) refuse_bed_graph();
}

void IntervalReader::refuse_bed_graph() const {
    throw Error(ErrorKind::input,
                lines_.name() +
                    ": this is bedGraph, values along the genome; use regds-build --target coverage, or make "
                    "intervals of it first: awk '$4 >= THRESHOLD' FILE | cut -f1-3 > OUT.bed");
}

// Taken for intervals, bedGraph would give every base that it lists, those of value 0 too. The names of BED's
// fourth column can be numbers; but then the intervals do not follow one another without a gap.
void IntervalReader::look_for_bed_graph(const Interval& interval) {
    constexpr std::int64_t kLines = 100;
    if (!may_be_bed_graph_) return;
    const bool same = interval.contig == last_contig_;
    if (fields_.size() != 4 || (!is_nan(fields_[3]) && !parse_real(fields_[3])) ||
        (same && interval.begin < last_end_)) {
        may_be_bed_graph_ = false;
        return;
    }
    ++like_bed_graph_;
    touching_ += same && interval.begin == last_end_;
    if (!same) last_contig_ = interval.contig;
    last_end_ = interval.end;
    if (like_bed_graph_ == kLines) decide_bed_graph();
}

void IntervalReader::decide_bed_graph() {
    constexpr std::int64_t kFew = 3;  // fewer lines tell nothing
    if (may_be_bed_graph_ && like_bed_graph_ >= kFew && 2 * touching_ >= like_bed_graph_) refuse_bed_graph();
    may_be_bed_graph_ = false;
}

void IntervalReader::fail(const std::string& what) const {
    if (quote_ == Quote::no) log_.debug(lines_.where() + ": " + quoted(line_));
    lines_.fail(what);
}

std::string IntervalReader::text_of(std::size_t column) const {
    return quote_ == Quote::yes ? quoted(fields_[column]) : "in column " + std::to_string(column + 1);
}

// The next line with data; at the end, what was left out is told.
bool IntervalReader::next_line(std::string_view& line) {
    do {
        if (lines_.next(line)) {
            if (bed_graph_ != BedGraph::accept && says_bed_graph(line) && is_header(line)) refuse_bed_graph();
            continue;
        }
        decide_bed_graph();
        if (empty_ > 0)
            log_.warn("empty-interval", lines_.name() + ": " + std::to_string(empty_) +
                                            (empty_ == 1 ? " interval" : " intervals") +
                                            " of no length left out");
        if (no_data_ > 0)
            log_.warn("no-data", lines_.name() + ": " + std::to_string(no_data_) +
                                     (no_data_ == 1 ? " value is NaN" : " values are NaN") +
                                     ", taken for no data");
        if (empty_blocks_ > 0)
            log_.warn("empty-block",
                      lines_.name() + ": " + counted(empty_blocks_, "block") + " of no length left out");
        return false;
    } while (is_header(line));
    line_ = line;
    for (const std::string_view word : {"fixedStep", "variableStep"})
        if (line.starts_with(word))
            fail(
                "this is WIG; convert it to bigWig, which --target coverage reads: wigToBigWig FILE CHROM.SIZES OUT.bw");
    return true;
}

bool IntervalReader::next(Interval& interval) {
    for (std::string_view line; next_line(line);) {
        if (line.find('\t') != line.npos)
            split_fields(line, '\t', fields_);
        else
            split_blanks(line, fields_);
        check_columns();
        const bool named = format_ != IntervalFormat::bed_graph && fields_.size() > 3;
        interval = {fields_[0], coordinate(1), coordinate(2), 0, named ? fields_[3] : std::string_view()};
        if (interval.end < interval.begin)
            fail("the end " + std::to_string(interval.end) + " is before the start " +
                 std::to_string(interval.begin));
        look_for_bed_graph(interval);
        if (interval.end == interval.begin) {
            ++empty_;
            continue;
        }
        if (format_ == IntervalFormat::bed_graph) {
            if (is_nan(fields_[3])) {
                ++no_data_;
                continue;
            }
            const auto value = parse_real(fields_[3]);
            if (!value) fail("value " + text_of(3) + " is no finite number");
            interval.value = *value;
        } else if (format_ != IntervalFormat::bed) {
            check_peak(interval);
        }
        read_blocks(interval);
        return true;
    }
    return false;
}

void IntervalReader::fail_blocks(std::size_t column, const std::string& what) const {
    fail((quote_ == Quote::yes ? quoted(fields_[column]) + " in column " : std::string("column ")) +
         std::to_string(column + 1) + " " + what + "; --blocks ignore takes the interval around them");
}

std::vector<std::int64_t> IntervalReader::numbers_of_blocks(std::size_t column, std::int64_t count) const {
    std::vector<std::string_view> parts;
    split_fields(fields_[column], ',', parts);
    if (parts.back().empty()) parts.pop_back();  // many write a comma behind the last
    std::vector<std::int64_t> numbers;
    for (const std::string_view part : parts)
        if (const auto number = parse_int(part, 0, kMaxCoordinate)) numbers.push_back(*number);
    if (numbers.size() != parts.size() || std::ssize(numbers) != count)
        fail_blocks(column, "does not list the numbers of " + counted(count, "block"));
    return numbers;
}

// Whether a line has blocks is one answer for all lines of so many columns: a list that is damaged must not
// turn its line into one without blocks.
bool IntervalReader::has_blocks() {
    if (use_blocks_ == Blocks::ignore || format_ != IntervalFormat::bed) return false;
    const std::size_t columns = fields_.size();
    if (columns == kIdrColumns || columns < 10 || (columns < kBlockColumns && line_with_blocks_ == 0))
        return false;
    const bool has = means_blocks(fields_);
    if (has && line_without_blocks_ > 0)
        fail("has blocks in columns 10 to 12, but line " + std::to_string(line_without_blocks_) +
             " has other things there; --blocks ignore takes the interval around them");
    if (!has && line_with_blocks_ > 0)
        fail("columns 10 to 12 are no blocks, as line " + std::to_string(line_with_blocks_) +
             " has them there; --blocks ignore takes the interval around them");
    (has ? line_with_blocks_ : line_without_blocks_) = lines_.line_number();
    return has;
}

void IntervalReader::read_blocks(const Interval& interval) {
    blocks_.clear();
    if (!has_blocks()) {
        blocks_.push_back({interval.begin, interval.end});
        return;
    }
    const auto count = parse_int(fields_[9], 1, kMaxCoordinate);
    if (!count) fail_blocks(9, "is no number of blocks from 1");
    const std::int64_t length = interval.end - interval.begin;
    const std::vector<std::int64_t> sizes = numbers_of_blocks(10, *count),
                                    starts = numbers_of_blocks(11, *count);
    std::int64_t last = 0;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        if (starts[i] < last || starts[i] > length || sizes[i] > length - starts[i])
            fail(
                "block " + std::to_string(i + 1) +
                " lies outside its interval, or not behind the block before; --blocks ignore takes the interval around them");
        last = starts[i] + sizes[i];
        if (sizes[i] > 0)
            blocks_.push_back({interval.begin + starts[i], interval.begin + last});
        else
            ++empty_blocks_;
    }
}

void IntervalReader::check_columns() {
    const std::size_t count = fields_.size();
    std::string found = counted(static_cast<std::int64_t>(count), "column");
    if (quote_ == Quote::yes) found += ": " + quoted(line_);
    if (format_ == IntervalFormat::bed && count < 3) fail("BED needs at least 3 columns, here are " + found);
    if (format_ == IntervalFormat::narrow_peak && count == 20)
        fail("narrowPeak has 10 columns, here are the 20 that idr writes; keep the first ten: cut -f1-10");
    if (format_ == IntervalFormat::narrow_peak && count != 10)
        fail("narrowPeak has 10 columns, here are " + found);
    if (format_ == IntervalFormat::broad_peak && count != 9)
        fail("broadPeak has 9 columns, here are " + found);
    if (format_ == IntervalFormat::bed_graph && count != 4) fail("bedGraph has 4 columns, here are " + found);
    if (fields_[0].empty()) fail("no contig name");
}

std::int64_t IntervalReader::coordinate(std::size_t column) const {
    const auto value = parse_int(fields_[column], 0, kMaxCoordinate);
    if (!value || fields_[column][0] == '-')
        fail("position " + text_of(column) + " is no whole number from 0");
    return *value;
}

// score, strand, signalValue, pValue, qValue and, in narrowPeak, the summit's offset.
void IntervalReader::check_peak(const Interval& interval) {
    const auto score = parse_real(fields_[4]);
    if (!score || *score < 0) fail("score " + text_of(4) + " is no number from 0");
    if (fields_[5] != "." && fields_[5] != "+" && fields_[5] != "-")
        fail("strand " + text_of(5) + " is none of . + -");
    for (std::size_t column = 6; column < 9; ++column)
        if (!parse_real(fields_[column])) fail("value " + text_of(column) + " is no finite number");
    if (format_ != IntervalFormat::narrow_peak) return;
    const auto summit = parse_int(fields_[9], -1, kMaxCoordinate);
    if (!summit) fail("summit " + text_of(9) + " is neither an offset nor -1");
    if (*summit >= interval.end - interval.begin) {
        ++summits_outside_;
        log_.warn("summit-outside-peak", lines_.where() + " (" + std::string(interval.contig) + ":" +
                                             std::to_string(interval.begin + 1) + "): summit " +
                                             std::to_string(*summit) + " lies outside its peak of " +
                                             std::to_string(interval.end - interval.begin) +
                                             " bases; the peak is kept");
    }
}

}  // namespace regkit
