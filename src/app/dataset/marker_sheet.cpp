// A sheet is a table with a header: columns are found by name, a misspelt one is warned of because what it
// holds would be lost, and each file is tried at once, with the sheet's line in the message. Without a sheet
// markers are named as the command line says, or after their files, less the usual endings.
#include "app/dataset/marker_sheet.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include "app/model/model.hpp"
#include "base/paths.hpp"
#include "base/text.hpp"
#include "io/files/text_reader.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

bool is_plain(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

bool is_plain_name(std::string_view name) {
    return is_plain(name) && !name.empty() && !name.starts_with('#') && !name.starts_with(' ') &&
           !name.ends_with(' ');
}

std::string directory_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == std::string::npos ? "" : path.substr(0, slash + 1);
}

std::string marker_name(const std::string& path) {
    std::string name(without_gz_ending(path.substr(directory_of(path).size())));
    for (const std::string_view end :
         {".narrowpeak", ".broadpeak", ".bed", ".bedgraph", ".bdg", ".bigwig", ".bw"})
        if (lower_case(name).ends_with(end)) name.resize(name.size() - end.size());
    return name;
}

// A misspelt column would lose what it holds.
void warn_of_unknown(const LineReader& lines, const std::vector<std::string_view>& header, Log& log) {
    const std::vector<std::string> known{"name", "class", "target", "cell", "peaks"};
    for (const std::string_view field : header) {
        if (std::find(known.begin(), known.end(), field) != known.end()) continue;
        const std::string meant = nearest(field, known);
        log.warn("unknown-column", lines.where() + ": column " + quoted(field) + " is ignored; " +
                                       (meant.empty() ? "" : "did you mean " + meant + "? ") +
                                       "known are name, class, target, cell and peaks");
    }
}

// Told with the line of the sheet, which the reader of the file does not know, and before hours of work.
void check_file(const LineReader& lines, const MarkerSource& source) {
    struct stat info {};
    if (stat(source.path.c_str(), &info) != 0 || access(source.path.c_str(), R_OK) != 0)
        throw_errno(lines.where() + ": cannot open " + source.path);
    if (S_ISDIR(info.st_mode))
        lines.fail("peaks " + quoted(source.file) + " is a folder; name a file of peaks");
}

}  // namespace

std::vector<MarkerSource> read_marker_sheet(const std::string& path, Log& log) {
    LineReader lines(path, nullptr, LineReader::Bytes::any);
    std::string_view line;
    if (!lines.next(line))
        throw Error(ErrorKind::input, path + ": empty; the header is name class target cell peaks");
    std::vector<std::string_view> fields;
    split_fields(line.starts_with('#') ? line.substr(1) : line, '\t', fields);
    std::map<std::string, std::size_t, std::less<>> column;
    for (std::size_t i = 0; i < fields.size(); ++i)
        if (!column.emplace(fields[i], i).second) lines.fail("column " + std::string(fields[i]) + " twice");
    const std::size_t columns = fields.size();
    for (const char* needed : {"name", "peaks"})
        if (!column.contains(needed))
            lines.fail(std::string("no column ") + needed +
                       "; the header is name class target cell peaks, tab-separated");
    warn_of_unknown(lines, fields, log);

    const auto value = [&](const char* name) {
        const auto found = column.find(name);
        return found == column.end() ? std::string() : std::string(fields[found->second]);
    };
    std::vector<MarkerSource> sources;
    std::set<std::string> names;
    std::int64_t comments = 0;
    while (lines.next(line)) {
        comments += line.starts_with('#');
        if (line.empty() || line.starts_with('#')) continue;
        split_fields(line, '\t', fields);
        if (fields.size() != columns)
            lines.fail(counted(static_cast<std::int64_t>(fields.size()), "column") + ", but the header has " +
                       std::to_string(columns));
        MarkerSource source{{value("name"), value("class"), value("cell"), value("target"), 0},
                            value("name"),
                            value("peaks"),
                            {}};
        if (!is_plain_name(source.given))
            lines.fail("'" + source.given + "' is no name: printable ASCII without blanks at its ends");
        for (const char* text : {"class", "cell", "target"})
            if (!is_plain(value(text)))
                lines.fail(std::string("the ") + text + " '" + value(text) + "' is not printable ASCII");
        if (source.file.empty()) lines.fail("no peak file");
        source.marker.name = marker_spelling(source.given);
        if (!names.insert(source.marker.name).second)
            lines.fail("a second marker named " + source.marker.name);
        source.path = source.file.starts_with('/') ? source.file : directory_of(path) + source.file;
        check_file(lines, source);
        sources.push_back(std::move(source));
    }
    if (comments > 0)  // it may be a marker that is called so
        log.info(path + ": " + counted(comments, "line") + (comments == 1 ? " that begins" : " that begin") +
                 " with # skipped");
    require(!sources.empty(), ErrorKind::input, path + ": no markers below the header");
    return sources;
}

