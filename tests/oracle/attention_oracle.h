// Attention as its definition reads: for every row and head, softmax of the scores of the keys it sees, times their values.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "cpu/attention.h"

namespace tern::oracle {

// x rounded to binary16, nearest even.
inline float round_to_half(float x) {
  if (!(std::fabs(x) < std::numeric_limits<float>::infinity()) || x == 0) return x;
  if (std::fabs(x) >= 65520) return std::copysign(std::numeric_limits<float>::infinity(), x);
  const double step = std::ldexp(1.0, std::max(std::ilogb(x), -14) - 10);
  return static_cast<float>(std::nearbyint(double(x) / step) * step);
}

// One sequence. k, v: [n_kv_heads, head_dim] of every key of every segment, in the precision of the arena.
struct AttentionProblem {
  int n_heads, n_kv_heads, head_dim, n_rows;
  std::vector<cpu::AttentionSegment> segments;
  std::vector<std::vector<float>> k, v;  // [n_segments], [segment len, n_kv_heads, head_dim]
  std::vector<float> q;                  // [n_rotations, n_rows, n_heads, head_dim]
  std::vector<int64_t> sink_end, lo, hi;

  bool sees(int row, int64_t index) const {
    return index < sink_end[row] || (lo[row] <= index && index <= hi[row]);
  }
};

// [n_rows, n_heads, head_dim], every operation in Real. Sums run over d and keys forwards, or backwards.
template <class Real>
std::vector<Real> attention(const AttentionProblem& p, bool backwards = false) {
  const int group = p.n_heads / p.n_kv_heads;
  const Real scale = Real(1) / std::sqrt(Real(p.head_dim));
  std::vector<Real> out(size_t(p.n_rows) * p.n_heads * p.head_dim, Real(0));
  for (int row = 0; row < p.n_rows; row++)
    for (int head = 0; head < p.n_heads; head++) {
      std::vector<Real> scores;
      std::vector<const float*> values;
      Real largest = -std::numeric_limits<Real>::infinity();
      for (size_t s = 0; s < p.segments.size(); s++)
        for (int t = 0; t < p.segments[s].len; t++) {
          if (!p.sees(row, p.segments[s].index + t)) continue;
          const size_t at = (size_t(t) * p.n_kv_heads + head / group) * p.head_dim;
          const float* q = &p.q[((size_t(p.segments[s].rotation) * p.n_rows + row) * p.n_heads + head) * p.head_dim];
          Real score = 0;
          for (int i = 0; i < p.head_dim; i++) {
            const int d = backwards ? p.head_dim - 1 - i : i;
            score += Real(q[d]) * Real(p.k[s][at + d]);
          }
          scores.push_back(score * scale);
          values.push_back(&p.v[s][at]);
          largest = std::max(largest, scores.back());
        }
      if (scores.empty()) continue;
      Real* o = &out[(size_t(row) * p.n_heads + head) * p.head_dim];
      Real sum = 0;
      for (size_t i = 0; i < scores.size(); i++) {
        const size_t j = backwards ? scores.size() - 1 - i : i;
        const Real w = std::exp(scores[j] - largest);
        sum += w;
        for (int d = 0; d < p.head_dim; d++) o[d] += w * Real(values[j][d]);
      }
      for (int d = 0; d < p.head_dim; d++) o[d] /= sum;
    }
  return out;
}

// The float evaluation that sets the tolerance: of two orders of summation, which are equally good, the one that happens to be
// farther from ref64, element by element. One order alone is by luck three times closer in a row now and then.
inline std::vector<float> attention_float(const AttentionProblem& p, const std::vector<double>& ref64) {
  std::vector<float> a = attention<float>(p), b = attention<float>(p, true);
  for (size_t i = 0; i < a.size(); i++)
    if (std::fabs(b[i] - ref64[i]) > std::fabs(a[i] - ref64[i])) a[i] = b[i];
  return a;
}

}  // namespace tern::oracle
