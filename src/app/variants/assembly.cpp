// By length alone: no two of these assemblies share that of a chromosome, and names tell nothing, since all
// of them have a chr1. The mitochondrion is left out, which several assemblies share.
#include "app/variants/assembly.hpp"

#include <array>
#include <cstdint>
#include <string_view>

namespace regkit {
namespace {

constexpr std::size_t kMost = 24;

struct Assembly {
    const char* name;
    std::size_t autosomes;
    std::array<std::int64_t, kMost> lengths;  // of 1, 2, ..., X and Y
};

constexpr std::array kAssemblies{
    Assembly{"hg19/GRCh37", 22, {249250621, 243199373, 198022430, 191154276, 180915260, 171115067,
                                 159138663, 146364022, 141213431, 135534747, 135006516, 133851895,
                                 115169878, 107349540, 102531392, 90354753,  81195210,  78077248,
                                 59128983,  63025520,  48129895,  51304566,  155270560, 59373566}},
    Assembly{"hg38/GRCh38", 22, {248956422, 242193529, 198295559, 190214555, 181538259, 170805979,
                                 159345973, 145138636, 138394717, 133797422, 135086622, 133275309,
                                 114364328, 107043718, 101991189, 90338345,  83257441,  80373285,
                                 58617616,  64444167,  46709983,  50818468,  156040895, 57227415}},
    Assembly{"T2T-CHM13v2.0", 22, {248387328, 242696752, 201105948, 193574945, 182045439, 172126628,
                                   160567428, 146259331, 150617247, 134758134, 135127769, 133324548,
                                   113566686, 101161492, 99753195,  96330374,  84276897,  80542538,
                                   61707364,  66210255,  45090682,  51324926,  154259566, 62460029}},
    Assembly{"mm10/GRCm38", 19, {195471971, 182113224, 160039680, 156508116, 151834684, 149736546, 145441459,
                                 129401213, 124595110, 130694993, 122082543, 120129022, 120421639, 124902244,
                                 104043685, 98207768,  94987271,  90702639,  61431566,  171031299, 91744698}},
    Assembly{"mm39/GRCm39", 19, {195154279, 181755017, 159745316, 156860686, 151758149, 149588044, 144995196,
                                 130127694, 124359700, 130530862, 121973369, 120092757, 120883175, 125139656,
                                 104073951, 98008968,  95294699,  90720763,  61420004,  169476592, 91455967}},
};

std::string_view without_chr(std::string_view name) {
    if (name.starts_with("chr")) name.remove_prefix(3);
    return name;
}

// Where the lengths of `assembly` have this chromosome; kMost for what is none.
std::size_t place_of(std::string_view name, const Assembly& assembly) {
    if (name == "X") return assembly.autosomes;
    if (name == "Y") return assembly.autosomes + 1;
    for (std::size_t i = 0; i < assembly.autosomes; ++i)
        if (name == std::to_string(i + 1)) return i;
    return kMost;
}

std::size_t shared(const std::vector<Contig>& contigs, const Assembly& assembly) {
    std::size_t count = 0;
    for (const Contig& contig : contigs) {
        const std::size_t at = place_of(without_chr(contig.name), assembly);
        count += at < kMost && assembly.lengths[at] == contig.length;
    }
    return count;
}

}  // namespace

std::string assembly_of(const std::vector<Contig>& contigs) {
    const Assembly* best = nullptr;
    std::size_t most = 0;
    for (const Assembly& assembly : kAssemblies) {
        const std::size_t count = shared(contigs, assembly);
        if (count > most) best = &assembly;
        if (count > most) most = count;
    }
    return best == nullptr ? "" : best->name;
}

}  // namespace regkit
