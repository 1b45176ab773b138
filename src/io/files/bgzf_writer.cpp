// htslib compresses and makes the index; it writes to a duplicate of an AtomicFile's descriptor, so that the
// file still appears all at once. The block that says "complete" is written here, after everything else was
// flushed without a failure, since htslib's own close would write it in any case. Indexing is tried again
// where a signal came between.
#include "io/files/bgzf_writer.hpp"

#include <htslib/bgzf.h>
#include <htslib/hfile.h>
#include <htslib/hts.h>
#include <htslib/tbx.h>
#include <htslib/vcf.h>

#include <cerrno>
#include <utility>

#include "base/descriptor.hpp"
#include "base/paths.hpp"
#include "io/files/bgzf_block.hpp"
#include "io/files/hts_output.hpp"
#include "io/files/output_set.hpp"
#include "kernels/base/error.hpp"

namespace regkit {
namespace {

constexpr int kTries = 10;

struct CloseBgzf {
    void operator()(BGZF* file) const { bgzf_close(file); }
};

}  // namespace

struct BgzfWriter::Impl {
    AtomicFile data;
    HtsDescriptor descriptor;
    std::unique_ptr<BGZF, CloseBgzf> file;

    int workers;

    Impl(const std::string& path, int level, int workers_) : data(path), descriptor(data), workers(workers_) {
        hts_set_log_level(HTS_LOG_OFF);  // failures are reported here, not on standard error
        const std::string mode = level < 0 ? "w" : "w" + std::to_string(level);
        file.reset(bgzf_dopen(descriptor.number(), mode.c_str()));
        if (!file) {
            close_file(descriptor.number());
            throw_hts(data.path(), "open");
        }
        constexpr int kBlocksPerWorker = 64;
        if (workers > 1 && bgzf_mt(file.get(), workers, kBlocksPerWorker) != 0) {
            descriptor.abandon();
            throw_hts(data.path(), "compress");
        }
    }

    ~Impl() {
        if (file) descriptor.abandon();
    }

    // With workers the write fails on htslib's own thread, whose errno is not ours.
    [[noreturn]] void write_failed() { throw_hts(data.path(), "write", herrno(file->fp)); }

    // The block that says "complete" is written here, once all before it is out, and not by htslib's close:
    // that writes it in any case, and takes a close() that a signal interrupted for a failure.
    void finish() {
        errno = 0;
        if (bgzf_flush(file.get()) != 0 || hflush(file->fp) != 0) write_failed();
        descriptor.abandon();
        bgzf_close(file.release());
        data.write(bgzf_end_block());
        if (!data.is_stdout()) data.flush();  // of a stream OutputSet decides when it ends
    }

    // `build` takes the paths of data and index, the index's shift (0: .tbi) and workers; 0 is success.
    template <typename Build>
    void add_indexed_to(OutputSet& outputs, bool tbi, const Build& build) {
        require(!data.is_stdout(), ErrorKind::usage, "an index needs an output file");
        finish();
        AtomicFile index(data.path() + (tbi ? ".tbi" : ".csi"));
        int status = 0;
        for (int tries = 0; tries < kTries; ++tries) {
            errno = 0;
            status = build(data.temp_path().c_str(), index.temp_path().c_str(), tbi ? 0 : kCsiShift,
                           workers > 1 ? workers : 0);
            // htslib does not try again to open what a signal interrupted, and closes again what is closed.
            if (status == 0 || (errno != EINTR && errno != EBADF)) break;
        }
        if (status != 0 && errno == 0)
            throw Error(ErrorKind::input,
                        data.path() + ": its lines are not sorted, so it cannot be indexed");
        if (status != 0) throw_hts(index.path(), "write");
        outputs.add_indexable(std::move(data));
        outputs.add(std::move(index));
    }
};

BgzfWriter::BgzfWriter(const std::string& path, int level, int workers)
    : impl_(std::make_unique<Impl>(path, level, workers)) {}
BgzfWriter::~BgzfWriter() = default;
BgzfWriter::BgzfWriter(BgzfWriter&&) noexcept = default;

void BgzfWriter::write(std::string_view text) {
    errno = 0;
    if (bgzf_write(impl_->file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        impl_->write_failed();
}

void BgzfWriter::add_to(OutputSet& outputs) {
    impl_->finish();
    outputs.add_indexable(std::move(impl_->data));
}

void BgzfWriter::add_indexed_to(OutputSet& outputs, const TabixColumns& columns, std::int64_t longest) {
    const tbx_conf_t layout = {
        columns.zero_based ? TBX_UCSC : TBX_GENERIC, columns.contig, columns.begin, columns.end, '#', 0};
    impl_->add_indexed_to(outputs, longest < kTbiLimit,
                          [&](const char* data, const char* index, int shift, int workers) {
                              return tbx_index_build3(data, index, shift, workers, &layout);
                          });
}

void BgzfWriter::add_indexed_to(OutputSet& outputs, Variants kind, std::int64_t longest) {
    const bool tbi = kind == Variants::vcf && longest < kTbiLimit;
    impl_->add_indexed_to(outputs, tbi, [&](const char* data, const char* index, int shift, int workers) {
        return kind == Variants::bcf ? bcf_index_build3(data, index, shift, workers)
                                     : tbx_index_build3(data, index, shift, workers, &tbx_conf_vcf);
    });
}

void BgzfWriter::commit() {
    OutputSet alone;
    add_to(alone);
    alone.commit();
}

void BgzfWriter::commit_indexed(const TabixColumns& columns, std::int64_t longest) {
    OutputSet both;
    add_indexed_to(both, columns, longest);
    both.commit();
}

void add_text(OutputSet& outputs, const std::string& path, const std::string& text) {
    if (has_gz_ending(path)) {
        BgzfWriter file(path);
        file.write(text);
        file.add_to(outputs);
    } else {
        AtomicFile file(path);
        file.write(text);
        outputs.add(std::move(file));
    }
}

}  // namespace regkit
