// vpdpbusd: acc + the sum over the four bytes of a lane of u s, u unsigned and s signed, modulo 2^32.
// With TERN_ON_BW it is made of AVX-512BW, so that a test can run the kernels on it where the processor has no VNNI.
#pragma once

#include <immintrin.h>

namespace tern::cpu {
namespace {

inline __m512i dot4(__m512i acc, __m512i u, __m512i s) {
#ifdef TERN_ON_BW
  const __m512i even = _mm512_madd_epi16(_mm512_and_si512(u, _mm512_set1_epi16(0xff)), _mm512_srai_epi16(_mm512_slli_epi16(s, 8), 8));
  const __m512i odd = _mm512_madd_epi16(_mm512_srli_epi16(u, 8), _mm512_srai_epi16(s, 8));
  return _mm512_add_epi32(acc, _mm512_add_epi32(even, odd));
#else
  return _mm512_dpbusd_epi32(acc, u, s);
#endif
}

}  // namespace
}  // namespace tern::cpu
