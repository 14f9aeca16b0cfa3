// RMSNorm and absmax quantisation as their formulas read.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace tern::oracle {

// One row, every operation in Real.
template <class Real>
std::vector<Real> rmsnorm(const float* x, const float* weight, float eps, int dim) {
  Real sum = 0;
  for (int j = 0; j < dim; j++) sum += Real(x[j]) * Real(x[j]);
  const Real inverse = Real(1) / std::sqrt(sum / Real(dim) + Real(eps));
  std::vector<Real> out(dim);
  for (int j = 0; j < dim; j++) out[j] = Real(x[j]) * inverse * Real(weight[j]);
  return out;
}

struct Quantized {
  std::vector<int> q;
  float scale;
  int sum;
};

// One row of floats; exact, as the formula is in fp32 and every step has one rounding.
inline Quantized quantize(const float* y, int dim) {
  float largest = 0;
  for (int j = 0; j < dim; j++) largest = std::max(largest, std::fabs(y[j]));
  const float s = 127.f / std::max(largest, 1e-5f);
  Quantized out = {{}, 1.f / s, 0};
  for (int j = 0; j < dim; j++) {
    const float scaled = y[j] * s, below = std::floor(scaled), part = scaled - below;
    int q = int(below);
    if (part > 0.5f || (part == 0.5f && q % 2 != 0)) q++;
    q = std::min(127, std::max(-128, q));
    out.q.push_back(q);
    out.sum += q;
  }
  return out;
}

}  // namespace tern::oracle
