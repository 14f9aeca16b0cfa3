// The passes of sampling over all logits, written once for the ISA tiers in the compiler's vector types. No fused multiply-add
// and one fixed order of every sum: all tiers give the same bits.
//
// exp(x) for x <= 0: x = n ln 2 + r with |r| <= ln 2 / 2, e^r by a minimax polynomial of degree 6 (3.7e-9
// before rounding), 2^n by its exponent bits.
// Relative error <= 1.2e-7 on [-87, 0] (tests/cpp/sample_test.cpp measures it); exactly 1 at 0; 0 below -87.
//
// Included by files of different instruction sets with different kWidth: each instance belongs to one file.
#pragma once

#include <cstdint>
#include <cstring>

namespace tern::cpu {

// Logits are taken in spans, whose maxima let later passes skip what cannot matter.
constexpr int kSpan = 256;

struct SampleScan {
  // span_max[i]: maximum of span i, NaN logits not counted; returns the maximum of all.
  float (*maxima)(const float* logits, int n, float* span_max);
  // span_mass[i]: sum over span i of w = exp((logit - max) * inv_temperature), w counted only if w >= min_weight. Returns the sum of all.
  double (*masses)(const float* logits, int n, float max, float inv_temperature, float min_weight, double* span_mass);
};

extern const SampleScan kSampleScanScalar;
extern const SampleScan kSampleScanAvx2;
extern const SampleScan kSampleScanAvx512;

constexpr float kExpLow = -87.0f;

template <int kWidth>
struct Vectors;
template <>
struct Vectors<4> {
  typedef float Float __attribute__((vector_size(16)));
  typedef int32_t Int __attribute__((vector_size(16)));
  typedef float Half __attribute__((vector_size(8)));
  typedef double Double __attribute__((vector_size(16)));
};
template <>
struct Vectors<8> {
  typedef float Float __attribute__((vector_size(32)));
  typedef int32_t Int __attribute__((vector_size(32)));
  typedef float Half __attribute__((vector_size(16)));
  typedef double Double __attribute__((vector_size(32)));
};
template <>
struct Vectors<16> {
  typedef float Float __attribute__((vector_size(64)));
  typedef int32_t Int __attribute__((vector_size(64)));
  typedef float Half __attribute__((vector_size(32)));
  typedef double Double __attribute__((vector_size(64)));
};

template <int kWidth>
struct Scan {
  using Float = typename Vectors<kWidth>::Float;
  using Int = typename Vectors<kWidth>::Int;
  using Half = typename Vectors<kWidth>::Half;  // half as many floats: what a vector of doubles is made of
  using Double = typename Vectors<kWidth>::Double;
  static constexpr int kVectors = 16 / kWidth;  // 16 lanes in all tiers

  static Float load(const float* p) {
    Float v;
    std::memcpy(&v, p, sizeof v);
    return v;
  }

  static Float exp(Float x) {
    const Float y = x < kExpLow ? Float{} + kExpLow : x;  // NaN stays NaN
    const Float shift = Float{} + 0x1.8p23f;              // adding it rounds to an integer in the low bits
    const Float shifted = y * 0x1.715476p+0f + shift;
    const Float n = shifted - shift;
    const Float r = (y - n * 0x1.62e4p-1f) - n * 0x1.7f7d1cp-20f;  // ln 2 in two parts; the first product is exact
    Float p = Float{} + 0x1.6a23cep-10f;
    p = p * r + 0x1.123a20p-7f;
    p = p * r + 0x1.5558f2p-5f;
    p = p * r + 0x1.555492p-3f;
    p = p * r + 0x1.fffffcp-2f;
    p = p * (r * r) + r + 1.0f;
    const Float power = (Float)(((Int)shifted << 23) + 0x3f800000);
    return x < kExpLow ? Float{} : p * power;
  }

  // w as SampleScan::masses counts it.
  static Float weight(Float logit, float max, float inv_temperature, float min_weight) {
    const Float w = exp((logit - max) * inv_temperature);
    return w < min_weight ? Float{} : w;
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

  // Lane l of 16 sums elements l, l + 16, ... in fp64; then lanes 0 + 8, + 4, + 2, + 1.
  static double masses(const float* logits, int n, float max, float inv_temperature, float min_weight, double* span_mass) {
    double all = 0;
    for (int begin = 0; begin < n; begin += kSpan) {
      const int len = n - begin < kSpan ? n - begin : kSpan;
      Double sum[2 * kVectors] = {};
      for (int i = 0; i < len; i += 16) {
        const float* p = logits + begin + i;
        float rest[16];
        if (len - i < 16) {
          for (int l = 0; l < 16; l++) rest[l] = l < len - i ? p[l] : -__builtin_inff();
          p = rest;
        }
        for (int j = 0; j < kVectors; j++) {
          const Float w = weight(load(p + j * kWidth), max, inv_temperature, min_weight);
          Half part[2];
          std::memcpy(part, &w, sizeof w);
          sum[2 * j] += __builtin_convertvector(part[0], Double);
          sum[2 * j + 1] += __builtin_convertvector(part[1], Double);
        }
      }
      double lane[16];
      std::memcpy(lane, sum, sizeof lane);
      for (int width = 8; width > 0; width /= 2)
        for (int l = 0; l < width; l++) lane[l] += lane[l + width];
      span_mass[begin / kSpan] = lane[0];
      all += lane[0];
    }
    return all;
  }
};

}  // namespace tern::cpu
