// What the kernels of vpdpbusd have in common, whatever their layout. One activation row reads several tiles at once; how a layout adds is its
// own: Alone. Several: digits are taken out once in registers and meet a tile of up to 8 rows.
// For the files of those kernels, after their #pragma GCC target.
#pragma once

#include <immintrin.h>

#include "cpu/in_order.h"
#include "cpu/streams.h"
#include "cpu/ternary_codes_avx512.h"
#include "cpu/ternary_dot4_avx512.h"
#include "cpu/ternary_kernel.h"
#include "cpu/ternary_tile.h"

namespace tern::cpu {
namespace {

// Sums in order stay in their registers; gcc 12 would move half of them to others in every step.
inline void add_dot4(__m512i& acc, __m512i u, __m512i s) {
  acc = dot4(acc, u, s);
  in_order(acc);
}

// How far ahead weights are asked for: docs/ternary.md, "From memory".
constexpr int kFarBytes = 4096;     // into L2
constexpr int kNearBytes = 2048;    // into L1, for one activation row
constexpr int kLinearBytes = 6144;  // into L2, alone, for one activation row and one tile at once

// Weights that meet several rows, into L2 alone: in L1 they would take the place of activations sooner.
inline void prefetch(const uint8_t* packed) {
  _mm_prefetch(reinterpret_cast<const char*>(packed + kFarBytes), _MM_HINT_T1);
  _mm_prefetch(reinterpret_cast<const char*>(packed + kFarBytes + 64), _MM_HINT_T1);
}

// Where codes of two bits stay where they are in a byte, the upper two are counted 64 fold: their sum grows by at most
// 4 * (2 << 6) * 128 = 2^16 a step; 2^15 steps reach -2^31 and no further.
constexpr int kInPlaceSteps = 1 << 14;

inline __m512i in_place_sum(__m512i a0, __m512i a1, __m512i a2, __m512i a3) {  // a_p: 4^p fold
  return _mm512_add_epi32(_mm512_add_epi32(a0, _mm512_srai_epi32(a1, 2)),
                          _mm512_add_epi32(_mm512_srai_epi32(a2, 4), _mm512_srai_epi32(a3, 6)));
}

// Steps whose codes, kShift places too high, cannot leave int32. planes: more than a row has; base3: 4369; permuted3: 6553.
template <class Layout>
constexpr int kMaxSteps = int(0x7fffffff / ((Codes<Layout>::kMost << Codes<Layout>::kShift) * 128 * Layout::kStep));

// N activation rows times a tile. q: [n_steps, 8, kStep], as prepare made it; out: [N, stride]
template <class Layout, int N>
void tile_sums(const uint8_t* packed, int n_steps, const int8_t* q, const int32_t* sum, int32_t* out, int stride) {
  for (int t = 0; t < N; t++)
    for (int v = 0; v < 2; v++) _mm512_storeu_si512(out + t * stride + 16 * v, _mm512_set1_epi32(-Codes<Layout>::kOffset * sum[t]));
  for (int begin = 0; begin < n_steps; begin += kMaxSteps<Layout>) {
    const int end = n_steps - begin < kMaxSteps<Layout> ? n_steps : begin + kMaxSteps<Layout>;
    __m512i acc0[N], acc1[N];
#pragma GCC unroll 8
    for (int t = 0; t < N; t++) acc0[t] = acc1[t] = _mm512_setzero_si512();
    const auto add = [&](__m512i code0, __m512i code1, const int8_t* qk) {
#pragma GCC unroll 8
      for (int t = 0; t < N; t++) {
        const __m512i qt = four(qk + t * Layout::kStep);
        add_dot4(acc0[t], code0, qt);
        add_dot4(acc1[t], code1, qt);
      }
    };
    // What digits are taken out of is made a step before it is used: else products wait for it.
    __m512i a = _mm512_load_si512(packed), b = _mm512_load_si512(packed + 64);
    __m512i a0 = Codes<Layout>::place(a, 0), b0 = Codes<Layout>::place(b, 0), a1 = Codes<Layout>::next(a, 0), b1 = Codes<Layout>::next(b, 0);
    for (int s = begin; s < end; s++, q += kGroupActs * Layout::kStep) {
      prefetch(packed);
      packed += s < n_steps - 1 ? kStepBytes : 0;
      const __m512i following0 = _mm512_load_si512(packed), following1 = _mm512_load_si512(packed + 64);
      add(a0, b0, q);
      a = a1, b = b1;
      a1 = Codes<Layout>::next(following0, 0), b1 = Codes<Layout>::next(following1, 0);
      in_order(a1);
      in_order(b1);
#pragma GCC unroll 5
      for (int k = 1; k < Layout::kDigits; k++) {
        add(Codes<Layout>::place(a, k), Codes<Layout>::place(b, k), q + 4 * k);
        if (k < Layout::kDigits - 1) a = Codes<Layout>::next(a, k), b = Codes<Layout>::next(b, k);
      }
      a0 = Codes<Layout>::place(following0, 0), b0 = Codes<Layout>::place(following1, 0);
    }
#pragma GCC unroll 8
    for (int t = 0; t < N; t++) {
      int32_t* to = out + t * stride;
      const __m512i sum0 = _mm512_srai_epi32(acc0[t], Codes<Layout>::kShift), sum1 = _mm512_srai_epi32(acc1[t], Codes<Layout>::kShift);
      _mm512_storeu_si512(to, _mm512_add_epi32(_mm512_loadu_si512(to), sum0));
      _mm512_storeu_si512(to + 16, _mm512_add_epi32(_mm512_loadu_si512(to + 16), sum1));
    }
  }
}

// The accumulators of a tile and one activation row. add: of n steps of a piece; fold: adds up to sums [2], and begins anew. No more than
// kFoldSteps between folds.
template <class Layout>
struct Alone;

// Where a piece of a tile is, and what to ask for meanwhile.
struct Piece {  // of one of several tiles
  static constexpr int kSteps = 4;  // 512 bytes, read from a tile before the next one's turn
  const uint8_t *packed, *near, *far;

