// Ternary sums by vpdpbusd: codes are its unsigned bytes, the activations its signed ones; sum w q = sum code q - kOffset sum q.
// avx512_vnni reads the planes layout, avx512_vnni3 base3. One row takes no code out of its place:
//   planes: masked but not shifted, plane p counts 4^p fold; four accumulators, shifted when they are added up.
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

template <>
struct Alone<Planes> {
  static constexpr int kFoldSteps = kInPlaceSteps;
  __m512i of[2][4] = {};

  template <class Piece>
  void add(Piece piece, int n, const int8_t* q) {
    const __m512i mask[4] = {_mm512_set1_epi8(0x03), _mm512_set1_epi8(0x0c), _mm512_set1_epi8(0x30), _mm512_set1_epi8(char(0xc0))};
    Alone sum = *this;  // in registers
    for (int s = 0; s < n; s++, piece.step(), q += Planes::kStep) {
      piece.ask();
      const __m512i x[2] = {_mm512_load_si512(piece.packed), _mm512_load_si512(piece.packed + 64)};
#pragma GCC unroll 4
      for (int k = 0; k < 4; k++) {
        const __m512i qk = four(q + 4 * k);
        add_dot4(sum.of[0][k], _mm512_and_si512(x[0], mask[k]), qk);
        add_dot4(sum.of[1][k], _mm512_and_si512(x[1], mask[k]), qk);
      }
    }
    *this = sum;
  }

  void fold(__m512i* sums) {
    for (int v = 0; v < 2; v++) sums[v] = _mm512_add_epi32(sums[v], in_place_sum(of[v][0], of[v][1], of[v][2], of[v][3]));
    *this = {};
  }
};

inline __m512i thrice(__m512i x) { return _mm512_add_epi32(_mm512_add_epi32(x, x), x); }

template <>
struct Alone<Base3> {
  // 256 |sum t q| grows by at most 256 * 20 * 2 * 128 a step: 1638 steps stay below 2^31. The two sums it is the difference of may
  // wrap around, modulo 2^32 as it is itself.
  static constexpr int kFoldSteps = 1024;
  // Even and odd digits have accumulators of their own: eight chains of additions hide the latency of vpdpbusd.
  __m512i before[2][2] = {}, after[2][2] = {};

  template <class Piece>
  void add(Piece piece, int n, const int8_t* q) {
    Alone sum = *this;  // in registers
    for (int s = 0; s < n; s++, piece.step(), q += Base3::kStep) {
      piece.ask();
      __m512i b[2] = {_mm512_load_si512(piece.packed), _mm512_load_si512(piece.packed + 64)};
#pragma GCC unroll 5
      for (int k = 0; k < Base3::kDigits; k++) {
        const __m512i qk = four(q + 4 * k);
#pragma GCC unroll 2
        for (int v = 0; v < 2; v++) {
          add_dot4(sum.before[v][k % 2], b[v], qk);
          b[v] = Codes<Base3>::next(b[v]);
          add_dot4(sum.after[v][k % 2], b[v], qk);
        }
      }
    }
    *this = sum;
  }

  void fold(__m512i* sums) {
    for (int v = 0; v < 2; v++) {
      const __m512i difference = _mm512_sub_epi32(thrice(_mm512_add_epi32(before[v][0], before[v][1])), _mm512_add_epi32(after[v][0], after[v][1]));
      sums[v] = _mm512_add_epi32(sums[v], _mm512_srai_epi32(difference, 8));
    }
    *this = {};
  }
};

}  // namespace

const TernaryKernel kTernaryVnniAvx512 = Tile<Planes>::kernel("avx512_vnni", Isa::avx512, sums<Planes>, kStreams);
const TernaryKernel kTernaryVnni3Avx512 = Tile<Base3>::kernel("avx512_vnni3", Isa::avx512, sums<Base3>, kStreams);

}  // namespace tern::cpu
