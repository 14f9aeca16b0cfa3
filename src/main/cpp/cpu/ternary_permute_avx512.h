// vpermb: byte i is table's byte x[i] & 63; with a mask, where k is set, and d's byte elsewhere.
// With TERN_ON_BW it is made of AVX-512BW, so that a test can run the kernel on it where the processor has no VBMI.
#pragma once

#include <immintrin.h>

namespace tern::cpu {
namespace {

inline __m512i permute(__m512i d, __mmask64 k, __m512i x, __m512i table) {
#ifdef TERN_ON_BW
  alignas(64) unsigned char bytes[64];
  _mm512_store_si512(bytes, table);
  const __m512i low = _mm512_and_si512(x, _mm512_set1_epi8(0x0f)), quarter = _mm512_and_si512(x, _mm512_set1_epi8(0x30));
  for (int i = 0; i < 4; i++) {
    const __m512i part = _mm512_broadcast_i32x4(_mm_load_si128(reinterpret_cast<const __m128i*>(bytes + 16 * i)));
    d = _mm512_mask_shuffle_epi8(d, _mm512_mask_cmpeq_epi8_mask(k, quarter, _mm512_set1_epi8(char(16 * i))), part, low);
  }
  return d;
#else
  return _mm512_mask_permutexvar_epi8(d, k, x, table);
#endif
}

inline __m512i permute(__m512i x, __m512i table) {
#ifdef TERN_ON_BW
  return permute(x, ~__mmask64(0), x, table);
#else
  return _mm512_permutexvar_epi8(x, table);
#endif
}

}  // namespace
}  // namespace tern::cpu
