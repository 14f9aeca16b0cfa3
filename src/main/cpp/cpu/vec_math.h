// Sixteen floats at a time, in the instructions that the including file is compiled for, and the exponential on them.
//
// A kernel written on these functions is one text for every tier: portable (SSE2 on x86-64), AVX2, AVX-512. All sums across
// lanes take one order, lane i + lane i+8, then +4, +2, +1, so that tiers differ only by fused multiply-adds.
// Everything is in an unnamed namespace and nothing of std:: is called: an inline function shared between translation units
// of different instruction sets would be linked once, perhaps from the one that this processor cannot run.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__AVX512F__)
#include "cpu/vec_math_avx512.h"
#elif defined(__AVX2__)
#include "cpu/vec_math_avx2.h"
#else
#include "cpu/vec_math_portable.h"
#endif

namespace tern::cpu {
namespace {

constexpr int kLanes = 16;
constexpr float kInf = __builtin_inff();

inline F load_n(const float* p, int n) {
  float lanes[kLanes] = {};
  std::memcpy(lanes, p, sizeof(float) * n);
  return load(lanes);
}

inline void store_n(float* p, F x, int n) {
  float lanes[kLanes];
  store(lanes, x);
  std::memcpy(p, lanes, sizeof(float) * n);
}

// Nearest integers, ties to even, of |x| <= 2^22: adding 1.5 * 2^23 pushes the fraction out of the mantissa.
inline F round_even(F x) { return sub(add(x, set1(12582912.f)), set1(12582912.f)); }

// e^x for x <= 0, within 1.01 ulp (measured on every float; the test samples them): 0 for -inf, 1 for 0, NaN for NaN, denormals rounded
// correctly from the scaled value. x = n ln 2 + r, |r| <= ln 2 / 2; e^r by the minimax polynomial 1 + r + r^2 P(r), whose own
// error is 4e-9; ln 2 in two parts, the first of 9 bits, so that n * high is exact without fused instructions too.
inline F exp_nonpositive(F x) {
  x = vmax(set1(-105.f), x);  // e^-105 rounds to 0; NaN stays, being the second operand
  const F n = round_even(mul(x, set1(1.44269504f)));
  F r = nmadd(n, set1(0.693359375f), x);
  r = nmadd(n, set1(-2.12194440e-4f), r);
  F p = madd(set1(0x1.6a23d0p-10f), r, set1(0x1.123a20p-7f));
  p = madd(p, r, set1(0x1.5558f2p-5f));
  p = madd(p, r, set1(0x1.555492p-3f));
  p = madd(p, r, set1(0x1.fffffcp-2f));
  p = add(madd(p, mul(r, r), r), set1(1.f));
  return scale2(p, n);
}

}  // namespace
}  // namespace tern::cpu
