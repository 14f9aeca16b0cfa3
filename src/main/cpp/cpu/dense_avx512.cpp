// Lanes of the dense tile (dense_tile.h) in one AVX-512 register.
#include <immintrin.h>

#include <cstring>

#include "cpu/dense_tile.h"

namespace tern::cpu {
namespace {

struct Lanes512 {
  using Vec = __m512;
  static constexpr int kGemvRows = 4;
  static constexpr int kGemmRows = 4;
  static constexpr int kGemmActs = 6;
  static constexpr int kAccumulators = 24;  // of 32 registers

  static Vec zero() { return _mm512_setzero_ps(); }
  static Vec load(const float* p) { return _mm512_loadu_ps(p); }
  static Vec load_part(const float* p, int n) { return _mm512_maskz_loadu_ps(mask(n), p); }
  static Vec load_half(const uint8_t* p) { return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
  static Vec load_half_part(const uint8_t* p, int n) { return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask(n), p)); }
  static Vec load_int8(const uint8_t* p) { return widen_int8(load_bytes(p)); }
  // Converts the scale with the six bytes behind it, which are cheaper to load than to leave.
  static Vec broadcast_half(const uint8_t* p) {
    return _mm512_broadcastss_ps(_mm_cvtph_ps(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
  }
  // The same with nothing behind it.
  static Vec broadcast_last_half(const uint8_t* p) {
    uint16_t bits;
    std::memcpy(&bits, p, sizeof bits);
    return _mm512_broadcastss_ps(_mm_cvtph_ps(_mm_cvtsi32_si128(bits)));
  }
  static Vec broadcast(float f) { return _mm512_set1_ps(f); }
  static Vec load_bf16(const uint8_t* p) { return widen_bf16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
  static Vec load_bf16_part(const uint8_t* p, int n) { return widen_bf16(_mm256_maskz_loadu_epi16(mask(n), p)); }
  // Four bits from bit shift of each of 16 bytes, minus 8.
  static Vec load_nibbles(const uint8_t* p, int shift) {
    const __m128i nibbles = _mm_and_si128(_mm_srli_epi16(load_bytes(p), shift), _mm_set1_epi8(15));
    return widen_int8(_mm_sub_epi8(nibbles, _mm_set1_epi8(8)));
  }
  // Four times two bits of each of 4 bytes, minus 1.
  static Vec load_two_bits(const uint8_t* p) {
    int32_t bits;
    std::memcpy(&bits, p, sizeof bits);
    const __m512i shifts = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i codes = _mm512_and_si512(_mm512_srlv_epi32(_mm512_set1_epi32(bits), shifts), _mm512_set1_epi32(3));
    return _mm512_cvtepi32_ps(_mm512_sub_epi32(codes, _mm512_set1_epi32(1)));
  }
  // Four bits from low_shift of each of 16 bytes, two bits from high_shift above them, minus 32.
  static Vec load_six_bits(const uint8_t* low, int low_shift, const uint8_t* high, int high_shift) {
    const __m128i l = _mm_and_si128(_mm_srli_epi16(load_bytes(low), low_shift), _mm_set1_epi8(15));
    const __m128i h = high_shift < 4 ? _mm_slli_epi16(load_bytes(high), 4 - high_shift) : _mm_srli_epi16(load_bytes(high), high_shift - 4);
    return widen_int8(_mm_sub_epi8(_mm_or_si128(l, _mm_and_si128(h, _mm_set1_epi8(48))), _mm_set1_epi8(32)));
  }
  static void store(float* p, Vec v) { _mm512_storeu_ps(p, v); }
  static Vec add(Vec a, Vec b) { return _mm512_add_ps(a, b); }
  static Vec mul(Vec a, Vec b) { return _mm512_mul_ps(a, b); }
  static Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
  static __m128 fold(Vec v) {
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    return _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  }

 private:
  static __m128i load_bytes(const uint8_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
  static Vec widen_int8(__m128i v) { return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(v)); }
  static Vec widen_bf16(__m256i v) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(v), 16)); }
  static __mmask16 mask(int n) { return static_cast<__mmask16>((1u << n) - 1); }
};

}  // namespace

void dense_rows_avx512(const DenseRows& d) { dense_rows_of_any<Lanes512>(d); }

void widen_row_avx512(int32_t type, const uint8_t* row, int n_cols, float* out) { widen_row<Lanes512>(type, row, n_cols, out); }

}  // namespace tern::cpu
