// What the fused tail hands out at inference: values, or less than that where less is wanted, so that a back
// end need not write a value for every marker and position. Plain data, but for CalledRuns, which host back
// ends alone fill.
//
//  - values: f32 logits, probabilities or rates. What is ranked or subtracted (regeval, regsnp) needs them;
//  - codes: the logit in 8 bits, and a table of 256 values to read them by (regcall --values 8bit);
//  - runs: the positions whose value reaches a cutoff, and their values alone (regcall's intervals). Most of
//    the genome is below.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace regkit {

// probabilities: sigmoid; rates: softplus.
enum class TailOutput : int { logits, probabilities, rates };

// ---- codes. Code c in 1..255 stands for the logit (c - 128) / 8, code 0 for what is not a number. Of logits
// between -15.9375 and 15.9375 the error is at most 1/16 (of a probability 1/64 at most, of its odds 6.5 %);
// those beyond are held at the ends.
inline constexpr float kLogitCodesPerUnit = 8;
inline constexpr int kLogitCodeLimit = 127;
inline constexpr int kLogitCodeZero = 128;
std::uint8_t logit_code(float logit);
// What each code stands for.
using CodeTable = std::array<float, 256>;
CodeTable code_table(TailOutput kind);

// ---- cutoffs. A position is called where its value is not below the cutoff, so that NaN is, and is noticed.
// Logits below this one have values below the cutoff, for every back end's sigmoid and softplus; of others
// only the value tells.
float least_logit(TailOutput kind, float cutoff);

// Positions [begin, end) of one sample, counted from the first position asked for, at which `marker` is
// called.
struct CalledRun {
    std::int32_t sample = 0;
    std::int32_t marker = 0;
    std::int32_t begin = 0;
    std::int32_t end = 0;
    std::int64_t first = 0;  // its values are CalledRuns::values[first] .. [first + end - begin)

    bool operator==(const CalledRun&) const = default;
};

// Sorted by (sample, marker, begin); neighbours of a marker are apart.
struct CalledRuns {
    std::vector<CalledRun> runs;
    std::vector<float> values;

    void clear();
    std::span<const float> values_of(const CalledRun& run) const;
    // Adds a run behind all others; one that touches the last becomes part of it.
    void append(std::int32_t sample, std::int32_t marker, std::int32_t begin, std::span<const float> called);
    // Adds those of a row of values.
    void append_row(std::int32_t sample, std::int32_t marker, std::span<const float> row, float cutoff);
};

}  // namespace regkit
