// One row of logits and its options; reading its spans.
#pragma once

#include "sample_span.cuh"

namespace tern::cuda {

// One row and its options. aligned: its quads of logits stand at multiples of 16 bytes and none is cut off.
template <bool aligned>
struct Row {
  const float* logits;  // [n]; raw
  int n;
  int n_spans;
  int target;
  float temperature;
  float inv_temperature;
  float penalty;
  const int32_t* listed;  // [n_listed]
  int n_listed;           // 0 too if the penalty changes nothing
  Spans spans;

  __device__ Row(const SampleArgs& a, int64_t row)
      : logits(a.logits + row * a.vocab_size), n(a.vocab_size), n_spans(ceil_div(a.vocab_size, kSpan)), target(a.target[row]),
        temperature(a.temperature[row]), penalty(a.repeat_penalty[row]), spans(a.scratch, row, n_spans) {
    inv_temperature = fminf(__fdiv_rn(1.f, fminf(temperature, FLT_MAX)), FLT_MAX);
    const int begin = a.penalty_begin[row];
    listed = a.penalty_token + begin;
    n_listed = target < 0 && penalty != 1.f ? a.penalty_begin[row + 1] - begin : 0;
  }

  __device__ bool draws() const { return target < 0 && temperature > 0; }

  // Place in the span of logit j of this lane.
  static __device__ __forceinline__ int place(int j) {
    return aligned ? j / 4 * (4 * kWarp) + 4 * lane_id() + j % 4 : j * kWarp + lane_id();
  }
  // -inf beyond the end of the row, and with span < 0.
  __device__ __forceinline__ void load(int span, float (&x)[kLaneLogits]) const {
#pragma unroll
    for (int j = 0; j < kLaneLogits; j += aligned ? 4 : 1) {
      const int at = span * kSpan + place(j);
      const bool valid = span >= 0 && at < n;
      if constexpr (aligned) {
        const float4 v = valid ? __ldg(reinterpret_cast<const float4*>(logits + at))
                               : make_float4(-kInf, -kInf, -kInf, -kInf);
        x[j] = v.x, x[j + 1] = v.y, x[j + 2] = v.z, x[j + 3] = v.w;
      } else {
        x[j] = valid ? __ldg(logits + at) : -kInf;
      }
    }
  }
  // Of a listed token: from the raw logit, so that listing it twice changes nothing. What is finite stays so, -inf too.
  __device__ __forceinline__ float penalised(float x) const {
    if (x == -kInf) return x;
    const float y = x > 0 ? __fdiv_rn(x, penalty) : __fmul_rn(x, penalty);
    return fminf(fmaxf(y, -FLT_MAX), FLT_MAX);
  }
  // bits: of the span.
  __device__ __forceinline__ void penalise(const unsigned* bits, float (&x)[kLaneLogits]) const {
#pragma unroll
    for (int j = 0; j < kLaneLogits; j++)
      if (bits[place(j) / 32] >> place(j) % 32 & 1) x[j] = penalised(x[j]);
  }

  // Calls visit(span, x) with the penalised logits of all spans whose maximum is at least low; all lanes of a warp call. The
  // loads of kUnderWay spans are under way per warp: with 16 warps 48 KiB, enough to hide the latency of L2 from one SM.
  template <class Visit>
  __device__ __forceinline__ void each_span(float low, const Visit& visit) const {
    constexpr int kUnderWay = 3;
    for (int base = 0; base < n_spans; base += static_cast<int>(blockDim.x)) {
      const int own = base + lane_id() * n_warps() + warp_id();
      unsigned left = __ballot_sync(kAllLanes, own < n_spans && spans.max[own < n_spans ? own : 0] >= low);
      while (left) {
        int span[kUnderWay];
        float x[kUnderWay][kLaneLogits];
#pragma unroll
        for (int i = 0; i < kUnderWay; i++) {
          span[i] = left ? base + (__ffs(static_cast<int>(left)) - 1) * n_warps() + warp_id() : -1;
          left &= left - 1;
          load(span[i], x[i]);
        }
#pragma unroll 1
        while (span[0] >= 0) {  // a loop, with moves of registers, rather than a copy for each of the code
          if (n_listed) penalise(spans.bits + int64_t{span[0]} * kSpanWords, x[0]);
          visit(span[0], x[0]);
#pragma unroll
          for (int i = 0; i + 1 < kUnderWay; i++) {
            span[i] = span[i + 1];
#pragma unroll
            for (int j = 0; j < kLaneLogits; j++) x[i][j] = x[i + 1][j];
          }
          span[kUnderWay - 1] = -1;
        }
      }
    }
  }
  // Calls visit(key, x) for all keys from low on; lanes by themselves.
  template <class Visit>
  __device__ __forceinline__ void each_key(Key low, const Visit& visit) const {
    each_span(logit_of(low), [&](int span, const float (&x)[kLaneLogits]) {
#pragma unroll
      for (int j = 0; j < kLaneLogits; j++) {
        const Key key = key_of(x[j], span * kSpan + place(j));
        if (key >= low) visit(key, x[j]);
      }
    });
  }
};

}  // namespace tern::cuda
