// A sheet is a table with a header: columns are found by name, a misspelt one is warned of because what it
// holds would be lost, and each file is tried at once, with the sheet's line in the message. Without a sheet
// the names of the files, less their usual endings, name the markers.
#include "app/dataset/marker_sheet.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/text.hpp"
#include "io/files/text_reader.hpp"
#include "kernels/base/error.hpp"

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
    std::string name = path.substr(directory_of(path).size());
    for (const char* end : {".gz", ".bgz"})
        if (name.ends_with(end)) name.resize(name.size() - std::string_view(end).size());
    for (const char* end : {".narrowPeak", ".broadPeak", ".bed", ".narrowpeak", ".broadpeak", ".bedGraph",
                            ".bedgraph", ".bdg", ".bigWig", ".bigwig", ".bw"})
        if (name.ends_with(end)) name.resize(name.size() - std::string_view(end).size());
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

std::vector<MarkerSource> markers_of_files(const std::vector<std::string>& paths) {
    std::vector<MarkerSource> sources;
    std::set<std::string> names;
    for (const std::string& path : paths) {
        // A pipe of the shell, <(...), has the name of a descriptor.
        const bool nameless = path == "-" || path.starts_with("/dev/") || path.starts_with("/proc/");
        const std::string name = nameless ? "" : marker_name(path);
        require(is_plain_name(name), ErrorKind::usage,
                path + ": its name makes no marker's name; use --sheet, which names the marker");
        const std::string spelled = marker_spelling(name);
        require(names.insert(spelled).second, ErrorKind::usage,
                path + ": a second marker named " + spelled + "; use --sheet");
        sources.push_back({{spelled, "", "", "", 0}, name, path, path});
    }
    return sources;
}

}  // namespace regkit
