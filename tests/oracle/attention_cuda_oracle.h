// The bound of attention on tensor cores, for inputs as they are stored.
//
// u = 2^-24. A score sums head_dim products in a tensor core, which may truncate where a float adder rounds: at most
// 2 (head_dim + 8) u times S, the largest sum of |q| |k| / sqrt(head_dim), and as much for the maximum; a rescaling or merge adds an
// exp2 (2 ulp) and a product, a sum one rounding (again doubled) a term. The weights are rounded to the type of the product with V:
// unit roundoff w = 2^-11 of F16, 2^-8 of BF16; F16 weights below 2^-14 are rounded to multiples of 2^-24, of which an int8 value of
// at most 127 in units of 1/128 takes as much. Hence, for n keys seen of at most v in magnitude,
//   |out - ref| <= (4 (2 (head_dim + 8) S + 8 n_tiles + n_terms + 16) u + 1.01 w) sum p |v| + 2^-24 n v
#pragma once

#include <algorithm>
#include <cmath>

#include "attention_oracle.h"

namespace tern::oracle {

inline AttentionErrors attention_cuda_errors(const AttentionProblem& p, int kv_type, const float* out) {
  std::vector<double> magnitude, largest_score;
  const std::vector<double> ref = attention<double>(p, &magnitude, &largest_score);
  double n_tiles = 2, n_keys = 0, largest_v = 0;
  for (const cpu::AttentionSegment& s : p.segments) {
    n_tiles += s.len / TERN_PAGE_LEN + 2;
    n_keys += s.len;
  }
  for (const std::vector<float>& v : p.v)
    for (float x : v) largest_v = std::max(largest_v, double(std::fabs(x)));
  const double u = std::ldexp(1.0, -24), w = kv_type == TERN_TYPE_BF16 ? std::ldexp(1.0, -8) : std::ldexp(1.0, -11);
  AttentionErrors result;
  for (size_t i = 0; i < ref.size(); i++) {
    const double score = largest_score[i / p.head_dim];
    const double bound = (4 * (2 * (p.head_dim + 8) * score + 8 * n_tiles + n_keys + n_tiles + 16) * u + 1.01 * w) * magnitude[i] +
                         (magnitude[i] > 0 ? u * n_keys * largest_v : 0);
    result.see(i, out[i], ref[i], bound);
  }
  return result;
}

}  // namespace tern::oracle
