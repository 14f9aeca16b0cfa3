// The passes of sampling over all logits, written once for the ISA tiers in the compiler's vector types (but for one
// instruction, at_least). No fused multiply-add and one fixed order of every sum: all tiers give the same bits.
//
// exp(x) for x <= 0: x = n ln 2 + r with |r| <= ln 2 / 2, e^r by a minimax polynomial of degree 6 (3.7e-9
// before rounding), 2^n by its exponent bits.
// Relative error <= 1.2e-7 on [-87, 0] (tests/cpp/sample_test.cpp measures it); exactly 1 at 0; 0 below -87.
//
// Included by files of different instruction sets with different kWidth: each instance belongs to one file.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace tern::cpu {

// Logits are taken in spans, whose maxima let later passes skip what cannot matter.
constexpr int kSpan = 256;

struct SampleScan {
  // span_max[i]: maximum of span i, NaN logits not counted; returns the maximum of all.
  float (*maxima)(const float* logits, int n, float* span_max);
  // span_mass[i]: sum over span i of w = exp((logit - max) * inv_temperature), where w >= min_weight. Returns the sum of all.
  double (*masses)(const float* logits, int n, float max, float inv_temperature, float min_weight, double* span_mass);
};

extern const SampleScan kSampleScanScalar;
extern const SampleScan kSampleScanAvx2;
extern const SampleScan kSampleScanAvx512;

constexpr float kExpLow = -87.0f;

// GCC's vector types want plain numbers here.
template <int kWidth>
struct Vectors;
template <>
struct Vectors<4> {
  typedef float Float __attribute__((vector_size(16)));
  typedef int32_t Int __attribute__((vector_size(16)));
  typedef double Double __attribute__((vector_size(16)));
};
template <>
struct Vectors<8> {
  typedef float Float __attribute__((vector_size(32)));
  typedef int32_t Int __attribute__((vector_size(32)));
  typedef double Double __attribute__((vector_size(32)));
};
template <>
struct Vectors<16> {
  typedef float Float __attribute__((vector_size(64)));
  typedef int32_t Int __attribute__((vector_size(64)));
  typedef double Double __attribute__((vector_size(64)));
};

template <int kWidth>
struct Scan {
  using Float = typename Vectors<kWidth>::Float;
  using Int = typename Vectors<kWidth>::Int;
  using Double = typename Vectors<kWidth>::Double;  // half as many
  static constexpr int kVectors = 16 / kWidth;  // 16 lanes in all tiers

  static Float load(const float* p) {
    Float v;
    std::memcpy(&v, p, sizeof v);
    return v;
  }

  // The larger one; NaN if x is. One instruction, where GCC 12 makes two or three of a comparison of 512 bits.
  static Float at_least(float low, Float x) {
#if defined(__AVX512F__)
    if constexpr (kWidth == 16) return _mm512_max_ps(_mm512_set1_ps(low), x);
#endif
    return x < low ? Float{} + low : x;
  }

  // n vectors taken through every step together, so that the latency of one hides behind the others. (Zen 4, 128256 logits, 64
  // at a time against 16: 75 and 85 us with AVX-512, 80 and 128 with AVX2.)
  template <int n>
  struct Pack {
    Float v[n];

    friend Pack operator+(Pack a, const Pack& b) {
      for (int j = 0; j < n; j++) a.v[j] += b.v[j];
      return a;
    }
    friend Pack operator-(Pack a, const Pack& b) {
      for (int j = 0; j < n; j++) a.v[j] -= b.v[j];
      return a;
    }
    friend Pack operator*(Pack a, const Pack& b) {
      for (int j = 0; j < n; j++) a.v[j] *= b.v[j];
      return a;
    }
    friend Pack operator+(Pack a, float b) {
      for (Float& v : a.v) v += b;
      return a;
    }
    friend Pack operator-(Pack a, float b) {
      for (Float& v : a.v) v -= b;
      return a;
    }
    friend Pack operator*(Pack a, float b) {
      for (Float& v : a.v) v *= b;
      return a;
    }
  };

