// Ternary sums by vpdpbusd: codes are its unsigned bytes, the activations its signed ones; sum w q = sum code q - kOffset sum q.
// avx512_vnni reads the planes layout, avx512_vnni3 base3. One row takes no code out of its place:
//   planes: masked but not shifted, plane p counts 4^p fold; four accumulators, shifted once at the end.
//   base3: 256 t_k = 3 b_k - b_(k+1), so that 256 sum t_k q_k = 3 sum b_k q_k - sum b_(k+1) q_k: two accumulators.
// Several rows: ternary_dot_tile_avx512.h.
#include <immintrin.h>

#include "cpu/in_order.h"
#include "cpu/ternary_codes_avx512.h"
#include "cpu/ternary_kernel.h"
#include "cpu/ternary_tile.h"

#if !defined(TERN_ON_BW) && !defined(__clang__)  // cmake/Simd.cmake tells clang
#pragma GCC target("avx512vnni")
#endif
#include "cpu/ternary_dot_tile_avx512.h"

namespace tern::cpu {
namespace {

// One activation row times a tile. q: [16 n_steps]
void tile_sums_alone(Planes, const uint8_t* packed, int n_steps, const int8_t* q, int32_t sum, int32_t* out) {
  const __m512i mask0 = _mm512_set1_epi8(0x03), mask1 = _mm512_set1_epi8(0x0c), mask2 = _mm512_set1_epi8(0x30),
                mask3 = _mm512_set1_epi8(char(0xc0));
  __m512i total0 = _mm512_set1_epi32(-sum), total1 = total0;
  Kept kept(q, n_steps * Planes::kStep);
  for (int begin = 0; begin < n_steps; begin += kInPlaceSteps) {
    const int end = begin + kInPlaceSteps < n_steps ? begin + kInPlaceSteps : n_steps;
    __m512i a0 = _mm512_setzero_si512(), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    for (int s = begin; s < end; s++, packed += kStepBytes, q += Planes::kStep) {
      prefetch(packed);
      kept.touch();
      const __m512i a = _mm512_load_si512(packed), b = _mm512_load_si512(packed + 64);
      const __m512i q0 = four(q), q1 = four(q + 4), q2 = four(q + 8), q3 = four(q + 12);
      add_dot4(a0, _mm512_and_si512(a, mask0), q0);
      add_dot4(b0, _mm512_and_si512(b, mask0), q0);
      add_dot4(a1, _mm512_and_si512(a, mask1), q1);
      add_dot4(b1, _mm512_and_si512(b, mask1), q1);
      add_dot4(a2, _mm512_and_si512(a, mask2), q2);
      add_dot4(b2, _mm512_and_si512(b, mask2), q2);
      add_dot4(a3, _mm512_and_si512(a, mask3), q3);
      add_dot4(b3, _mm512_and_si512(b, mask3), q3);
    }
    total0 = _mm512_add_epi32(total0, in_place_sum(a0, a1, a2, a3));
    total1 = _mm512_add_epi32(total1, in_place_sum(b0, b1, b2, b3));
  }
  _mm512_storeu_si512(out, total0);
  _mm512_storeu_si512(out + 16, total1);
}

// 256 |sum t q| grows by at most 256 * 20 * 2 * 128 a step: 1638 steps stay below 2^31. The two sums it is the difference of may
// wrap around, modulo 2^32 as it is itself.
constexpr int kBase3AloneSteps = 1024;

inline __m512i thrice(__m512i x) { return _mm512_add_epi32(_mm512_add_epi32(x, x), x); }

// One activation row times a tile. q: [20 n_steps]
void tile_sums_alone(Base3, const uint8_t* packed, int n_steps, const int8_t* q, int32_t sum, int32_t* out) {
  __m512i total[2] = {_mm512_set1_epi32(-sum), _mm512_set1_epi32(-sum)};
  Kept kept(q, n_steps * Base3::kStep);
  for (int begin = 0; begin < n_steps; begin += kBase3AloneSteps) {
    const int end = begin + kBase3AloneSteps < n_steps ? begin + kBase3AloneSteps : n_steps;
    // Even and odd digits have accumulators of their own: eight chains of additions hide the latency of vpdpbusd.
    __m512i before[2][2], after[2][2];
    for (int v = 0; v < 2; v++)
      for (int odd = 0; odd < 2; odd++) before[v][odd] = after[v][odd] = _mm512_setzero_si512();
    for (int s = begin; s < end; s++, packed += kStepBytes, q += Base3::kStep) {
      prefetch(packed);
      kept.touch();
      __m512i b[2] = {_mm512_load_si512(packed), _mm512_load_si512(packed + 64)};
#pragma GCC unroll 5
      for (int k = 0; k < Base3::kDigits; k++) {
        const __m512i qk = four(q + 4 * k);
#pragma GCC unroll 2
        for (int v = 0; v < 2; v++) {
          add_dot4(before[v][k % 2], b[v], qk);
          b[v] = Codes<Base3>::next(b[v]);
          add_dot4(after[v][k % 2], b[v], qk);
        }
      }
    }
    for (int v = 0; v < 2; v++) {
      const __m512i difference = _mm512_sub_epi32(thrice(_mm512_add_epi32(before[v][0], before[v][1])),
                                                  _mm512_add_epi32(after[v][0], after[v][1]));
      total[v] = _mm512_add_epi32(total[v], _mm512_srai_epi32(difference, 8));
    }
  }
  _mm512_storeu_si512(out, total[0]);
  _mm512_storeu_si512(out + 16, total[1]);
}

}  // namespace

const TernaryKernel kTernaryVnniAvx512 = Tile<Planes>::kernel("avx512_vnni", Isa::avx512, sums<Planes>);
const TernaryKernel kTernaryVnni3Avx512 = Tile<Base3>::kernel("avx512_vnni3", Isa::avx512, sums<Base3>);

}  // namespace tern::cpu
