// The codes of ternary_tile.h's layouts as unsigned bytes of 512 bits, for vpmaddubsw and vpdpbusd: sum w q = sum code q - kOffset sum q.
// place(x, k) is the code of the next digit, k, shifted left by kShift; next(x, k) is x without that digit. Only the layout of a file of its own,
// ternary_vnni_vbmi_avx512.cpp, asks which digit it is.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "cpu/ternary_tile.h"

namespace tern::cpu {
namespace {

template <class Layout>
struct Codes;

template <>
struct Codes<Planes> {
  static constexpr int kOffset = 1, kMost = 2, kShift = 0;
  static __m512i place(__m512i x, int = 0) { return _mm512_and_si512(x, _mm512_set1_epi8(0x03)); }
  static __m512i next(__m512i x, int = 0) { return _mm512_srli_epi16(x, 2); }  // what comes in from the byte above is masked
};

// vpavgb is (x + y + 1) >> 1: the two give (x + ((x + 254) >> 1) + 1) >> 1, about 3/4 x + 64, whose upper two bits are exactly
// floor(3 x / 256) + 1 for all 256 x. With 0 instead of 253 x = 85 and 170 would round up to the next digit.
template <>
struct Codes<Base3> {
  static constexpr int kOffset = 2, kMost = 3, kShift = 6;
  static __m512i place(__m512i x, int = 0) {
    const __m512i up = _mm512_avg_epu8(x, _mm512_avg_epu8(x, _mm512_set1_epi8(char(253))));
    return _mm512_and_si512(up, _mm512_set1_epi8(char(0xc0)));
  }
  static __m512i next(__m512i x, int = 0) { return _mm512_add_epi8(_mm512_add_epi8(x, x), x); }
};

inline __m512i four(const int8_t* q) {  // four activations in every lane
  int32_t bits;
  __builtin_memcpy(&bits, q, 4);
  return _mm512_set1_epi32(bits);
}

}  // namespace
}  // namespace tern::cpu
