// Four ways from record to output. Text to text: the line as it came, with another INFO in its place. BCF to
// BCF: its INFO is edited as bytes. The two crossings go through htslib's printing or through BcfEncoder.
// Where an index is asked for, the order of records is checked as they come, so that the run fails at the
// record and not after all of them.
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "base/paths.hpp"
#include "base/text.hpp"
#include "io/files/bgzf_writer.hpp"
#include "io/files/output_check.hpp"
#include "io/files/output_set.hpp"
#include "io/vcf/bcf_encoder.hpp"
#include "io/vcf/bcf_record.hpp"
#include "io/vcf/vcf.hpp"
#include "io/vcf/vcf_state.hpp"
#include "kernels/base/error.hpp"

namespace regkit {
namespace {

bool is_bcf(VariantFormat format) {
    return format == VariantFormat::bcf || format == VariantFormat::bcf_uncompressed;
}

// The bytes of the output, plain or bgzip.
class Sink {
  public:
    Sink(const std::string& path, bool compressed) {
        if (compressed)
            bgzip_.emplace(path);
        else
            plain_.emplace(path);
    }
    void write(std::string_view bytes) {
        if (bgzip_)
            bgzip_->write(bytes);
        else
            plain_->write(bytes);
    }
    void flush() {
        if (plain_) plain_->flush();
    }
    void add_to(OutputSet& outputs) {
        if (bgzip_)
            bgzip_->add_to(outputs);
        else
            outputs.add(std::move(*plain_));  // what is not in blocks has no index
    }
    void add_indexed_to(OutputSet& outputs, bool bcf, std::int64_t longest) {
        bgzip_->add_indexed_to(outputs, bcf ? BgzfWriter::Variants::bcf : BgzfWriter::Variants::vcf, longest);
    }

  private:
    std::optional<AtomicFile> plain_;
    std::optional<BgzfWriter> bgzip_;
};

}  // namespace

bool is_compressed(VariantFormat format) {
    return format == VariantFormat::vcf_gz || format == VariantFormat::bcf;
}

namespace {

struct FormatWord {
    std::string_view word;
    VariantFormat format;
};
// What names end in, behind a dot; and bcftools' letters.
constexpr std::array kEndings{
    FormatWord{"vcf", VariantFormat::vcf}, FormatWord{"vcf.gz", VariantFormat::vcf_gz},
    FormatWord{"vcf.bgz", VariantFormat::vcf_gz}, FormatWord{"bcf", VariantFormat::bcf}};
constexpr std::array kLetters{FormatWord{"v", VariantFormat::vcf}, FormatWord{"z", VariantFormat::vcf_gz},
                              FormatWord{"u", VariantFormat::bcf_uncompressed},
                              FormatWord{"b", VariantFormat::bcf}};

}  // namespace

VariantFormat parse_variant_format(const std::string& word, const std::string& path) {
    for (const FormatWord& letter : kLetters)
        if (letter.word == word) return letter.format;
    for (const FormatWord& ending : kEndings)
        if (ending.word == lower_case(word))
            return ending.word == "vcf" && has_gz_ending(path) ? VariantFormat::vcf_gz : ending.format;
    throw Error(
        ErrorKind::usage,
        "-O " + quoted(word) + ": no output format; choose vcf, vcf.gz or bcf, or v, z, u or b of bcftools");
}

VariantFormat variant_format_of(const std::string& path) {
    for (const FormatWord& ending : kEndings)
        if (lower_case(path).ends_with("." + std::string(ending.word))) return ending.format;
    struct stat info {};
    const bool device =
        path.empty() || path == "-" || (stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode));
    require(device, ErrorKind::usage,
            path + ": the name does not tell the format; say it with -O (vcf, vcf.gz, bcf)");
    return VariantFormat::vcf;
}

struct VcfWriter::Impl {
    std::shared_ptr<VcfHeader::State> header;
    Options options;
    Sink sink;
    std::optional<BcfEncoder> encoder;  // BCF out
    std::unique_ptr<bcf1_t, VcfRecord::Free> parsed;
    KString formatted;
    std::string scratch;
    std::set<std::string, std::less<>> seen;
    std::string contig;
    std::int64_t position = -1, longest = 0;

    Impl(const std::string& path, const VcfHeader& of, const Options& asked)
        : header(of.state_),
          options(asked),
          sink(path, is_compressed(asked.format)),
          longest(asked.longest) {}

