// Attention as its definition reads: for every row and head, softmax of the scores of the keys it sees, times their values.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "cpu/attention.h"
#include "tern.h"

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

// [n_rows, n_heads, head_dim], every operation in Real. magnitude, if not null, takes sum of p |v| for every element, and
// largest_score, one for every row and head, the largest sum of |q| |k| / sqrt(head_dim).
template <class Real>
std::vector<Real> attention(const AttentionProblem& p, std::vector<Real>* magnitude = nullptr,
                            std::vector<Real>* largest_score = nullptr) {
  const int group = p.n_heads / p.n_kv_heads;
  const Real scale = Real(1) / std::sqrt(Real(p.head_dim));
  std::vector<Real> out(size_t(p.n_rows) * p.n_heads * p.head_dim, Real(0));
  if (magnitude) magnitude->assign(out.size(), Real(0));
  if (largest_score) largest_score->assign(size_t(p.n_rows) * p.n_heads, Real(0));
  for (int row = 0; row < p.n_rows; row++)
    for (int head = 0; head < p.n_heads; head++) {
      std::vector<Real> scores;
      std::vector<const float*> values;
      Real largest = -std::numeric_limits<Real>::infinity(), most = 0;
      for (size_t s = 0; s < p.segments.size(); s++)
        for (int t = 0; t < p.segments[s].len; t++) {
          if (!p.sees(row, p.segments[s].index + t)) continue;
          const size_t at = (size_t(t) * p.n_kv_heads + head / group) * p.head_dim;
          const float* q = &p.q[((size_t(p.segments[s].rotation) * p.n_rows + row) * p.n_heads + head) * p.head_dim];
          const float* k = &p.k[s][at];
          Real score = 0, absolute = 0;
          for (int d = 0; d < p.head_dim; d++) {
            const Real product = Real(q[d]) * Real(k[d]);
            score += product;
            absolute += std::fabs(product);
          }
          scores.push_back(score * scale);
          values.push_back(&p.v[s][at]);
          largest = std::max(largest, scores.back());
          most = std::max(most, absolute * scale);
        }
      if (scores.empty()) continue;
      const size_t first = (size_t(row) * p.n_heads + head) * p.head_dim;
      Real sum = 0;
      for (Real& score : scores) sum += score = std::exp(score - largest);
      for (int d = 0; d < p.head_dim; d++) {
        Real value = 0, absolute = 0;
        for (size_t i = 0; i < scores.size(); i++) {
          const Real product = scores[i] * Real(values[i][d]);
          value += product;
          absolute += std::fabs(product);
        }
        out[first + d] = value / sum;
        if (magnitude) (*magnitude)[first + d] = absolute / sum;
      }
      if (largest_score) (*largest_score)[size_t(row) * p.n_heads + head] = most;
    }
  return out;
}

// How near a result comes to its bound.
struct AttentionErrors {
  double error = 0, bound = 0;  // at the element nearest to its bound
  std::string mismatch;         // empty, or the first element beyond it
  double nearest = -1;          // error / bound there

  void see(size_t i, double out, double ref, double most) {
    const double off = std::fabs(out - ref);
    if (!(off <= most) && mismatch.empty()) {
      std::ostringstream text;
      text.precision(9);
      text << "element " << i << ": " << out << ", oracle " << ref << ", error " << off << " > bound " << most;
      mismatch = text.str();
    }
    const double share = most > 0 ? off / most : off > 0 ? 1e30 : 0;
    if (!(share <= nearest)) nearest = share, error = off, bound = most;
  }
};

// The definition in fp64, and how far float arithmetic can be from it.
struct AttentionReference {
  std::vector<double> out, bound;  // [n_rows, n_heads, head_dim]

  AttentionErrors errors(const float* found) const {
    AttentionErrors result;
    for (size_t i = 0; i < out.size(); i++) result.see(i, found[i], out[i], bound[i]);
    return result;
  }
};

// What float arithmetic can explain. With u = 2^-24, to first order: a score sums
// head_dim products, and is scaled and has the maximum taken off, so it errs by at most (head_dim + 8) u times the sum of |q| |k|;
// so does the maximum's; each of up to n_tiles rescalings adds an exp (2 ulp = 4 u) and a product. A weight's relative error is
// the error of its exponent; numerator and denominator each sum the keys of a split and the splits in a row, with that error and
// one rounding a term. Hence |out - ref| <= 2 (2 (head_dim + 8) S + 8 n_tiles + n_terms + 16) u sum p |v|.
inline AttentionReference attention_reference(const AttentionProblem& p) {
  std::vector<double> magnitude, largest_score;
  AttentionReference reference;
  reference.out = attention<double>(p, &magnitude, &largest_score);
  double n_tiles = 1, n_keys = 0;
  for (const cpu::AttentionSegment& s : p.segments) {
    n_tiles += s.len / TERN_PAGE_LEN + 2;
    n_keys += s.len;
  }
  const double n_terms = std::min<double>(n_keys, cpu::kSplitLen) + n_tiles;
  reference.bound.resize(magnitude.size());
  for (size_t i = 0; i < magnitude.size(); i++) {
    const double score = largest_score[i / p.head_dim];
    reference.bound[i] = 2 * (2 * (p.head_dim + 8) * score + 8 * n_tiles + n_terms + 16) * std::ldexp(1.0, -24) * magnitude[i] + 1e-37;
  }
  return reference;
}

inline AttentionErrors attention_errors(const AttentionProblem& p, const float* out) { return attention_reference(p).errors(out); }

inline std::string attention_mismatch(const AttentionProblem& p, const float* out) { return attention_errors(p, out).mismatch; }

}  // namespace tern::oracle
