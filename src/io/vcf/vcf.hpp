// VCF and BCF. Text stays text: a record of VCF is its line, of which CHROM, POS, REF and ALT are looked at
// and INFO is extended; every other byte leaves as it came. BCF is read and written through htslib, and its
// records too are changed in INFO alone. What cannot be read for certain is Error(input) naming line and
// locus: a POS that is no number, missing columns, NUL bytes, a torn or corrupt file.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/region.hpp"
#include "io/fasta/fasta.hpp"
#include "kernels/base/nth.hpp"

struct bcf1_t;

namespace regkit {

class Log;
class OutputSet;

enum class VariantFormat { vcf, vcf_gz, bcf_uncompressed, bcf };
bool is_compressed(VariantFormat format);  // in blocks, so that an index is possible

// What -O says for an output of this path: what the end of its name would be, "vcf", "vcf.gz" or "bcf", in
// any case ("vcf" leaves it to the name whether it is bgzipped), or v, z, u or b, as bcftools has them.
// Error(usage) else.
VariantFormat parse_variant_format(const std::string& word, const std::string& path);
// By the extension of a path: .vcf, .vcf.gz and .vcf.bgz, .bcf, in any case; plain VCF on standard output and
// devices. Error(usage) for a name that tells none of them.
VariantFormat variant_format_of(const std::string& path);

// A float as VCF text has it: six significant digits, "." for NaN.
void append_vcf_number(std::string& text, float value);

// Bytes that grow in place where the system can, so that a line of many megabytes is not there twice.
class LineBuffer {
  public:
    LineBuffer() = default;
    ~LineBuffer();
    LineBuffer(LineBuffer&& other) noexcept { swap(other); }
    LineBuffer& operator=(LineBuffer&& other) noexcept {
        swap(other);
        return *this;
    }
    void swap(LineBuffer& other) noexcept;

    std::string_view view() const { return {data_, size_}; }
    std::size_t capacity() const { return capacity_; }
    void clear() { size_ = 0; }
    void append(const char* bytes, std::size_t count);
    // For libraries that fill a buffer of malloc themselves.
    char*& data() { return data_; }
    std::size_t& size() { return size_; }
    std::size_t& room() { return capacity_; }

  private:
    char* data_ = nullptr;
    std::size_t size_ = 0, capacity_ = 0;
};

// A field to add to INFO.
struct InfoField {
    std::string id;
    std::vector<float> numbers;  // NaN is "."
    std::vector<std::string>
        texts;  // where there are no numbers; "." is missing, what VCF reserves is percent-encoded
    std::vector<std::int32_t> integers = {};  // where there are neither; kMissingInteger is "."
    // Where there is none of these: values that are lists, joined by '|', which is percent-encoded in a part
    // as well; an empty list is ".".
    std::vector<std::vector<std::string>> lists = {};

    static constexpr std::int32_t kMissingInteger = INT32_MIN;
};

// What a record says of one sample: GT and PS.
struct Genotype {
    static constexpr int kMissing = -1;

    std::vector<int> alleles = {};  // of each copy of the chromosome: 0 is REF, 1 the first ALT; or kMissing
    bool phased = false;            // so in all parts; one copy alone always is
    std::string phase_set = {};     // empty where there is none
};

// One record. Reused from read to read.
class VcfRecord {
  public:
    VcfRecord();
    ~VcfRecord();
    VcfRecord(VcfRecord&&) noexcept;
    VcfRecord& operator=(VcfRecord&&) noexcept;

    std::string where() const;  // "in.vcf:12 (chr20:1000)"
    std::string_view contig() const { return contig_; }
    std::int64_t position() const { return position_; }  // 0-based; -1 is the telomere's POS 0
    std::string_view id() const { return id_; }
    std::string_view ref() const { return ref_; }
    int alts() const { return static_cast<int>(alts_.size()); }  // 0 where ALT is "."
    std::string_view alt(int i) const { return nth(alts_, i); }
    // QUAL is neither missing nor a finite number that a float holds.
    bool odd_quality() const;
    // Where the index has it, [begin, end); of a record that no index led to, -1.
    std::int64_t index_begin() const { return index_begin_; }
    std::int64_t index_end() const { return index_end_; }
    // A record of its own, which is written like one of text; `source` names it in messages.
    void make(const std::shared_ptr<const std::string>& source, std::string_view contig,
              std::int64_t position, std::string_view ref, std::string_view alt);
    std::size_t bytes() const;  // memory it takes, roughly
    void release();             // gives that memory back; the record is empty until it is read again

  private:
    friend class VcfHeader;
    friend class VcfReader;
    friend class VcfWriter;
    struct Free {
        void operator()(bcf1_t* record) const;
    };
    std::string_view text() const { return line_.view().substr(0, text_size_); }

