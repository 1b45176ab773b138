// Writes a bigBed file of what bigbed_pybigwig.py made up:
//   bigbed_probe SIZES BED OUT WORKERS first|stream
// SIZES has name and length of contigs; BED is sorted, its contigs in their order. "stream": lengths come
// last.
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "io/bigwig/bigbed_writer.hpp"

using namespace regkit;

int main(int argc, char** argv) {
    if (argc != 6) return 2;
    const bool first = std::string(argv[5]) == "first";
    constexpr BigFormat kFormat{.title = "bigBed",
                                .magic = 0x8789F2EB,
                                .items_per_block = 512,
                                .fields = 5,
                                .bed_fields = 4,
                                .columns = "table probe\n\"of a test\"\n(\n)\n"};
    Spool spool;
    ThreadPool pool(std::atoi(argv[4]));
    BigBedWriter writer(argv[3], spool, kFormat, {.contigs_first = first});
    BigFile* const file = &writer.file();
    std::vector<std::string> names;
    std::vector<std::int64_t> lengths;
    std::ifstream sizes(argv[1]), bed(argv[2]);
    for (auto [name, length] = std::pair<std::string, std::int64_t>(); sizes >> name >> length;) {
        names.push_back(name);
        lengths.push_back(length);
        file->add_contig(name, first ? length : BigFile::kUnknownLength);
    }
    int contig = 0, lines = 0;
    for (std::string line, name, columns; std::getline(bed, line);) {
        std::istringstream fields(line);
        std::int64_t begin = 0, end = 0;
        fields >> name >> begin >> end >> std::ws;
        std::getline(fields, columns);
        while (names[static_cast<std::size_t>(contig)] != name) ++contig;
        writer.add(contig, begin, end, columns);
        if (++lines % 1000 == 0) BigFile::drain({&file, 1}, pool);
    }
    if (!first)
        for (std::size_t i = 0; i < lengths.size(); ++i) file->set_length(static_cast<int>(i), lengths[i]);
    writer.finish(pool);
    file->commit();
    return 0;
}
