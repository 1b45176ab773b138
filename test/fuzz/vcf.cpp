// VCF and BCF: what was read can be annotated and written in each format, and is read again record for
// record; of text every column but INFO leaves as it came. The first byte chooses the format and whether
// there is an index.
#include "io/vcf/vcf.hpp"

#include <cmath>
#include <fstream>
#include <iterator>

#include "kernels/base/error.hpp"
#include "test/fuzz/fuzz.hpp"

namespace {

using Got = regkit::VcfReader::Got;

// The lines that are no header.
std::vector<std::string_view> records_of(std::string_view text) {
    std::vector<std::string_view> records;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        if (!line.starts_with('#')) records.push_back(line);
    }
    return records;
}

void compare(std::string_view before, std::string_view after) {
    constexpr int kInfo = 7;
    for (int column = 0; column < kInfo || !before.empty(); ++column) {
        const std::string_view was = before.substr(0, before.find('\t')),
                               is = after.substr(0, after.find('\t'));
        expect(column == kInfo ? was == "." || is.starts_with(was.substr(0, was.find_last_not_of(";\r") + 1))
                               : was == is,
               "a column changed");
        before.remove_prefix(std::min(before.size(), was.size() + 1));
        after.remove_prefix(std::min(after.size(), is.size() + 1));
    }
    expect(after.empty(), "a column came");
}

// Of VCF text.
void compare_records(std::string_view input, const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    const std::string output{std::istreambuf_iterator<char>(file), {}};
    const auto before = records_of(input), after = records_of(output);
    expect(before.size() == after.size(), "another number of lines");
    for (std::size_t i = 0; i < before.size(); ++i) compare(before[i], after[i]);
}

}  // namespace

void fuzz_one(std::string_view input) {
    using enum regkit::VariantFormat;
    constexpr regkit::VariantFormat kFormats[] = {vcf, vcf_gz, bcf_uncompressed, bcf};
    const std::size_t choice = choose(input, 2 * std::size(kFormats));
    regkit::VcfWriter::Options options;
    options.format = kFormats[choice % std::size(kFormats)];
    options.index = choice >= std::size(kFormats) && (options.format == vcf_gz || options.format == bcf);

    regkit::VcfReader reader(put("x.vcf", input));
    regkit::VcfHeader& header = reader.header();
    header.define_info({"REG_MAX", "A", "Float", "largest", "regsnp"});
    header.define_info({"REG_NOTE", "A", "String", "note", "regsnp"});
    const std::string path = absent("o");
    regkit::VcfWriter writer(path, header, options);
    regkit::VcfRecord record;
    std::int64_t records = 0;
    for (; reader.next(record) == Got::record; ++records) {
        const auto alts = static_cast<std::size_t>(record.alts());
        std::vector<regkit::InfoField> fields(alts > 0 ? 2 : 0);
        if (alts > 0) {
            fields[0] = {"REG_MAX", std::vector<float>(alts, 0.5F), {}};
            fields[0].numbers[0] = NAN;
            fields[1] = {"REG_NOTE", {}, std::vector<std::string>(alts, "a;b=c,%\n")};
        }
        writer.write(record, fields);
    }
    writer.commit();
    if (options.format == vcf && input.starts_with('#')) compare_records(input, path);
    try {
        regkit::VcfReader again(path);
        while (again.next(record) == Got::record) --records;
    } catch (const regkit::Error& error) {
        expect(false, error.what());
    }
    expect(records == 0, "another number of records");
}