    std::shared_ptr<const std::string> source_;
    std::int64_t number_ = 0;               // line of text, or record of BCF; 0 where an index led to it
    LineBuffer line_;                       // text
    std::size_t text_size_ = 0;             // of the line without its end
    std::string_view line_end_ = "\n";      // as it came
    std::unique_ptr<bcf1_t, Free> record_;  // BCF; of text none
    std::int64_t position_ = 0, index_begin_ = -1, index_end_ = -1;
    // In one of the two above.
    std::string_view contig_, id_, ref_, quality_, info_;
    std::vector<std::string_view> alts_;
};

struct InfoDefinition {
    std::string id, number, type, description;
    std::string source;  // empty = the line has no Source
};

// The header that records were read with. What is added here stands before the #CHROM line of the output.
class VcfHeader {
  public:
    // One without contigs, fields and samples; `source` names it in messages.
    static VcfHeader made(const std::string& source);

    const std::string& source() const;                  // the file's name, for messages
    const std::vector<Contig>& contigs() const;         // as declared; length 0 = not told
    const Contig* contig(std::string_view name) const;  // null where it is not declared
    bool has_line(const std::string& key) const;        // "##key=..."
    // What stands behind "##key=" in each such line of the input, in order.
    std::vector<std::string> values_of(const std::string& key) const;
    // The same of the line right behind one of the key `behind`; empty where there is none.
    std::string value_behind(const std::string& behind, const std::string& key) const;
    bool is_bcf() const;                                   // of the file that it was read from
    std::vector<InfoDefinition> info_definitions() const;  // of the input, in order; an ID may occur twice
    std::vector<std::string> samples() const;
    // What a record that was read with it says of sample number `sample`. False, and nothing in `genotype`,
    // where it has no GT. Error(input) for one that is none of VCF's, or names an ALT that the record lacks.
    bool genotype(const VcfRecord& record, std::size_t sample, Genotype& genotype) const;

    void add_line(const std::string& text);                // "##key=value"
    void add_contigs(const std::vector<Contig>& contigs);  // those that a line can list; contigs() stays
    static bool can_list(std::string_view contig);         // a comma would end its name
    void define_info(const InfoDefinition& field);
    void remove_lines(const std::string& key);  // of the input
    // Lines of the input with this key that stand right behind one of the key `behind`.
    void remove_line_behind(const std::string& behind, const std::string& key);
    // The input's definitions of this INFO field go, and the field from every record that is written.
    void remove_info(const std::string& id);

    struct State;  // private to src/io/vcf*

  private:
    friend class VcfReader;
    friend class VcfWriter;
    std::shared_ptr<State> state_;
};

// Reads plain, gzip or bgzip VCF and BCF; "-" or "" is standard input. Not thread-safe.
class VcfReader {
  public:
    static constexpr std::size_t kMaxLine = std::size_t{1} << 28;

    // Error(resource) when it cannot be opened, Error(input) when it is no VCF. Lines of a BCF's header that
    // htslib does not take are warned of.
    explicit VcfReader(const std::string& path, Log* log = nullptr);
    ~VcfReader();
    VcfReader(VcfReader&&) noexcept;

    VcfHeader& header();
    // From the first record on, only those that overlap one of `regions`, as the index beside the file knows
    // them, each once. On a contig the regions ascend and do not touch. Error(usage) on standard input or
    // text that is not bgzip, Error(input) where the file lacks its end, Error(resource) without an index,
    // Error(mismatch) where it is older than the file. Lines of text end as the header's do: where a file
    // mixes LF and CRLF, htslib does not tell.
    void fetch(const std::vector<Region>& regions);
    // A contig of the header, or of the index once records are fetched.
    bool has_contig(const std::string& name) const;
    enum class Got { record, end, no_room };
    // Throws Error(input) on a malformed record, a truncated or corrupt file. no_room: a line of text is
    // longer than `room` bytes; what was read of it is kept, and the next call goes on.
    Got next(VcfRecord& record, std::size_t room = kMaxLine);
    // The last line had no newline: the file may have been cut there. (Where it is written, it gets one.)
    bool unterminated() const;
    // How much of the file was read, 0 to 1; NaN of a pipe, and where an index leads to the records.
    double share_read() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

class VcfWriter {
  public:
    struct Options {
        VariantFormat format = VariantFormat::vcf;
        bool index =
            false;  // beside the output: .tbi for vcf_gz (.csi where a position needs it), .csi for bcf
        std::int64_t longest = 0;  // bases of the longest contig, as far as known: which index it will be
        Log* log = nullptr;  // what BCF cannot hold of the header and, with `lossy`, of records is told here
        bool lossy = false;  // without it Error(input)
    };
    // Writes the header. Error(usage) when an index is asked for and the output cannot have one.
    VcfWriter(const std::string& path, const VcfHeader& header, const Options& options);
    ~VcfWriter();
    VcfWriter(VcfWriter&&) noexcept;

    // The record without the fields that the header's remove_info named, `fields` added behind the others.
    // Returns how many fields were removed. Error(input) where the record has one of `fields` already, for a
    // record that the format cannot hold (BCF: tags or contigs that the header does not define), or that is
    // out of order where an index was asked for.
    int write(const VcfRecord& record, std::span<const InfoField> fields = {});
    void flush();  // plain VCF: what was written is visible to a reader of the pipe
    // The whole file and its index: they join the outputs that appear together, or appear alone.
    void add_to(OutputSet& outputs);
    void commit();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace regkit
