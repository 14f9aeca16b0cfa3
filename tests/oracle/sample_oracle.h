// Sampling as tern.h describes it, by sorting everything, in fp64. Obvious and slow.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <set>
#include <vector>

#include "cpu/sample.h"

namespace tern::oracle {

struct Distribution {
  std::vector<double> p;  // by token; 0: cannot be drawn
  double margin;          // how far the nearest decision of a filter was from going the other way
};

inline std::vector<float> penalised(const std::vector<float>& logits, const cpu::Sampling& s) {
  std::vector<float> out = logits;
  const std::set<int32_t> distinct(s.penalty_token, s.penalty_token + s.n_penalty);
  for (int32_t id : distinct)
    if (std::isfinite(out[id])) {
      const float logit = out[id] > 0 ? out[id] / s.repeat_penalty : out[id] * s.repeat_penalty;
      out[id] = std::max(-3.4028235e38f, std::min(3.4028235e38f, logit));
    }
  return out;
}

// Tokens in descending order of logit, lower id first among equals.
inline std::vector<int> order(const std::vector<float>& logits) {
  std::vector<int> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  std::stable_sort(ids.begin(), ids.end(), [&](int a, int b) { return logits[a] > logits[b]; });
  return ids;
}

inline int greedy(const std::vector<float>& logits, const cpu::Sampling& s) { return order(penalised(logits, s)).front(); }

inline Distribution distribution(const std::vector<float>& raw, const cpu::Sampling& s) {
  const std::vector<float> logits = penalised(raw, s);
  std::vector<int> kept = order(logits);
  const double max = logits[kept[0]];
  const auto weight = [&](int id) { return std::exp((logits[id] - max) / s.temperature); };
  double margin = 1;
  if (s.top_k > 0 && s.top_k < static_cast<int>(kept.size())) kept.resize(s.top_k);
  if (s.top_p < 1) {
    double total = 0, mass = 0;
    for (int id : kept) total += weight(id);
    size_t n = 0;
    do {
      mass += weight(kept[n++]) / total;
      margin = std::min(margin, std::fabs(mass - s.top_p));
    } while (mass < s.top_p && n < kept.size());
    kept.resize(n);
  }
  std::vector<int> last;
  for (int id : kept) {
    if (s.min_p > 0 && logits[id] < max) margin = std::min(margin, std::fabs(weight(id) - s.min_p) / s.min_p);
    if (weight(id) >= std::min(1.0, double(s.min_p))) last.push_back(id);
  }
  Distribution d = {std::vector<double>(raw.size()), margin};
  double total = 0;
  for (int id : last) total += weight(id);
  for (int id : last) d.p[id] = weight(id) / total;
  return d;
}

// The generator of docs/sampling.md.
inline double uniform(int64_t seed, int64_t draw) {
  const auto mix = [](uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  };
  const uint64_t golden = 0x9e3779b97f4a7c15u;
  return std::ldexp(double(mix(mix(uint64_t(seed) + golden) + uint64_t(draw) * golden) >> 11), -53);
}

// The draw for which uniform(seed, draw) is whole * 2^-53: every step of the generator can be undone.
inline int64_t draw_for(int64_t seed, uint64_t whole) {
  const auto inverse = [](uint64_t odd) {
    uint64_t x = odd;
    for (int i = 0; i < 6; i++) x *= 2 - odd * x;  // Newton: twice as many low bits are right each time
    return x;
  };
  const auto unshift = [](uint64_t z, int by) {
    uint64_t x = z;
    for (int i = 0; i < 64 / by; i++) x = z ^ (x >> by);
    return x;
  };
  const auto unmix = [&](uint64_t z) {
    z = unshift(z, 31) * inverse(0x94d049bb133111ebu);
    z = unshift(z, 27) * inverse(0xbf58476d1ce4e5b9u);
    return unshift(z, 30);
  };
  const auto mix = [](uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  };
  const uint64_t golden = 0x9e3779b97f4a7c15u;
  return static_cast<int64_t>((unmix(whole << 11) - mix(uint64_t(seed) + golden)) * inverse(golden));
}

// Whether token is the first, by id, at which the running sum of p exceeds u, give or take a slack in the sum.
inline bool is_draw(const Distribution& d, double u, int token, double slack) {
  if (token < 0 || d.p[token] == 0) return false;
  double before = 0;
  for (int id = 0; id < token; id++) before += d.p[id];
  return before <= u + slack && u < before + d.p[token] + slack;
}

inline double logprob(const std::vector<float>& logits, int token) {
  const long double max = *std::max_element(logits.begin(), logits.end());
  long double sum = 0;
  for (float l : logits) sum += std::exp(static_cast<long double>(l) - max);
  return static_cast<double>(logits[token] - max - std::log(sum));
}

}  // namespace tern::oracle