  // Inlined by force, as weight and add_weights are: GCC 12 else calls it, with all vectors and constants through memory.
  template <int n>
  __attribute__((always_inline)) static inline Pack<n> exp(const Pack<n>& x) {
    Pack<n> y, power, e;
    for (int j = 0; j < n; j++) y.v[j] = at_least(kExpLow, x.v[j]);
    constexpr float kShift = 0x1.8p23f;  // adding it rounds to an integer in the low bits
    const Pack<n> shifted = y * 0x1.715476p+0f + kShift;
    const Pack<n> whole = shifted - kShift;
    const Pack<n> r = (y - whole * 0x1.62e4p-1f) - whole * 0x1.7f7d1cp-20f;  // ln 2 in two parts; the first product is exact
    for (int j = 0; j < n; j++) power.v[j] = (Float)(((Int)shifted.v[j] << 23) + 0x3f800000);
    Pack<n> p = r * 0x1.6a23cep-10f + 0x1.123a20p-7f;
    p = p * r + 0x1.5558f2p-5f;
    p = p * r + 0x1.555492p-3f;
    p = p * r + 0x1.fffffcp-2f;
    p = (p * (r * r) + r + 1.0f) * power;
    for (int j = 0; j < n; j++) e.v[j] = x.v[j] < kExpLow ? Float{} : p.v[j];
    return e;
  }

  // w as SampleScan::masses counts it.
  template <int n>
  __attribute__((always_inline)) static inline Pack<n> weight(const Pack<n>& logits, float max, float inv_temperature, float min_weight) {
    Pack<n> w = exp((logits - max) * inv_temperature);
    for (Float& v : w.v) v = v < min_weight ? Float{} : v;
    return w;
  }

  static float exp(float x) { return exp(Pack<1>{{Float{} + x}}).v[0][0]; }
  static float weight(float logit, float max, float inv_temperature, float min_weight) {
    return weight(Pack<1>{{Float{} + logit}}, max, inv_temperature, min_weight).v[0][0];
  }

  static float maxima(const float* logits, int n, float* span_max) {
    float all = -__builtin_inff();
    for (int begin = 0; begin < n; begin += kSpan) {
      const int len = n - begin < kSpan ? n - begin : kSpan;
      const float* p = logits + begin;
      float top = -__builtin_inff();
      int i = 0;
      if (len >= 16) {
        Float m[kVectors];
        for (Float& v : m) v = Float{} + top;
        for (; i + 16 <= len; i += 16)
          for (int j = 0; j < kVectors; j++) {
            const Float v = load(p + i + j * kWidth);
            m[j] = v > m[j] ? v : m[j];
          }
        for (const Float& v : m)
          for (int l = 0; l < kWidth; l++) top = v[l] > top ? v[l] : top;
      }
      for (; i < len; i++) top = p[i] > top ? p[i] : top;
      span_max[begin / kSpan] = top;
      all = top > all ? top : all;
    }
    return all;
  }

  // Adds the weights of 16 n / kVectors logits to the 16 lanes.
  template <int n>
  __attribute__((always_inline)) static inline void add_weights(const float* logits, float max, float inv_temperature, float min_weight,
                                                                Double* sum) {
    Pack<n> x;
    for (int j = 0; j < n; j++) x.v[j] = load(logits + j * kWidth);
    x = weight(x, max, inv_temperature, min_weight);
    for (int j = 0; j < n; j++) {
      float w[kWidth];
      std::memcpy(w, &x.v[j], sizeof w);
      double wide[kWidth];  // GCC 12 takes a loop for one instruction, and __builtin_convertvector for several
      for (int l = 0; l < kWidth; l++) wide[l] = w[l];
      Double part[2];
      std::memcpy(part, wide, sizeof part);
      sum[2 * (j % kVectors)] += part[0];
      sum[2 * (j % kVectors) + 1] += part[1];
    }
  }

  // Lane l of 16 sums elements l, l + 16, ... in fp64; then lanes 0 + 8, + 4, + 2, + 1.
  static double masses(const float* logits, int n, float max, float inv_temperature, float min_weight, double* span_mass) {
    double all = 0;
    for (int begin = 0; begin < n; begin += kSpan) {
      const int len = n - begin < kSpan ? n - begin : kSpan;
      const float* p = logits + begin;
      Double sum[2 * kVectors] = {};
      int i = 0;
      for (; i + 64 <= len; i += 64) add_weights<4 * kVectors>(p + i, max, inv_temperature, min_weight, sum);
      for (; i + 16 <= len; i += 16) add_weights<kVectors>(p + i, max, inv_temperature, min_weight, sum);
      if (i < len) {
        float rest[16];
        for (int l = 0; l < 16; l++) rest[l] = l < len - i ? p[i + l] : -__builtin_inff();
        add_weights<kVectors>(rest, max, inv_temperature, min_weight, sum);
      }
      double lane[16];
      std::memcpy(lane, sum, sizeof lane);
      for (int l = 0; l < 8; l++) lane[l] += lane[l + 8];
      const double mass = ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
      span_mass[begin / kSpan] = mass;
      all += mass;
    }
    return all;
  }
};

}  // namespace tern::cpu
