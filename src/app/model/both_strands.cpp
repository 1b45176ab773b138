// Logits are averaged as what they stand for, in double precision: there are as many as a model has markers
// times positions, so the usual ones take two exponentials and a logarithm, and only those far out the form
// in which nothing overflows.
#include "app/model/both_strands.hpp"

#include <algorithm>
#include <cmath>

#include "io/fasta/fasta.hpp"

namespace regkit {
namespace {

constexpr double kFar = 300;  // the product of two of its exponentials is still a number

double softplus(double x) {
    return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x)));
}

// log(exp(a) + exp(b))
double log_sum(double a, double b) {
    return std::max(a, b) + std::log1p(std::exp(-std::fabs(a - b)));
}

float mean_logit(float a, float b) {
    if (a == b) return a;
    const double x = static_cast<double>(a), y = static_cast<double>(b);
    if (std::fabs(x) > kFar || std::fabs(y) > kFar)  // -softplus(-x) is the logarithm of the sigmoid of x
        return static_cast<float>(log_sum(-softplus(-x), -softplus(-y)) -
                                  log_sum(-softplus(x), -softplus(y)));
    const double u = std::exp(-x), v = std::exp(-y);
    return static_cast<float>(std::log((2 + u + v) / (u + v + 2 * u * v)));
}

float mean_softplus(float a, float b) {
    if (a == b) return a;
    const double mean = 0.5 * (softplus(static_cast<double>(a)) + softplus(static_cast<double>(b)));
    return static_cast<float>(mean + std::log(-std::expm1(-mean)));
}

template <class Mean>
void average(std::span<float> values, std::span<const float> other, std::int64_t positions,
             const Mean& mean) {
    const auto row = static_cast<std::size_t>(positions);
    for (std::size_t first = 0; first < values.size(); first += row)
        for (std::size_t i = 0; i < row; ++i)
            values[first + i] = mean(values[first + i], other[first + row - 1 - i]);
}

}  // namespace

void reverse_rows(std::span<const std::uint8_t> codes, std::int64_t length,
                  std::vector<std::uint8_t>& reversed) {
    reversed.assign(codes.begin(), codes.end());
    for (std::size_t first = 0; first < reversed.size(); first += static_cast<std::size_t>(length))
        reverse_complement({reversed.data() + first, static_cast<std::size_t>(length)});
}

void average_strands(std::span<float> values, std::span<const float> other, std::int64_t positions) {
    average(values, other, positions, [](float a, float b) { return 0.5f * (a + b); });
}

void average_strand_logits(std::span<float> logits, std::span<const float> other, std::int64_t positions,
                           Task task) {
    if (task == Task::coverage)
        average(logits, other, positions, mean_softplus);
    else
        average(logits, other, positions, mean_logit);
}

}  // namespace regkit