  Piece(const uint8_t* tiles, const Streams& streams, int tile, int64_t at)
      : packed(tiles + streams.at(tile, at)), near(tiles + streams.ahead(tile, at, kNearBytes)), far(tiles + streams.ahead(tile, at, kFarBytes)) {}
  void ask() const {
    _mm_prefetch(reinterpret_cast<const char*>(near), _MM_HINT_T0);
    _mm_prefetch(reinterpret_cast<const char*>(near + 64), _MM_HINT_T0);
    _mm_prefetch(reinterpret_cast<const char*>(far), _MM_HINT_T1);
    _mm_prefetch(reinterpret_cast<const char*>(far + 64), _MM_HINT_T1);
  }
  void step() { packed += kStepBytes, near += kStepBytes, far += kStepBytes; }
};

struct LinearPiece {  // of one tile, of which the rest follows
  static constexpr int kSteps = 1024;
  const uint8_t* packed;

  LinearPiece(const uint8_t* tiles, const Streams&, int, int64_t at) : packed(tiles + at) {}
  void ask() const {
    _mm_prefetch(reinterpret_cast<const char*>(packed + kLinearBytes), _MM_HINT_T1);
    _mm_prefetch(reinterpret_cast<const char*>(packed + kLinearBytes + 64), _MM_HINT_T1);
  }
  void step() { packed += kStepBytes; }
};

// One activation row times up to kStreams tiles. q: [n_steps, kStep]
template <class Layout, class Piece>
void sums_alone(const uint8_t* tiles, int n_tiles, int n_steps, const int8_t* q, int32_t sum, int32_t* out) {
  static_assert(Piece::kSteps <= Alone<Layout>::kFoldSteps);
  Alone<Layout> alone[kStreams];
  __m512i sums[kStreams][2];
  for (int t = 0; t < n_tiles; t++) sums[t][0] = sums[t][1] = _mm512_set1_epi32(-sum);
  const Streams streams(n_tiles, int64_t(n_steps) * kStepBytes);
  // A short piece comes first, so that one ends where its tile ends, and what is asked for goes on in the next tile without a gap.
  int n = (n_steps - 1) % Piece::kSteps + 1, unfolded = 0;
  for (int step = 0; step < n_steps; step += n, n = Piece::kSteps) {
    const int64_t at = int64_t(step) * kStepBytes;
    unfolded += n;
    const bool full = unfolded + Piece::kSteps > Alone<Layout>::kFoldSteps;
    for (int t = 0; t < n_tiles; t++) {
      alone[t].add(Piece(tiles, streams, t, at), n, q + step * Layout::kStep);
      if (full) alone[t].fold(sums[t]);
    }
    if (full) unfolded = 0;
  }
  for (int t = 0; t < n_tiles; t++) {
    alone[t].fold(sums[t]);
    for (int v = 0; v < 2; v++) _mm512_storeu_si512(out + t * kTileRows + 16 * v, sums[t][v]);
  }
}

template <class Layout>
void sums(const uint8_t* tiles, int n_tiles, int n_cols, const TernaryActs& a, int32_t* out) {
  const int n_steps = Tile<Layout>::steps(n_cols), stride = n_tiles * kTileRows;
  const int8_t* q = Tile<Layout>::acts(a, n_cols);
  const int32_t* sum = a.rows.sum + a.first;
  if (a.n_act_rows == 1 && n_tiles == 1) return sums_alone<Layout, LinearPiece>(tiles, n_tiles, n_steps, q, sum[0], out);
  if (a.n_act_rows == 1) return sums_alone<Layout, Piece>(tiles, n_tiles, n_steps, q, sum[0], out);
  for (int i = 0; i < n_tiles; i++, tiles += Tile<Layout>::bytes(n_cols), out += kTileRows)
    with_rows(a.n, [&](auto n) { tile_sums<Layout, n()>(tiles, n_steps, q, sum, out, stride); });
}

}  // namespace
}  // namespace tern::cpu
