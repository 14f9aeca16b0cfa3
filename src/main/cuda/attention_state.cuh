// Softmax over a set of keys, taken in pieces (Milakov & Gimelshein 2018), in base 2. The state of a set, with x_j = s_j log2(e):
//   m = max x_j      l = sum 2^(x_j - m)      acc = sum 2^(x_j - m) v_j      softmax-weighted sum of v = acc / l
// The empty set is (-inf, 0, 0). It is neutral on either side of a merge, to the bit.
#pragma once

#include "device.cuh"

namespace tern::cuda {

constexpr float kLog2e = 1.44269504088896340736f;
constexpr float kMinusInfinity = -__builtin_inff();

struct SoftmaxState {
  float m;
  float l;
};
__device__ __forceinline__ SoftmaxState empty_softmax() { return {kMinusInfinity, 0.f}; }

// What exponents are taken relative to. 0 for the empty set: -inf - 0 is an exponent of probability 0, -inf - -inf would be NaN.
__device__ __forceinline__ float softmax_base(float m) { return m == kMinusInfinity ? 0.f : m; }

// What a state's l and acc are multiplied by when its maximum m becomes one whose softmax_base is base: 1 exactly if m stays.
__device__ __forceinline__ float softmax_rescale(float m, float base) { return exp2f(m - base); }

// What acc is multiplied by at the end: an empty set's output is 0, a NaN stays one.
__device__ __forceinline__ float softmax_inverse(float l) { return l == 0.f ? 0.f : 1.f / l; }

// What the accumulators of the two sides of a merge are multiplied by before they are added.
struct SoftmaxFactors {
  float into;
  float part;
};

// into := into followed by part, for disjoint sets.
__device__ __forceinline__ SoftmaxFactors softmax_merge(SoftmaxState& into, const SoftmaxState& part) {
  const float m = fmaxf(into.m, part.m);
  const float base = softmax_base(m);
  const SoftmaxFactors factors = {softmax_rescale(into.m, base), softmax_rescale(part.m, base)};
  into = {m, __fmaf_rn(part.l, factors.part, __fmul_rn(into.l, factors.into))};
  return factors;
}

}  // namespace tern::cuda
