// VCF and BCF: strict streaming reader, all-or-nothing writer. Wraps htslib, which is lenient where losing data would
// go unnoticed: a POS that is no number, missing columns, NUL bytes, a torn or corrupt compressed file. Here these are
// Error(input) naming line and locus.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/fasta.hpp"

struct bcf_hdr_t;
struct bcf1_t;

namespace regkit {

enum class VariantFormat { vcf, vcf_gz, bcf_uncompressed, bcf };

// -O: v, z, u, b as bcftools. Error(usage) else.
VariantFormat parse_variant_format(const std::string& letter);
// By the extension of a path: .vcf.gz and .vcf.bgz, .bcf, anything else is plain VCF.
VariantFormat variant_format_of(const std::string& path);

// One record. Reused from read to read.
class VcfRecord {
  public:
    VcfRecord();
    ~VcfRecord();
    VcfRecord(VcfRecord&&) noexcept;
    VcfRecord& operator=(VcfRecord&&) noexcept;

    const std::string& where() const { return where_; }    // "in.vcf:12 (chr20:1000)"
    const std::string& contig() const { return contig_; }
    std::int64_t position() const;                         // 0-based; -1 is the telomere's POS 0
    std::string_view id() const;
    std::string_view ref() const;
    int alts() const;                                      // 0 where ALT is "."
    std::string_view alt(int i) const;
    std::int64_t bytes() const;                            // memory it takes, roughly

  private:
    friend class VcfReader;
    friend class VcfHeader;
    friend class VcfWriter;
    struct Free {
        void operator()(bcf1_t* record) const;
    };
    std::unique_ptr<bcf1_t, Free> record_;
    std::string where_, contig_;
    bool undefined_tags_ = false;
};

// The header that records were read with. Definitions added here appear in the output.
class VcfHeader {
  public:
    const std::vector<Contig>& contigs() const;  // as declared; length 0 = not told
    bool has_line(const std::string& key) const;   // "##key=..."

    void add_line(const std::string& text);        // "##key=value"
    void add_contig(const Contig& contig);
    // An INFO field; one of this name that the input declares is replaced.
    void define_info(const std::string& id, const std::string& number, const std::string& type,
                     const std::string& description);
    // INFO fields whose name starts with `prefix` are dropped: from the header at once, from records in strip_info.
    // Before define_info. Returns their names.
    std::vector<std::string> drop_info(const std::string& prefix);

    // Removes what drop_info named. Returns how many fields the record held.
    int strip_info(VcfRecord& record) const;
    void set_info(VcfRecord& record, const std::string& id, std::span<const float> values) const;  // NaN = "."
    // "." = missing. Characters that VCF reserves are percent-encoded.
    void set_info(VcfRecord& record, const std::string& id, std::span<const std::string> values) const;

  private:
    friend class VcfReader;
    friend class VcfWriter;
    struct State;
    std::shared_ptr<State> state_;
};

// Reads plain, gzip or bgzip VCF and BCF; "-" or "" is standard input. Not thread-safe.
class VcfReader {
  public:
    // Error(resource) when it cannot be opened, Error(input) when it is no VCF.
    explicit VcfReader(const std::string& path);
    ~VcfReader();
    VcfReader(VcfReader&&) noexcept;

    VcfHeader& header();
    // False at the end. Throws Error(input) on a malformed record, a truncated or corrupt file.
    bool next(VcfRecord& record);
    // The last line of plain text had no newline: the file may have been cut there.
    bool unterminated() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

class VcfWriter {
  public:
    struct Options {
        VariantFormat format = VariantFormat::vcf;
        bool index = false;  // beside the output: .tbi for vcf_gz (.csi where a contig is too long), .csi for bcf
    };
    // Writes the header. Error(usage) when an index is asked for and the output cannot have one.
    VcfWriter(const std::string& path, const VcfHeader& header, const Options& options);
    ~VcfWriter();
    VcfWriter(VcfWriter&&) noexcept;

    // Error(input) for a record that the format cannot hold (BCF: tags or contigs that the header does not define) or
    // that is out of order where an index was asked for.
    void write(const VcfRecord& record);
    void flush();   // plain VCF: what was written is visible to a reader of the pipe
    void commit();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace regkit