    void check_order(const VcfRecord& record) {
        const bool same = record.contig() == contig;
        const bool ordered = same ? record.position() >= position : seen.emplace(record.contig()).second;
        require(ordered, ErrorKind::input,
                record.where() +
                    ": out of order, so the output cannot be indexed; sort it (bcftools sort) or leave out "
                    "--write-index");
        if (!same) contig = record.contig();
        position = record.position();
        longest = std::max(longest, position + static_cast<std::int64_t>(record.ref().size()));
    }

    // The line as it came, INFO apart; `info` lies in it.
    int write_line(std::string_view line, std::string_view info, std::string_view end,
                   std::span<const InfoField> fields, const VcfRecord& record) {
        int removed = 0;
        std::string kept;
        std::string_view rest = info == "." ? std::string_view() : info;
        if (!header->removed.empty()) {
            kept = without_fields(rest, header->removed, removed);
            rest = kept;
        }
        for (const InfoField& field : fields)
            if (has_field(rest, field.id))
                throw Error(ErrorKind::input, record.where() + ": has INFO/" + field.id +
                                                  " already, which its header does not define; rename it, or "
                                                  "remove it with bcftools annotate -x INFO/" +
                                                  field.id);
        const auto before = static_cast<std::size_t>(info.data() - line.data());
        scratch.clear();
        if (fields.empty() && rest.empty() && (removed > 0 || !info.empty())) scratch += '.';
        if (!fields.empty() && !rest.empty() && !rest.ends_with(';')) scratch += ';';
        append_fields(scratch, fields);
        sink.write(line.substr(0, before));
        sink.write(rest);
        sink.write(scratch);
        sink.write(line.substr(before + info.size()));
        sink.write(end);
        return removed;
    }

    int write_text(const VcfRecord& record, std::span<const InfoField> fields) {
        if (!record.record_) return write_line(record.text(), record.info_, record.line_end_, fields, record);
        print_bcf_record(*header->bcf, *record.record_, formatted, record.where());
        std::string_view line = formatted.view();
        if (line.ends_with('\n')) line.remove_suffix(1);
        std::string_view info = line;
        for (int column = 1; column < 8; ++column)
            info.remove_prefix(std::min(info.size(), info.find('\t')) + 1);
        return write_line(line, info.substr(0, info.find('\t')), "\n", fields, record);
    }

    int write_bcf(const VcfRecord& record, std::span<const InfoField> fields) {
        bcf1_t* r = record.record_.get();
        int removed = 0;
        if (r == nullptr) {
            r = parsed.get();
            std::string_view line = record.text();
            std::string stripped;
            if (!header->removed.empty()) {
                const auto before = static_cast<std::size_t>(record.info_.data() - line.data());
                stripped = line.substr(0, before);
                const std::string kept = without_fields(record.info_, header->removed, removed);
                stripped += kept.empty() ? "." : kept;
                stripped += line.substr(before + record.info_.size());
                line = stripped;
            }
            encoder->parse(line, record.where(), *r);
        }
        removed += encoder->edit(*r, fields, record.where());
        scratch.clear();
        append_bcf_record(scratch, *r);
        sink.write(scratch);
        return removed;
    }
};

VcfWriter::VcfWriter(const std::string& path, const VcfHeader& header, const Options& options) {
    require(!options.index || (is_compressed(options.format) && !is_special_output(path)), ErrorKind::usage,
            "an index needs an output file in bgzip VCF (-O z) or BCF (-O b), and no stream or device");
    impl_ = std::make_unique<Impl>(path, header, options);
    Impl& s = *impl_;
    if (!is_bcf(options.format)) {
        s.sink.write(s.header->text());
        return;
    }
    s.encoder.emplace(s.header, options.log, options.lossy);
    s.parsed.reset(bcf_init());
    require(s.parsed != nullptr, ErrorKind::resource, "out of memory for a variant record");
    s.sink.write(s.encoder->take_header());
}
VcfWriter::~VcfWriter() = default;
VcfWriter::VcfWriter(VcfWriter&&) noexcept = default;

int VcfWriter::write(const VcfRecord& record, std::span<const InfoField> fields) {
    Impl& s = *impl_;
    if (s.options.index) s.check_order(record);
    return s.encoder ? s.write_bcf(record, fields) : s.write_text(record, fields);
}

void VcfWriter::flush() {
    impl_->sink.flush();
}

void VcfWriter::add_to(OutputSet& outputs) {
    Impl& s = *impl_;
    if (s.options.index)
        s.sink.add_indexed_to(outputs, s.encoder.has_value(), s.longest);
    else
        s.sink.add_to(outputs);
}

void VcfWriter::commit() {
    OutputSet alone;
    add_to(alone);
    alone.commit();
}

}  // namespace regkit
