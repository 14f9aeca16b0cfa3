// Ternary sums by vpdpbusd, digits of five in a byte found by vpermb: avx512_vbmi3 reads the permuted3 layout (ternary_tile.h).
// Three tables are all that decodes a byte x: digit 0 by its lower six bits; digits 2 to 4 as two bits each, which under x < 0xc0 are those of
// the same six bits, digit 1 being the upper two; or all four of those at once, if x >= 0xc0.
// One row: 13 instructions for 320 weights, of which 5 are products. Several rows: ternary_dot_tile_avx512.h.
#include <immintrin.h>

#include "cpu/in_order.h"
#include "cpu/ternary_codes_avx512.h"
#include "cpu/ternary_kernel.h"
#include "cpu/ternary_tile.h"

#if !defined(TERN_ON_BW) && !defined(__clang__)  // cmake/Simd.cmake tells clang
#pragma GCC target("avx512vnni,avx512vbmi")
#endif
#include "cpu/ternary_dot_tile_avx512.h"
#include "cpu/ternary_permute_avx512.h"

namespace tern::cpu {
namespace {

// By the lower six bits of a byte.
struct PermutedTables {
  alignas(64) uint8_t digit0[64] = {};  // at bits 6 and 7, as are the others in the end: shifts to the left are additions
  alignas(64) uint8_t below[64] = {};   // of bytes below 0xc0: digit k of 2 to 4 at bits 8 - 2 k and 9 - 2 k; the upper two bits are set
  alignas(64) uint8_t above[64] = {};   // of the others: digits 1 to 4 likewise
};

constexpr PermutedTables permuted_tables() {
  PermutedTables t;
  Permuted3::each([&](int, int d0, int d1, int d2, int d3, int d4) {
    const int x = Permuted3::byte(d0, d1, d2, d3, d4), last = d2 << 4 | d3 << 2 | d4;
    t.digit0[x & 63] = uint8_t(d0 << 6);
    if (x < 0xc0) t.below[x & 63] = uint8_t(last | 0xc0);
    else t.above[x & 63] = uint8_t(last | d1 << 6);
  });
  return t;
}

constexpr PermutedTables kPermuted = permuted_tables();

inline __m512i upper_bits() { return _mm512_set1_epi8(char(0xc0)); }

inline __m512i digit0(__m512i x) { return permute(x, _mm512_load_si512(kPermuted.digit0)); }

// Digits 4 to 2 as two bits each from the lowest on; and-ed with x the upper two are digit 1.
inline __m512i digits1234(__m512i x) {
  const __m512i d = permute(x, _mm512_load_si512(kPermuted.below));
  return permute(d, _mm512_cmpge_epu8_mask(x, upper_bits()), x, _mm512_load_si512(kPermuted.above));
}

template <>
struct Codes<Permuted3> {
  static constexpr int kOffset = 1, kMost = 2, kShift = 6;
  static __m512i place(__m512i x, int k) {
    return k == 0 ? digit0(x) : k < 4 ? _mm512_and_si512(x, upper_bits()) : x;  // zeros came in below digit 4
  }
  static __m512i next(__m512i x, int k) {
    if (k == 0) return _mm512_ternarylogic_epi64(digits1234(x), x, upper_bits(), 0xd0);  // d & (x | ~upper)
    const __m512i twice = _mm512_add_epi8(x, x);  // more ports add than shift
    return _mm512_add_epi8(twice, twice);
  }
};

template <>
struct Alone<Permuted3> {
  // Digits 0 and 1 are both 64 fold and share sums, which grow by at most 2^17 a step: fewer to put away between pieces.
  static constexpr int kFoldSteps = kInPlaceSteps / 2;
  __m512i of[2][4] = {};  // by digits: 0 and 1, 2, 3, 4

  template <class Piece>
  void add(Piece piece, int n, const int8_t* q) {
    const __m512i mask4 = _mm512_set1_epi8(0x03), mask3 = _mm512_set1_epi8(0x0c), mask2 = _mm512_set1_epi8(0x30);
    Alone sum = *this;  // in registers
    for (int s = 0; s < n; s++, piece.step(), q += Permuted3::kStep) {
      piece.ask();
      const __m512i q0 = four(q), q1 = four(q + 4), q2 = four(q + 8), q3 = four(q + 12), q4 = four(q + 16);
#pragma GCC unroll 2
      for (int v = 0; v < 2; v++) {
        const __m512i x = _mm512_load_si512(piece.packed + 64 * v), d = digits1234(x);
        add_dot4(sum.of[v][0], digit0(x), q0);
        add_dot4(sum.of[v][0], _mm512_ternarylogic_epi64(d, x, upper_bits(), 0x80), q1);  // d & x & upper
        add_dot4(sum.of[v][1], _mm512_and_si512(d, mask2), q2);
        add_dot4(sum.of[v][2], _mm512_and_si512(d, mask3), q3);
        add_dot4(sum.of[v][3], _mm512_and_si512(d, mask4), q4);
      }
    }
    *this = sum;
  }

  void fold(__m512i* sums) {
    for (int v = 0; v < 2; v++) sums[v] = _mm512_add_epi32(sums[v], in_place_sum(of[v][3], of[v][2], of[v][1], of[v][0]));
    *this = {};
  }
};

}  // namespace

const TernaryKernel kTernaryVbmi3Avx512 = Tile<Permuted3>::kernel("avx512_vbmi3", Isa::avx512, sums<Permuted3>, kStreams);

}  // namespace tern::cpu
