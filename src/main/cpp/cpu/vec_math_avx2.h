// AVX2 + FMA + F16C tier of vec_math.h: sixteen lanes are two registers. Same results as AVX-512, bit for bit.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace tern::cpu {
namespace {

struct F {
  __m256 lo, hi;
};
constexpr int kUnits = 6;  // F (register pairs) for accumulators, of 8
constexpr int kMaxQ = 6;

inline F set1(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
inline F load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
inline __m256 load8(const uint16_t* p) { return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))); }
inline F load(const uint16_t* p) { return {load8(p), load8(p + 8)}; }
inline F load_half(const float* p) { return {_mm256_loadu_ps(p), _mm256_setzero_ps()}; }  // 8 elements, then zeros
inline F load_half(const uint16_t* p) { return {load8(p), _mm256_setzero_ps()}; }
inline void store(float* p, F x) {
  _mm256_storeu_ps(p, x.lo);
  _mm256_storeu_ps(p + 8, x.hi);
}
inline void store(uint16_t* p, F x) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(x.lo, _MM_FROUND_TO_NEAREST_INT));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p + 8), _mm256_cvtps_ph(x.hi, _MM_FROUND_TO_NEAREST_INT));
}

inline F add(F a, F b) { return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)}; }
inline F sub(F a, F b) { return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)}; }
inline F mul(F a, F b) { return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)}; }
inline F div(F a, F b) { return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)}; }
inline F madd(F a, F b, F c) {  // a b + c
  return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
inline F nmadd(F a, F b, F c) {  // c - a b
  return {_mm256_fnmadd_ps(a.lo, b.lo, c.lo), _mm256_fnmadd_ps(a.hi, b.hi, c.hi)};
}
inline F vmax(F a, F b) { return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)}; }  // a > b ? a : b
inline F vmin(F a, F b) { return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)}; }  // a < b ? a : b
inline F vabs(F a) {
  const __m256 sign = _mm256_set1_ps(-0.f);
  return {_mm256_andnot_ps(sign, a.lo), _mm256_andnot_ps(sign, a.hi)};
}

inline __m256 lanes8(uint32_t mask) {
  const __m256i bit = _mm256_set_epi32(128, 64, 32, 16, 8, 4, 2, 1);
  return _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(static_cast<int>(mask)), bit), bit));
}

// Lane i of a where bit i of mask is set, else of b.
inline F select(uint32_t mask, F a, F b) {
  return {_mm256_blendv_ps(b.lo, a.lo, lanes8(mask)), _mm256_blendv_ps(b.hi, a.hi, lanes8(mask >> 8))};
}

// Where x < 0, a, else b.
inline F select_negative(F x, F a, F b) {
  const __m256 zero = _mm256_setzero_ps();
  return {_mm256_blendv_ps(b.lo, a.lo, _mm256_cmp_ps(x.lo, zero, _CMP_LT_OQ)),
          _mm256_blendv_ps(b.hi, a.hi, _mm256_cmp_ps(x.hi, zero, _CMP_LT_OQ))};
}

// Maximum of values >= 0 by their bits: a NaN is larger than everything and stays.
inline __m256 max_bits8(__m256 a, __m256 b) {
  return _mm256_castsi256_ps(_mm256_max_epi32(_mm256_castps_si256(a), _mm256_castps_si256(b)));
}
inline F max_bits(F a, F b) { return {max_bits8(a.lo, b.lo), max_bits8(a.hi, b.hi)}; }

// p 2^n in two factors, so that n may reach below the smallest exponent and the product is rounded once.
inline __m256 scale2_8(__m256 p, __m256 n) {
  const __m256i bias = _mm256_set1_epi32(127);
  const __m256i i = _mm256_cvtps_epi32(n);
  const __m256i half = _mm256_srai_epi32(i, 1);
  const __m256i rest = _mm256_sub_epi32(i, half);
  p = _mm256_mul_ps(p, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, bias), 23)));
  return _mm256_mul_ps(p, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23)));
}
inline F scale2(F p, F n) { return {scale2_8(p.lo, n.lo), scale2_8(p.hi, n.hi)}; }

inline float hsum(F x) {
  const __m256 a = _mm256_add_ps(x.lo, x.hi);
  __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  b = _mm_add_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_add_ss(b, _mm_movehdup_ps(b)));
}

inline float hmax(F x) {
  const __m256 a = _mm256_max_ps(x.lo, x.hi);
  __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  b = _mm_max_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_max_ss(b, _mm_movehdup_ps(b)));
}

inline F swap_pairs(F x) { return {_mm256_permute_ps(x.lo, 0xb1), _mm256_permute_ps(x.hi, 0xb1)}; }  // x1 x0 x3 x2 ...
inline __m256 spread4(const float* p) {
  const __m128 x = _mm_loadu_ps(p);
  return _mm256_set_m128(_mm_unpackhi_ps(x, x), _mm_unpacklo_ps(x, x));
}
inline F spread(const float* p) { return {spread4(p), spread4(p + 4)}; }  // p0 p0 p1 p1 ... p7 p7

// Integral lanes within [-128, 127] as bytes.
inline void store_int8(int8_t* q, F x) {
  const __m256i lo = _mm256_cvtps_epi32(x.lo), hi = _mm256_cvtps_epi32(x.hi);
  const __m128i a = _mm_packs_epi32(_mm256_castsi256_si128(lo), _mm256_extracti128_si256(lo, 1));
  const __m128i b = _mm_packs_epi32(_mm256_castsi256_si128(hi), _mm256_extracti128_si256(hi, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(q), _mm_packs_epi16(a, b));
}

// Sixteen doubles, for sums whose rounding must not show.
struct D {
  __m256d v[4];
};
inline D zero_d() { return {{_mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd()}}; }
inline D widen(F x) {
  return {{_mm256_cvtps_pd(_mm256_castps256_ps128(x.lo)), _mm256_cvtps_pd(_mm256_extractf128_ps(x.lo, 1)),
           _mm256_cvtps_pd(_mm256_castps256_ps128(x.hi)), _mm256_cvtps_pd(_mm256_extractf128_ps(x.hi, 1))}};
}
inline F narrow(D x) {
  return {_mm256_set_m128(_mm256_cvtpd_ps(x.v[1]), _mm256_cvtpd_ps(x.v[0])),
          _mm256_set_m128(_mm256_cvtpd_ps(x.v[3]), _mm256_cvtpd_ps(x.v[2]))};
}
inline D add(D a, D b) {
  for (int i = 0; i < 4; i++) a.v[i] = _mm256_add_pd(a.v[i], b.v[i]);
  return a;
}
inline D mul(D a, D b) {
  for (int i = 0; i < 4; i++) a.v[i] = _mm256_mul_pd(a.v[i], b.v[i]);
  return a;
}
inline D mul(D a, double b) {
  for (int i = 0; i < 4; i++) a.v[i] = _mm256_mul_pd(a.v[i], _mm256_set1_pd(b));
  return a;
}
inline double hsum(D x) {
  const __m256d b = _mm256_add_pd(_mm256_add_pd(x.v[0], x.v[2]), _mm256_add_pd(x.v[1], x.v[3]));
  const __m128d c = _mm_add_pd(_mm256_castpd256_pd128(b), _mm256_extractf128_pd(b, 1));
  return _mm_cvtsd_f64(_mm_add_sd(c, _mm_unpackhi_pd(c, c)));
}

}  // namespace
}  // namespace tern::cpu
