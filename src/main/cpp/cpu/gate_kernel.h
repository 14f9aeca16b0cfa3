// Gating of n elements. Included by one file per tier (vec_math.h says why all this is unnamed).
#pragma once

#include "cpu/gate_run.h"
#include "cpu/vec_math.h"

namespace tern::cpu {
namespace {

// x sigmoid(x) with e^-|x| only, so that nothing overflows: 1 / (1 + e^-x) for x >= 0, e^x / (1 + e^x) for x < 0. -inf is taken
// as the lowest float, since -inf * 0 is NaN and the limit is 0.
inline F silu(F x) {
  const F t = exp_nonpositive(sub(set1(0.f), vabs(x)));
  const F sigmoid = div(select_negative(x, t, set1(1.f)), add(set1(1.f), t));
  return mul(vmax(set1(-0x1.fffffep127f), x), sigmoid);
}

inline F relu2(F x) {
  const F r = vmax(set1(0.f), x);
  return mul(r, r);
}

template <F (*activation)(F)>
void gate_run(const float* gate, const float* up, int64_t n, float* out) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(out + i, mul(activation(load(gate + i)), load(up + i)));
  const int rest = static_cast<int>(n - i);  // the same arithmetic, so that an element's bits do not depend on its place
  if (rest) store_n(out + i, mul(activation(load_n(gate + i, rest)), load_n(up + i, rest)), rest);
}

constexpr GateKernels kGateKernels = {{gate_run<silu>, gate_run<relu2>}};

}  // namespace
}  // namespace tern::cpu
