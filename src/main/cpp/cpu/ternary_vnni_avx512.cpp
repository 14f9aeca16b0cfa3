// Ternary sums by vpdpbusd: the codes w + 1 are its unsigned bytes, the activations its signed ones; sum w q = sum code q - sum q.
// One row: the planes are masked but not shifted, so plane p counts 4^p fold; four accumulators, shifted once at the end.
// Several rows: codes are unpacked once in registers and meet a tile of up to 8 activation rows.
#include <immintrin.h>

#include "cpu/ternary_kernel.h"
#include "cpu/ternary_planes.h"

#ifndef __clang__  // cmake/Simd.cmake tells clang
#pragma GCC target("avx512vnni")
#endif

namespace tern::cpu {
namespace {

constexpr int kAhead = 2048;  // bytes of software prefetch; none to 8 KiB were alike on Zen 4

// |plane 3| grows by at most 4 * (2 << 6) * 128 = 2^16 a step: 2^15 steps reach -2^31 and no further.
constexpr int kMaxSteps = 1 << 14;

inline __m512i four(const int8_t* q) {  // four activations in every lane
  int32_t bits;
  __builtin_memcpy(&bits, q, 4);
  return _mm512_set1_epi32(bits);
}

// One activation row times a tile. q: [16 n_steps]
void tile_sums(const uint8_t* packed, int n_steps, const int8_t* q, int32_t correction, int32_t* out) {
  const __m512i mask0 = _mm512_set1_epi8(0x03), mask1 = _mm512_set1_epi8(0x0c), mask2 = _mm512_set1_epi8(0x30),
                mask3 = _mm512_set1_epi8(char(0xc0));
  __m512i total0 = _mm512_set1_epi32(-correction), total1 = total0;
  for (int begin = 0; begin < n_steps; begin += kMaxSteps) {
    const int end = begin + kMaxSteps < n_steps ? begin + kMaxSteps : n_steps;
    __m512i a0 = _mm512_setzero_si512(), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    for (int s = begin; s < end; s++, packed += kPlanesStepBytes, q += kPlanesStep) {
      _mm_prefetch(reinterpret_cast<const char*>(packed + kAhead), _MM_HINT_T0);
      _mm_prefetch(reinterpret_cast<const char*>(packed + kAhead + 64), _MM_HINT_T0);
      const __m512i a = _mm512_load_si512(packed), b = _mm512_load_si512(packed + 64);
      const __m512i q0 = four(q), q1 = four(q + 4), q2 = four(q + 8), q3 = four(q + 12);
      a0 = _mm512_dpbusd_epi32(a0, _mm512_and_si512(a, mask0), q0);
      b0 = _mm512_dpbusd_epi32(b0, _mm512_and_si512(b, mask0), q0);
      a1 = _mm512_dpbusd_epi32(a1, _mm512_and_si512(a, mask1), q1);
      b1 = _mm512_dpbusd_epi32(b1, _mm512_and_si512(b, mask1), q1);
      a2 = _mm512_dpbusd_epi32(a2, _mm512_and_si512(a, mask2), q2);
      b2 = _mm512_dpbusd_epi32(b2, _mm512_and_si512(b, mask2), q2);
      a3 = _mm512_dpbusd_epi32(a3, _mm512_and_si512(a, mask3), q3);
      b3 = _mm512_dpbusd_epi32(b3, _mm512_and_si512(b, mask3), q3);
    }
    a0 = _mm512_add_epi32(_mm512_add_epi32(a0, _mm512_srai_epi32(a1, 2)),
                          _mm512_add_epi32(_mm512_srai_epi32(a2, 4), _mm512_srai_epi32(a3, 6)));
    b0 = _mm512_add_epi32(_mm512_add_epi32(b0, _mm512_srai_epi32(b1, 2)),
                          _mm512_add_epi32(_mm512_srai_epi32(b2, 4), _mm512_srai_epi32(b3, 6)));
    total0 = _mm512_add_epi32(total0, a0);
    total1 = _mm512_add_epi32(total1, b0);
  }
  _mm512_storeu_si512(out, total0);
  _mm512_storeu_si512(out + 16, total1);
}

// N activation rows times a tile. q: [n_steps, 8, 16], as prepare made it; out: [N, out_stride]
template <int N>
void tile_sums(const uint8_t* packed, int n_steps, const int8_t* q, const int32_t* correction, int32_t* out, int out_stride) {
  const __m512i mask = _mm512_set1_epi8(0x03);
  __m512i acc0[N], acc1[N];
#pragma GCC unroll 8
  for (int t = 0; t < N; t++) acc0[t] = acc1[t] = _mm512_set1_epi32(-correction[t]);
  for (int s = 0; s < n_steps; s++, packed += kPlanesStepBytes, q += kPlanesActs * kPlanesStep) {
    _mm_prefetch(reinterpret_cast<const char*>(packed + kAhead), _MM_HINT_T0);
    _mm_prefetch(reinterpret_cast<const char*>(packed + kAhead + 64), _MM_HINT_T0);
    __m512i a = _mm512_load_si512(packed), b = _mm512_load_si512(packed + 64);
#pragma GCC unroll 4
    for (int p = 0; p < 4; p++) {
      const __m512i code0 = _mm512_and_si512(a, mask), code1 = _mm512_and_si512(b, mask);
#pragma GCC unroll 8
      for (int t = 0; t < N; t++) {
        const __m512i qt = four(q + t * kPlanesStep + 4 * p);
        acc0[t] = _mm512_dpbusd_epi32(acc0[t], code0, qt);
        acc1[t] = _mm512_dpbusd_epi32(acc1[t], code1, qt);
      }
      if (p < 3) a = _mm512_srli_epi16(a, 2), b = _mm512_srli_epi16(b, 2);
    }
  }
#pragma GCC unroll 8
  for (int t = 0; t < N; t++) {
    _mm512_storeu_si512(out + t * out_stride, acc0[t]);
    _mm512_storeu_si512(out + t * out_stride + 16, acc1[t]);
  }
}

void sums(const uint8_t* tiles, int n_tiles, int n_cols, const TernaryActs& a, int32_t* out) {
  const int n_steps = planes_steps(n_cols);
  const int stride = n_tiles * kPlanesRows;
  const int8_t* q = a.n_act_rows == 1 ? nullptr : planes_group(a, n_cols);
  const int32_t* sum = a.rows.sum + a.first;
  for (int i = 0; i < n_tiles; i++, tiles += planes_tile_bytes(n_cols), out += kPlanesRows) {
    if (a.n_act_rows == 1) {
      tile_sums(tiles, n_steps, a.q(0), a.sum(0), out);
      continue;
    }
    switch (a.n) {
      case 1: tile_sums<1>(tiles, n_steps, q, sum, out, stride); break;
      case 2: tile_sums<2>(tiles, n_steps, q, sum, out, stride); break;
      case 3: tile_sums<3>(tiles, n_steps, q, sum, out, stride); break;
      case 4: tile_sums<4>(tiles, n_steps, q, sum, out, stride); break;
      case 5: tile_sums<5>(tiles, n_steps, q, sum, out, stride); break;
      case 6: tile_sums<6>(tiles, n_steps, q, sum, out, stride); break;
      case 7: tile_sums<7>(tiles, n_steps, q, sum, out, stride); break;
      default: tile_sums<8>(tiles, n_steps, q, sum, out, stride); break;
    }
  }
}

}  // namespace

const TernaryKernel kTernaryVnniAvx512 = {"avx512_vnni", Isa::avx512, kPlanesRows, 1, 1, kPlanesActs, planes_tile_bytes,
                                          planes_pack_row, planes_scratch_bytes, planes_groups, planes_prepare, sums};

}  // namespace tern::cpu
