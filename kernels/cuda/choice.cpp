// Reads the user's words in REGKIT_CUDA_KERNELS, REGKIT_NCCL and REGKIT_CUDNN_PLANS, and holds them against
// --precision: plain kernels compute in f32, all others in bf16, and a pair that does not fit is refused
// rather than computed otherwise. All of it is told before a device is looked for.
#include "kernels/cuda/choice.hpp"

#include <cstdlib>

#include "kernels/base/error.hpp"

namespace regkit {

namespace {

constexpr const char* kVariable = "REGKIT_CUDA_KERNELS";
constexpr const char* kPlansVariable = "REGKIT_CUDNN_PLANS";
constexpr int kCount = static_cast<int>(std::size(kKernelNames));
constexpr KernelSet kEverything = {Kernels::plain, Kernels::sm80, Kernels::sm90, Kernels::cudnn,
                                   Kernels::cublaslt};

[[noreturn]] void refuse(const std::string& text, const std::string& why) {
    throw Error(ErrorKind::usage, std::string(kVariable) + "=" + text + ": " + why);
}

// "plain, sm80 or cudnn"
std::string names_of(const KernelSet& set) {
    std::string names, last;
    for (int k = 0; k < kCount; ++k) {
        if (!set.has(static_cast<Kernels>(k))) continue;
        if (!last.empty()) names += (names.empty() ? "" : ", ") + last;
        last = kKernelNames[k];
    }
    return names.empty() ? last : names + " or " + last;
}

// The user's words, one by one.
struct Wanted {
    std::optional<KernelSet> everywhere;
    std::optional<KernelSet> of_family[KernelChoice::kFamilyCount];

    explicit Wanted(const std::string& text) {
        std::size_t begin = 0;
        for (std::size_t end = 0; end != std::string::npos; begin = end + 1) {
            end = text.find(',', begin);
            add(text, text.substr(begin, end - begin));
        }
    }

  private:
    void add(const std::string& text, const std::string& word) {
        const std::size_t sign = word.find('=');
        if (sign == std::string::npos) return add(text, word, kEverything, everywhere);
        for (int f = 0; f < KernelChoice::kFamilyCount; ++f)
            if (word.substr(0, sign) == kFamilies[f].name)
                return add(text, word.substr(sign + 1), kFamilies[f].kernels, of_family[f]);
        refuse(text, "'" + word + "' names no operation that has a choice; these are conv, lstm and tail");
    }
    static void add(const std::string& text, const std::string& name, const KernelSet& known,
                    std::optional<KernelSet>& to) {
        for (int k = 0; k < kCount; ++k)
            if (name == kKernelNames[k] && known.has(static_cast<Kernels>(k))) {
                if (!to) to.emplace(std::initializer_list<Kernels>{});
                return to->add(static_cast<Kernels>(k));
            }
        refuse(text, "'" + name + "' is unknown; use " + names_of(known));
    }
};

}  // namespace

std::string text_of(const KernelChoice& choice) {
    std::string text;
    for (int f = 0; f < KernelChoice::kFamilyCount; ++f) {
        const auto family = static_cast<Family>(f);
        const auto add = [&](Kernels kernels) {
            text += (text.empty() ? "" : ",") + std::string(kFamilies[f].name) + "=" + name_of(kernels);
        };
        bool is_plain = true;
        for (int k = 1; k < kCount; ++k) {
            if (!choice.allows(family, static_cast<Kernels>(k))) continue;
            add(static_cast<Kernels>(k));
            is_plain = false;
        }
        if (is_plain) add(Kernels::plain);
    }
    return text;
}

std::optional<std::string> kernels_of_environment() {
    const char* const value = std::getenv(kVariable);
    if (!value) return std::nullopt;
    const Wanted words(value);  // or they are refused
    return value;
}

bool nccl_of_environment() {
    const char* const value = std::getenv("REGKIT_NCCL");
    const std::string word = value ? value : "on";
    require(word == "on" || word == "off", ErrorKind::usage,
            "REGKIT_NCCL=" + word + ": unknown; use on or off");
    return word == "on";
}

bool keeps_cudnn_plans() {
    const char* const value = std::getenv(kPlansVariable);
    if (!value) return true;
    require(std::string(value) == "off", ErrorKind::usage,
            std::string(kPlansVariable) + "=" + value + ": unknown; use off, or unset it");
    return false;
}

KernelChoice choose_kernels(Precision precision, const std::optional<std::string>& wanted) {
    const bool bf16 = precision == Precision::bf16;
    KernelChoice choice = bf16 ? kTensorCoreKernels : kPlainKernels;
    if (!wanted) return choice;
    const Wanted words(*wanted);
    if (words.everywhere) choice = *words.everywhere;
    for (int f = 0; f < KernelChoice::kFamilyCount; ++f)
        if (words.of_family[f]) choice.set(static_cast<Family>(f), *words.of_family[f]);
    if (choice == kPlainKernels && bf16) refuse(*wanted, "these kernels compute in f32; use --precision f32");
    if (choice != kPlainKernels && !bf16)
        refuse(*wanted, "these kernels compute in bf16; add --precision bf16");
    if (choice.allows(Kernels::cudnn))
        keeps_cudnn_plans();  // a wrong word is told before a device is looked for
    return choice;
}

}  // namespace regkit
