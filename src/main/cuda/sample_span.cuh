// Spans of a row of logits: how tokens are ordered and weighed. The weight of a logit x of a span with maximum m in a row with
// maximum M is
//   w = exp((x - m) / T) exp((m - M) / T),
// so that one pass over the logits serves without knowing M.
//
// Masses, which are sums of weights, are integers: within a span the first factor in units of 2^-53, within a row the weight in
// units of 2^-e that bring the row's total to 2^61 or more. A sum of n weights is then n 2^-62 of the total from exact, and the
// same in any order: threads may add up with atomics.
#pragma once

#include <cfloat>

#include "device.cuh"
#include "sample.h"

namespace tern::cuda {

using Mass = unsigned long long;
using Key = unsigned long long;

constexpr int kSpan = 256;  // logits that a warp takes at once
constexpr int kLaneLogits = kSpan / kWarp;
constexpr int kSpanWords = kSpan / 32;
constexpr int kIdBits = 24;  // of the largest vocabulary
constexpr int kLastId = (1 << kIdBits) - 1;
constexpr float kInf = __builtin_inff();

__device__ __forceinline__ int lane_id() { return static_cast<int>(threadIdx.x) % kWarp; }
__device__ __forceinline__ int warp_id() { return static_cast<int>(threadIdx.x) / kWarp; }
__device__ __forceinline__ int n_warps() { return static_cast<int>(blockDim.x) / kWarp; }

__device__ __forceinline__ Mass warp_sum(Mass x) {
#pragma unroll
  for (int step = 16; step > 0; step >>= 1) x += __shfl_xor_sync(kAllLanes, x, step);
  return x;
}
// Of this lane and all before it.
__device__ __forceinline__ Mass warp_running_sum(Mass x) {
#pragma unroll
  for (int step = 1; step < kWarp; step <<= 1) {
    const Mass before = __shfl_up_sync(kAllLanes, x, static_cast<unsigned>(step));
    if (lane_id() >= step) x += before;
  }
  return x;
}

// Floats as integers of the same order; -0 counts as 0. The inverse.
__device__ __forceinline__ unsigned order_of(float logit) {
  const unsigned bits = __float_as_uint(__fadd_rn(logit, 0.f));
  return bits >> 31 ? ~bits : bits | 0x80000000u;
}
__device__ __forceinline__ float logit_of(Key key) {
  const unsigned order = static_cast<unsigned>(key >> kIdBits);
  return __uint_as_float(order >> 31 ? order & 0x7fffffffu : ~order);
}
// Higher logit first, then lower id. Keys are unique.
__device__ __forceinline__ Key key_of(float logit, int id) {
  return Key{order_of(logit)} << kIdBits | static_cast<Key>(kLastId - id);
}

// exp((x - max) / T); max may be -inf, where all x are.
__device__ __forceinline__ float weight(float x, float max, float inv_temperature) {
  return expf(__fmul_rn(__fsub_rn(x, max == -kInf ? 0.f : max), inv_temperature));
}
__device__ __forceinline__ Mass mass_in_span(float x, float max, float inv_temperature) {
  return __float2ull_rn(__fmul_rn(weight(x, max, inv_temperature), 0x1p53f));
}

// What the passes over all logits leave for each span of a row.
struct Spans {
  Mass* raw_mass;  // [n_spans]; of the raw logits, temperature 1
  Mass* mass;      // [n_spans]; with penalty and temperature
  float* raw_max;  // [n_spans]; +inf if a logit is +inf or NaN
  float* max;      // [n_spans]; with penalty
  unsigned* bits;  // [n_spans, kSpanWords]; a bit per token: whether it is listed

  static constexpr int kBytes = 2 * sizeof(Mass) + 2 * sizeof(float) + kSpanWords * sizeof(unsigned);

  __device__ Spans(void* scratch, int64_t row, int n_spans) {
    raw_mass = reinterpret_cast<Mass*>(static_cast<unsigned char*>(scratch) + row * n_spans * kBytes);
    mass = raw_mass + n_spans;
    raw_max = reinterpret_cast<float*>(mass + n_spans);
    max = raw_max + n_spans;
    bits = reinterpret_cast<unsigned*>(max + n_spans);
  }
};

}  // namespace tern::cuda