PeakFile parse_peak_file(const std::string& word) {
    const auto equals = word.find('=');
    if (equals == std::string::npos || word.find('/') < equals || path_is_taken(word)) return {"", word};
    PeakFile file{word.substr(0, equals), word.substr(equals + 1)};
    require(!file.name.empty() && !file.path.empty(), ErrorKind::usage,
            quoted(word) + ": a marker is NAME=FILE; " +
                (file.name.empty() ? "there is no name before the =" : "there is no file behind the ="));
    require(
        is_plain_name(file.name), ErrorKind::usage,
        quoted(word) + ": " + quoted(file.name) + " is no name: printable ASCII without blanks at its ends");
    return file;
}

namespace {

std::vector<MarkerSource> named_sources(const std::vector<std::string>& words) {
    std::vector<MarkerSource> sources;
    std::set<std::string> names;
    std::int64_t streams = 0;
    for (const std::string& word : words) {
        PeakFile file = parse_peak_file(word);
        // A pipe of the shell, <(...), has the name of a descriptor.
        const bool nameless =
            file.path == "-" || file.path.starts_with("/dev/") || file.path.starts_with("/proc/");
        streams += file.path == "-";
        if (file.name.empty() && !nameless) file.name = marker_name(file.path);
        require(is_plain_name(file.name), ErrorKind::usage,
                word + ": its name makes no marker's name; give it one: NAME=" + file.path);
        const std::string spelled = marker_spelling(file.name);
        require(names.insert(spelled).second, ErrorKind::usage,
                word + ": a second marker named " + spelled + "; give it another name: NAME=" + file.path);
        sources.push_back({{spelled, "", "", "", 0}, file.name, file.path, file.path});
    }
    require(streams <= 1, ErrorKind::usage, "standard input can be the peaks of one marker, not of several");
    return sources;
}

// "CLASS" for every marker, "NAME=CLASS" for those that the name or glob fits.
void set_class(std::vector<Marker>& markers, const std::string& rule) {
    const auto equals = rule.find('=');
    const std::string name = equals == std::string::npos ? "" : rule.substr(0, equals);
    const std::string class_name = equals == std::string::npos ? rule : rule.substr(equals + 1);
    require(
        !class_name.empty() && is_plain(class_name) && (equals == std::string::npos || !name.empty()),
        ErrorKind::usage,
        "--class " + quoted(rule) + ": a class, or NAME=CLASS, in printable ASCII and neither of them empty");
    const std::vector<std::string> patterns =
        name.empty() ? std::vector<std::string>{} : std::vector<std::string>{name};
    for (const int m : select_markers(markers, patterns, "--class")) nth(markers, m).class_name = class_name;
}

}  // namespace

std::vector<MarkerSource> markers_of_files(const std::vector<std::string>& words,
                                           const std::vector<std::string>& classes) {
    std::vector<MarkerSource> sources = named_sources(words);
    std::vector<Marker> markers;
    for (const MarkerSource& source : sources) markers.push_back(source.marker);
    for (const std::string& rule : classes) set_class(markers, rule);
    for (std::size_t i = 0; i < sources.size(); ++i) sources[i].marker = markers[i];
    return sources;
}

}  // namespace regkit
