#include "io/tracks/text_file.hpp"

#include <utility>

#include "io/files/output_check.hpp"

namespace regkit {
namespace {

constexpr TabixColumns kBedColumns{.contig = 1, .begin = 2, .end = 3, .zero_based = true};

}  // namespace

TextFile::TextFile(const std::string& path, bool gz) : indexed_(!is_special_output(path)) {
    if (gz)
        file_.emplace<BgzfWriter>(path);
    else
        file_.emplace<AtomicFile>(path);
}

void TextFile::write(std::string_view text) {
    if (auto* plain = std::get_if<AtomicFile>(&file_))
        plain->write(text);
    else
        std::get<BgzfWriter>(file_).write(text);
}

void TextFile::flush() {
    if (auto* plain = std::get_if<AtomicFile>(&file_)) plain->flush();
}

void TextFile::add_to(OutputSet& outputs, std::int64_t longest) {
    if (auto* plain = std::get_if<AtomicFile>(&file_))
        outputs.add(std::move(*plain));
    else if (indexed_)
        std::get<BgzfWriter>(file_).add_indexed_to(outputs, kBedColumns, longest);
    else
        std::get<BgzfWriter>(file_).add_to(outputs);
}

}  // namespace regkit
