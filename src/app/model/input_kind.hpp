// What a file is, from its beginning, so that a file in the place of another is told as that and not as a
// damaged one.
#pragma once

#include <string>
#include <vector>

namespace regkit {

enum class FileKind {
    unknown,
    folder,
    dataset,
    fasta,
    intervals,
    bed_graph,
    wiggle,
    bigwig,
    bigbed,
    variants,
    alignments,
    model,
    json,
    sheet
};

// `unknown` also where the file cannot be opened, is no regular file (a FIFO is not touched) or is damaged:
// whoever reads it says so.
FileKind file_kind(const std::string& path);
// "a FASTA file"; of `unknown` "".
const char* describe(FileKind kind);

// Error(input) "PATH: this is a FASTA file; WHAT" where the file is recognised as something else than those
// taken.
void require_kind(const std::string& path, const std::vector<FileKind>& taken, const std::string& what);

}  // namespace regkit
