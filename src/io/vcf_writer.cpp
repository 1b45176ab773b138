#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <set>

#include "base/error.hpp"
#include "io/atomic_file.hpp"
#include "io/hts_output.hpp"
#include "io/vcf.hpp"
#include "io/vcf_state.hpp"

namespace regkit {
namespace {

const char* mode_of(VariantFormat format) {
    switch (format) {
        case VariantFormat::vcf: return "w";
        case VariantFormat::vcf_gz: return "wz";
        case VariantFormat::bcf_uncompressed: return "wbu";
        case VariantFormat::bcf: return "wb";
    }
    return "w";
}

}  // namespace

VariantFormat parse_variant_format(const std::string& letter) {
    if (letter == "v") return VariantFormat::vcf;
    if (letter == "z") return VariantFormat::vcf_gz;
    if (letter == "u") return VariantFormat::bcf_uncompressed;
    if (letter == "b") return VariantFormat::bcf;
    throw Error(ErrorKind::usage, "'" + letter + "' is no output format: v VCF, z bgzip VCF, u uncompressed BCF, b BCF");
}

VariantFormat variant_format_of(const std::string& path) {
    if (path.ends_with(".vcf.gz") || path.ends_with(".vcf.bgz")) return VariantFormat::vcf_gz;
    if (path.ends_with(".bcf")) return VariantFormat::bcf;
    return VariantFormat::vcf;
}

struct VcfWriter::Impl {
    AtomicFile data;
    std::optional<AtomicFile> index;
    HtsHandle file;
    std::shared_ptr<VcfHeader::State> header;
    std::unique_ptr<bcf_hdr_t, FreeHeader> written;
    Options options;
    std::set<std::int32_t> seen;
    std::int32_t contig = -1;
    std::int64_t position = -1;

    explicit Impl(const std::string& path) : data(path) {}

    bool is_bcf() const { return options.format == VariantFormat::bcf || options.format == VariantFormat::bcf_uncompressed; }

    void start() {
        // htslib gets a descriptor of its own on the temporary, so that its close is checked apart from ours.
        const int copy = dup(data.descriptor());
        if (copy < 0) throw_hts(data.path(), "open");
        hFILE* handle = hdopen(copy, "w");
        if (handle == nullptr) {
            close(copy);
            throw_hts(data.path(), "open");
        }
        file.reset(hts_hopen(handle, data.path().c_str(), mode_of(options.format)));
        if (!file) {
            hclose_abruptly(handle);
            throw_hts(data.path(), "open");
        }
        errno = 0;
        if (bcf_hdr_write(file.get(), written.get()) != 0) throw_hts(data.path(), "write");
    }

    void start_index() {
        const bool fits_tbi = std::all_of(header->contigs.begin(), header->contigs.end(),
                                          [](const Contig& c) { return c.length < kTbiLimit; });
        const bool tbi = options.format == VariantFormat::vcf_gz && fits_tbi;
        index.emplace(data.path() + (tbi ? ".tbi" : ".csi"));
        if (bcf_idx_init(file.get(), written.get(), tbi ? 0 : kCsiShift, index->temp_path().c_str()) != 0)
            throw_hts(index->path(), "index");
    }

    void check_order(const VcfRecord& record) {
        const bcf1_t& r = *record.record_;
        const bool ordered = r.rid == contig ? r.pos >= position : seen.insert(r.rid).second;
        require(ordered, ErrorKind::input,
                record.where() + ": out of order, so the output cannot be indexed; sort it (bcftools sort) or leave out --write-index");
        contig = r.rid;
        position = r.pos;
    }
};

VcfWriter::VcfWriter(const std::string& path, const VcfHeader& header, const Options& options)
    : impl_(std::make_unique<Impl>(path)) {
    Impl& s = *impl_;
    s.options = options;
    const bool compressed = options.format == VariantFormat::vcf_gz || options.format == VariantFormat::bcf;
    require(!options.index || (compressed && !s.data.is_stdout()), ErrorKind::usage,
            "an index needs an output file in bgzip VCF (-O z) or BCF (-O b)");
    s.header = header.state_;
    // What was dropped and not defined anew must stay known while records are parsed (and stripped), but not be written.
    s.written.reset(bcf_hdr_dup(s.header->header.get()));
    require(s.written != nullptr, ErrorKind::resource, s.data.path() + ": out of memory for the header");
    for (const std::string& id : s.header->dropped)
        if (std::find(s.header->defined.begin(), s.header->defined.end(), id) == s.header->defined.end())
            bcf_hdr_remove(s.written.get(), BCF_HL_INFO, id.c_str());
    require(bcf_hdr_sync(s.written.get()) == 0, ErrorKind::resource, s.data.path() + ": cannot prepare the header");
    s.start();
    if (options.index) s.start_index();
}
VcfWriter::~VcfWriter() = default;
VcfWriter::VcfWriter(VcfWriter&&) noexcept = default;

void VcfWriter::write(const VcfRecord& record) {
    Impl& s = *impl_;
    bcf1_t* r = record.record_.get();
    if (s.is_bcf()) {
        require(!record.undefined_tags_, ErrorKind::input,
                record.where() + ": an INFO, FILTER or FORMAT tag that the header does not define, which BCF cannot hold; "
                "write VCF or complete the header (bcftools reheader)");
        require(bcf_hdr_name2id(s.written.get(), record.contig().c_str()) == r->rid, ErrorKind::input,
                record.where() + ": a contig that the header does not define, which BCF cannot hold; "
                "write VCF or complete the header (bcftools reheader -f REF.fai)");
    }
    if (s.index) s.check_order(record);
    errno = 0;
    // Text is formatted with the reader's header: only that one knows tags met since.
    if (bcf_write(s.file.get(), s.is_bcf() || s.index ? s.written.get() : s.header->header.get(), r) != 0)
        throw_hts(s.data.path(), "write");
}

void VcfWriter::flush() {
    errno = 0;
    if (impl_->options.format == VariantFormat::vcf && hts_flush(impl_->file.get()) != 0) throw_hts(impl_->data.path(), "write");
}

void VcfWriter::commit() {
    Impl& s = *impl_;
    errno = 0;
    if (s.index && bcf_idx_save(s.file.get()) != 0) throw_hts(s.index->path(), "write");
    if (hts_close(s.file.release()) != 0) throw_hts(s.data.path(), "write");
    s.data.commit();
    if (!s.index) return;
    // The index was written before the last block of the data: its time must not be the earlier one.
    if (futimens(s.index->descriptor(), nullptr) != 0) throw_hts(s.index->path(), "set the time of");
    s.index->commit();
}

}  // namespace regkit
