// A small genome with peaks, of which tests make data sets.
#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include "app/dataset/build_dataset.hpp"
#include "kernels/base/error.hpp"
#include "test/support/scratch.hpp"

namespace regkit::test {

// Two contigs of 1,000 and 250 bases; N at a:100-149.
inline std::string genome() {
    std::string a, b;
    for (int i = 0; i < 1000; ++i) a += i >= 100 && i < 150 ? 'N' : "ACGT"[i * 7 % 4];
    for (int i = 0; i < 250; ++i) b += "ACGT"[i * 3 % 4];
    return ">a\n" + a + "\n>b text\n" + b + "\n";
}

struct Workshop {
    Scratch dir;
    NullLog log;
    BuildDatasetParameters p;

    Workshop() {
        p.fasta = dir.write("g.fa", genome());
        p.peaks = {dir.write("m1.bed", "a\t10\t30\na\t20\t40\na\t40\t45\nb\t0\t250\n"),
                   dir.write("m2.narrowPeak",
                             "b\t5\t9\t.\t0\t.\t1\t-1\t-1\t-1\na\t995\t1000\t.\t0\t.\t1\t-1\t-1\t99\n")};
        p.window = 100;
        p.output = dir.path("x.regds");
    }
    BuildDatasetSummary build() { return build_dataset(p, log); }
    ErrorKind kind() {
        try {
            build();
        } catch (const Error& error) {
            if (!p.output.empty()) CHECK_FALSE(std::filesystem::exists(p.output));
            message = error.what();
            return error.kind();
        }
        return ErrorKind::interrupted;
    }
    std::string message;
};

}  // namespace regkit::test
