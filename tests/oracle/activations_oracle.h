// Gating and norm in fp64, with how far a float evaluation may be from it.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "cases/activations_cases.h"

namespace tern::oracle {

constexpr double kUnit = 0x1p-24;      // of fp32: half of the distance of 1 and the next float
constexpr double kDenormal = 0x1p-149;  // the step of the numbers next to 0

struct ActivationsInput {
  int gate;  // kNoGate: up is not read
  int n_rows;
  int dim;
  std::vector<float> x, up, norm;  // norm empty: none
  float eps = 1e-5f;
};

inline double gate64(int kind, double x, double up) {
  if (kind == TERN_GATE_RELU2) return x > 0 ? x * x * up : 0;
  return x / (1 + std::exp(-x)) * up;
}

// A row in fp64, and how far the kernel's z may be from it. u: kUnit; the factor 1.01 covers products of these with each other.
//
// Gate: y is off by gate y + denormal. relu2 rounds three times, product with up included. silu: expf is within 1 unit of the
// last place, 2u (CUDA C++ Programming Guide, mathematical functions); 1 + t, the quotient and two products round; in
// t / (1 + t) errors of t do not grow: 6u. Where t = e^-|x| is denormal it is off by another step or two of 2^-149, which x and
// up multiply.
// Norm: the sum of squares is of positive numbers, rounded once per addition on the way to the total. A thread adds at most
// max(4, dim / 4096, rounded up) squares in each of 4 chains, then come 2 additions and 5 and 5 of the trees: relative
// (depth) u. Squares take in 2 gate, the mean rounds twice; the root halves all this and adds its own u. Two products: y norm,
// and with the inverse. Each may become denormal, off by half a step, the first then multiplied by the inverse. Where
// denormals matter to the sum, eps is far larger. Rows done in fp64 are nearer than all this.
struct Bounded {
  std::vector<double> z, bound;
};
inline Bounded row64(const ActivationsInput& in, int row) {
  const size_t dim = size_t(in.dim), at = size_t(row) * dim;
  const double gate = in.gate == cases::kNoGate ? 0 : (in.gate == TERN_GATE_SILU ? 6 : 3) * kUnit;
  Bounded r{std::vector<double>(dim), std::vector<double>(dim)};
  double sum = 0;
  for (size_t j = 0; j < dim; j++) {
    const double x = in.x[at + j], up = in.gate == cases::kNoGate ? 0 : in.up[at + j];
    r.z[j] = in.gate == cases::kNoGate ? x : gate64(in.gate, x, up);
    sum += r.z[j] * r.z[j];
    const double denormal = in.gate == cases::kNoGate ? 0 : kDenormal * (1 + (2 * std::fabs(x) + 1) * std::fabs(up));
    r.bound[j] = (std::fabs(r.z[j]) * gate + denormal) * 1.01;
  }
  if (in.norm.empty()) return r;
  const double inverse = 1 / std::sqrt(sum / in.dim + double(in.eps));
  const double depth = std::max(4., std::ceil(in.dim / 4096.)) + 2 + 5 + 5;
  const double relative = ((depth * kUnit + 2 * gate + 2 * kUnit) / 2 + kUnit + 2 * kUnit) * 1.01;
  for (size_t j = 0; j < dim; j++) {
    const double w = std::fabs(in.norm[j]) * inverse;
    r.z[j] *= inverse * in.norm[j];
    r.bound[j] = r.bound[j] * w * 1.01 + std::fabs(r.z[j]) * relative + kDenormal * (inverse + 1);
  }
  return r;
}

}  // namespace tern::oracle
