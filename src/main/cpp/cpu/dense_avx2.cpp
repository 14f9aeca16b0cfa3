// Lanes of the dense tile (dense_tile.h) in two AVX2 registers.
#include <immintrin.h>

#include <cstring>

#include "cpu/dense_tile.h"

namespace tern::cpu {
namespace {

struct Lanes256 {
  struct Vec {
    __m256 lo, hi;
  };
  static constexpr int kGemvRows = 2;
  static constexpr int kGemmRows = 2;
  static constexpr int kGemmActs = 3;
  static constexpr int kAccumulators = 6;  // 12 of 16 registers

  static Vec zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  static Vec load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  static Vec load_part(const float* p, int n) {
    alignas(32) float part[16] = {};
    std::memcpy(part, p, sizeof(float) * static_cast<size_t>(n));
    return load(part);
  }
  static Vec load_half(const uint8_t* p) {
    return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))),
            _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 16)))};
  }
  static Vec load_half_part(const uint8_t* p, int n) {
    alignas(32) uint8_t part[32] = {};
    std::memcpy(part, p, 2 * static_cast<size_t>(n));
    return load_half(part);
  }
  static Vec load_bf16(const uint8_t* p) { return {widen_bf16(load_bytes(p)), widen_bf16(load_bytes(p + 16))}; }
  static Vec load_bf16_part(const uint8_t* p, int n) {
    alignas(32) uint8_t part[32] = {};
    std::memcpy(part, p, 2 * static_cast<size_t>(n));
    return load_bf16(part);
  }
  static Vec load_int8(const uint8_t* p) { return widen_int8(load_bytes(p)); }
  // Four bits from bit shift of each of 16 bytes, minus 8.
  static Vec load_nibbles(const uint8_t* p, int shift) {
    const __m128i nibbles = _mm_and_si128(_mm_srli_epi16(load_bytes(p), shift), _mm_set1_epi8(15));
    return widen_int8(_mm_sub_epi8(nibbles, _mm_set1_epi8(8)));
  }
  // Four times two bits of each of 4 bytes, minus 1.
  static Vec load_two_bits(const uint8_t* p) {
    int32_t bits;
    std::memcpy(&bits, p, sizeof bits);
    const __m256i all = _mm256_set1_epi32(bits);
    return {two_bits(_mm256_srlv_epi32(all, _mm256_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14))),
            two_bits(_mm256_srlv_epi32(all, _mm256_setr_epi32(16, 18, 20, 22, 24, 26, 28, 30)))};
  }
  // Four bits from low_shift of each of 16 bytes, two bits from high_shift above them, minus 32.
  static Vec load_six_bits(const uint8_t* low, int low_shift, const uint8_t* high, int high_shift) {
    const __m128i l = _mm_and_si128(_mm_srli_epi16(load_bytes(low), low_shift), _mm_set1_epi8(15));
    const __m128i h = high_shift < 4 ? _mm_slli_epi16(load_bytes(high), 4 - high_shift) : _mm_srli_epi16(load_bytes(high), high_shift - 4);
    return widen_int8(_mm_sub_epi8(_mm_or_si128(l, _mm_and_si128(h, _mm_set1_epi8(48))), _mm_set1_epi8(32)));
  }
  static Vec broadcast_half(const uint8_t* p) {
    int16_t bits;
    std::memcpy(&bits, p, sizeof bits);
    const __m256 d = _mm256_cvtph_ps(_mm_set1_epi16(bits));
    return {d, d};
  }
  static Vec broadcast_last_half(const uint8_t* p) { return broadcast_half(p); }
  static Vec broadcast(float f) { return {_mm256_set1_ps(f), _mm256_set1_ps(f)}; }
  static void store(float* p, Vec v) {
    _mm256_storeu_ps(p, v.lo);
    _mm256_storeu_ps(p + 8, v.hi);
  }
  static Vec add(Vec a, Vec b) { return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)}; }
  static Vec mul(Vec a, Vec b) { return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)}; }
  static Vec fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)}; }
  static __m128 fold(Vec v) {
    const __m256 eight = _mm256_add_ps(v.lo, v.hi);
    return _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  }

 private:
  static __m128i load_bytes(const uint8_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
  static Vec widen_int8(__m128i v) {
    return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(v)), _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_unpackhi_epi64(v, v)))};
  }
  static __m256 widen_bf16(__m128i v) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(v), 16)); }
  static __m256 two_bits(__m256i v) {
    return _mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_and_si256(v, _mm256_set1_epi32(3)), _mm256_set1_epi32(1)));
  }
};

}  // namespace

void dense_rows_avx2(const DenseRows& d) { dense_rows_of_any<Lanes256>(d); }

void widen_row_avx2(int32_t type, const uint8_t* row, int n_cols, float* out) { widen_row<Lanes256>(type, row, n_cols, out); }

}  // namespace tern::cpu
