// Private to src/io/vcf*.cpp: htslib's handles with owners.
#pragma once

#include <htslib/bgzf.h>
#include <htslib/hfile.h>
#include <htslib/hts.h>
#include <htslib/vcf.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "io/vcf.hpp"

namespace regkit {

struct FreeHeader {
    void operator()(bcf_hdr_t* header) const { bcf_hdr_destroy(header); }
};
struct CloseHts {
    void operator()(htsFile* file) const { hts_close(file); }
};
using HtsHandle = std::unique_ptr<htsFile, CloseHts>;

// A kstring_t that frees itself.
struct KString {
    kstring_t text = KS_INITIALIZE;
    KString() = default;
    KString(const KString&) = delete;
    KString& operator=(const KString&) = delete;
    ~KString() { std::free(text.s); }
};

struct VcfHeader::State {
    std::unique_ptr<bcf_hdr_t, FreeHeader> header;
    std::vector<Contig> contigs;
    std::vector<std::string> dropped;  // INFO names
    std::vector<std::string> defined;
    std::string source;                // the file's name, for messages
};

}  // namespace regkit
