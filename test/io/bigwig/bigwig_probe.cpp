// Writes bigWig files for test/io/bigwig_pybigwig.py, which reads them back with a library we did not write.
//   bigwig_probe DIR       one file a case, DIR/CASE.bw, beside DIR/CASE.tsv: contig begin end value
//   bigwig_probe --bench   million values a second, by number of workers
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "io/bigwig/bigwig_writer.hpp"

namespace {

using regkit::BigFile;
using regkit::BigWigWriter;
using regkit::Spool;
using regkit::ThreadPool;

struct Piece {
    int contig;
    std::int64_t begin, span;
    std::vector<float> values;
};

struct Case {
    std::string name;
    std::int64_t step = 1;
    std::vector<std::pair<std::string, std::int64_t>> contigs;
    std::vector<Piece> pieces;
};

// Peaks over a low floor, rounded to 4 decimals, as tracks are.
std::vector<float> signal(std::size_t n, std::uint32_t seed) {
    std::mt19937 random(seed);
    std::vector<float> values(n);
    double level = 0;
    for (float& v : values) {
        level = 0.97 * level + 0.03 * static_cast<double>(random() % 1000) / 1000.0;
        v = static_cast<float>(std::nearbyint(level * level * 1e4) / 1e4);
    }
    return values;
}

std::vector<Case> cases() {
    std::vector<Case> all;
    all.push_back({"dense", 1, {{"chr2", 1000000}, {"chr10", 300001}, {"empty", 5}}, {}});
    all.back().pieces = {{0, 0, 1, signal(70001, 1)},
                         {0, 70001, 1, signal(20000, 2)},
                         {0, 500003, 1, signal(499997, 3)},
                         {1, 7, 1, signal(299994, 4)}};
    // Long runs of equal values, alternating with values that all differ.
    all.push_back({"runs", 1, {{"a", 400000}}, {}});
    for (int i = 0; i < 12; ++i) {
        const std::int64_t begin = i * 30000;
        if (i % 3 == 2)
            all.back().pieces.push_back({0, begin, 1, signal(30000, 9)});
        else
            all.back().pieces.push_back(
                {0, begin, 1, std::vector<float>(29000, static_cast<float>(i) * 0.125f)});
    }
    // Averaged bins of 10 with a short one at a stretch's end and a phase that does not fit the zoom bins.
    all.push_back({"bins", 10, {{"c", 200003}}, {}});
    all.back().pieces = {{0, 3, 7, {0.5f}},
                         {0, 10, 10, signal(9000, 5)},
                         {0, 90010, 4, {0.25f}},
                         {0, 100005, 10, signal(9999, 6)},
                         {0, 199995, 8, {0.75f}}};
    all.push_back({"scaffolds", 1, {}, {}});
    for (int i = 0; i < 700; ++i) {
        all.back().contigs.push_back({"scaffold_" + std::to_string(i * 37 % 701), 200 + i});
        if (i % 5 != 0)
            all.back().pieces.push_back({i, i % 7, 1, signal(150, static_cast<std::uint32_t>(i))});
    }
    all.push_back({"one", 1, {{"x", 1}}, {{0, 0, 1, {0.25f}}}});
    all.push_back({"none", 1, {{"x", 100}}, {}});
    return all;
}

// `chunk` splits add() calls, `contigs_first` false takes the way of a stream.
void write(const std::string& path, const Case& c, int workers, std::size_t chunk, bool contigs_first) {
    Spool spool;
    ThreadPool pool(workers);
    BigWigWriter writer(path, spool, {.contigs_first = contigs_first}, c.step);
    BigFile* self = &writer.file();
    if (contigs_first)
        for (const auto& [name, length] : c.contigs) writer.file().add_contig(name, length);
    else
        for (const auto& [name, length] : c.contigs) writer.file().add_contig(name, BigFile::kUnknownLength);
    for (const Piece& p : c.pieces)
        for (std::size_t i = 0; i < p.values.size(); i += chunk) {
            const std::size_t n = std::min(chunk, p.values.size() - i);
            writer.add(p.contig, p.begin + static_cast<std::int64_t>(i) * p.span, p.span,
                       {p.values.data() + i, n});
            BigFile::drain({&self, 1}, pool);
        }
    if (!contigs_first)
        for (std::size_t i = 0; i < c.contigs.size(); ++i)
            writer.file().set_length(static_cast<int>(i), c.contigs[i].second);
    writer.finish(pool);
    writer.file().commit();
}

void write_expected(const std::string& path, const Case& c) {
    std::ofstream out(path);
    for (const auto& [name, length] : c.contigs) out << "#contig\t" << name << "\t" << length << "\n";
    for (const Piece& p : c.pieces)
        for (std::size_t i = 0; i < p.values.size(); ++i) {
            char text[64];
            std::snprintf(text, sizeof text, "%.9g", static_cast<double>(p.values[i]));
            const std::int64_t begin = p.begin + static_cast<std::int64_t>(i) * p.span;
            out << c.contigs[static_cast<std::size_t>(p.contig)].first << "\t" << begin << "\t"
                << begin + p.span << "\t" << text << "\n";
        }
}

void bench() {
    const std::size_t n = 40'000'000, tile = 50'000;
    const std::vector<float> values = signal(n, 1);
    for (const int workers : {1, 2}) {
        ThreadPool pool(workers);
        Spool spool;
        BigWigWriter writer("/tmp/regkit_bench.bw", spool, {});
        BigFile* self = &writer.file();
        writer.file().add_contig("chr1", static_cast<std::int64_t>(n));
        const std::clock_t clock = std::clock();
        const auto start = std::chrono::steady_clock::now();
        for (std::size_t i = 0; i < n; i += tile) {
            writer.add(0, static_cast<std::int64_t>(i), 1, {values.data() + i, tile});
            BigFile::drain({&self, 1}, pool);
        }
        writer.finish(pool);
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
        const double processor = static_cast<double>(std::clock() - clock) / CLOCKS_PER_SEC;
        std::printf("%d workers: %.1f Mval/s, %.1f per second of processor time\n", workers,
                    static_cast<double>(n) / 1e6 / seconds.count(), static_cast<double>(n) / 1e6 / processor);
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    const std::string directory = argv[1];
    if (directory == "--bench") {
        bench();
        return 0;
    }
    for (const Case& c : cases()) {
        const std::string base = directory + "/" + c.name;
        write_expected(base + ".tsv", c);
        write(base + ".bw", c, 1, 50000, true);
        write(base + ".threads.bw", c, 3, 777, true);
        write(base + ".stream.bw", c, 2, 4096, false);
    }
    return 0;
}
