// The dense matmul's inner tile, written once for the ISA tiers. Each tier names its lanes: a vector L::Vec of 16 floats with loads
// of the three weight types, add, mul, fma, and the first two folds of the final sum (order of the sum: dense.h).
//
// A tile is kRows weight rows times kActs activation rows, each product with two accumulators of its own: the first and the second
// 16 of every 32 columns. More rows only hide latency and save loads. Included by files of different instruction sets: nothing
// here may be shared between them, hence templates over types that each file keeps to itself.
#pragma once

#include <emmintrin.h>

#include <cstdint>

#include "tern.h"

namespace tern::cpu {

struct DenseRows {
  int32_t type;
  const uint8_t* w;  // [n_rows, row_bytes]
  int64_t row_bytes;
  int n_rows;
  int n_cols;
  const float* x;  // [n_acts, n_cols], rows x_stride apart
  int64_t x_stride;
  int n_acts;
  float* out;  // [n_acts, n_rows], rows out_stride apart
  int64_t out_stride;
  bool accumulate;
  bool stream;  // the weights come from memory, not from a cache
};

void dense_rows_scalar(const DenseRows& d);
void dense_rows_avx2(const DenseRows& d);
void dense_rows_avx512(const DenseRows& d);

// One row of n_cols as floats.
void widen_row_scalar(int32_t type, const uint8_t* row, int n_cols, float* out);
void widen_row_avx2(int32_t type, const uint8_t* row, int n_cols, float* out);
void widen_row_avx512(int32_t type, const uint8_t* row, int n_cols, float* out);

constexpr int kQ8Block = 32;
constexpr int kQ8BlockBytes = 34;  // fp16 scale, 32 int8

// Bytes of 32 columns.
template <int kType>
constexpr int kBytes32 = kType == TERN_TYPE_F32 ? 128 : kType == TERN_TYPE_F16 ? 64 : kQ8BlockBytes;

// Columns [16 half, 16 half + 16) of the 32 at p. int8 times fp16 fits a float: the product is exact.
template <class L, int kType>
inline typename L::Vec load16(const uint8_t* p, int half) {
  if constexpr (kType == TERN_TYPE_F32)
    return L::load(reinterpret_cast<const float*>(p) + 16 * half);
  else if constexpr (kType == TERN_TYPE_F16)
    return L::load_half(p + 32 * half);
  else
    return L::mul(L::load_int8(p + 2 + 16 * half), L::broadcast_half(p));
}

// The first n <= 16 columns at p, then zeros. Q8_0 has no such rest.
template <class L, int kType>
inline typename L::Vec load_part(const uint8_t* p, int n) {
  if constexpr (kType == TERN_TYPE_F32)
    return L::load_part(reinterpret_cast<const float*>(p), n);
  else
    return L::load_half_part(p, n);
}

// Four rows' folded sums [4] each -> the four totals.
static inline __m128 total4(__m128 r0, __m128 r1, __m128 r2, __m128 r3) {
  _MM_TRANSPOSE4_PS(r0, r1, r2, r3);
  return _mm_add_ps(_mm_add_ps(r0, r1), _mm_add_ps(r2, r3));
}

// Adds the tile's columns to acc[row][act][half], for halves [kFrom, kTo) of every 32 columns.
// kPrefetch: the tile walks kRows streams, which the hardware prefetcher follows badly, so the next tile's bytes are asked for as
// one linear stream. (Zen 4, one core, Q8_0 head, four rows: 9.6 GB/s without, 20 with; each row its own distance ahead: 10.)
// kTail: n_cols is no multiple of 32; a branch instead would keep the accumulators out of registers.
template <class L, int kType, bool kTail, int kRows, int kActs, int kFrom, int kTo, bool kPrefetch>
inline void dense_halves(const DenseRows& d, const uint8_t* w, const float* x, typename L::Vec (&acc)[kRows][kActs][2]) {
  using Vec = typename L::Vec;
  constexpr int kStep = kBytes32<kType>;
  const uint8_t* ahead = w + kRows * d.row_bytes;
  const int n32 = d.n_cols / 32;
  for (int k = 0; k < n32; k++, w += kStep, x += 32) {
    if constexpr (kPrefetch) {
      for (int j = 0; j < kRows * kStep; j += 64) __builtin_prefetch(ahead + j);
      ahead += kRows * kStep;
    }
    for (int half = kFrom; half < kTo; half++) {
      Vec xv[kActs];
      for (int a = 0; a < kActs; a++) xv[a] = L::load(x + a * d.x_stride + 16 * half);
      for (int r = 0; r < kRows; r++) {
        const Vec wv = load16<L, kType>(w + r * d.row_bytes, half);
        for (int a = 0; a < kActs; a++) acc[r][a][half] = L::fma(wv, xv[a], acc[r][a][half]);
      }
    }
  }
  if constexpr (kTail) {
    for (int half = kFrom; half < kTo; half++) {
      const int left = d.n_cols % 32 - 16 * half;
      if (left <= 0) continue;
      const int n = left < 16 ? left : 16;
      for (int r = 0; r < kRows; r++) {
        const Vec wv = load_part<L, kType>(w + r * d.row_bytes + half * (kStep / 2), n);
        for (int a = 0; a < kActs; a++)
          acc[r][a][half] = L::fma(wv, L::load_part(x + a * d.x_stride + 16 * half, n), acc[r][a][half]);
      }
    }
  }
}

template <class L, int kType, bool kTail, int kRows, int kActs>
void dense_tile(const DenseRows& d, int row, int act) {
  static_assert(kRows <= 4, "total4 takes four rows");
  const uint8_t* w = d.w + row * d.row_bytes;
  const float* x = d.x + act * d.x_stride;
  typename L::Vec acc[kRows][kActs][2];
  for (int r = 0; r < kRows; r++)
    for (int a = 0; a < kActs; a++) acc[r][a][0] = acc[r][a][1] = L::zero();

  constexpr bool kPrefetch = kRows > 1;
  if constexpr (2 * kRows * kActs <= L::kAccumulators) {
    dense_halves<L, kType, kTail, kRows, kActs, 0, 2, kPrefetch>(d, w, x, acc);
  } else {  // one half after the other: twice the rows fit the registers
    dense_halves<L, kType, kTail, kRows, kActs, 0, 1, kPrefetch>(d, w, x, acc);
    dense_halves<L, kType, kTail, kRows, kActs, 1, 2, false>(d, w, x, acc);
  }

  for (int a = 0; a < kActs; a++) {
    float* out = d.out + (act + a) * d.out_stride + row;
    __m128 folded[4];
    for (int r = 0; r < 4; r++)
      folded[r] = r < kRows ? L::fold(L::add(acc[r < kRows ? r : 0][a][0], acc[r < kRows ? r : 0][a][1])) : _mm_setzero_ps();
    const __m128 total = total4(folded[0], folded[1], folded[2], folded[3]);
    if constexpr (kRows == 4) {
      _mm_storeu_ps(out, d.accumulate ? _mm_add_ps(_mm_loadu_ps(out), total) : total);
    } else {
      alignas(16) float one[4];
      _mm_store_ps(one, total);
      for (int r = 0; r < kRows; r++) out[r] = d.accumulate ? out[r] + one[r] : one[r];
    }
  }
}

template <class L, int kType, bool kTail, int kRows, int kActs>
void dense_tiles(const DenseRows& d, int act) {
  int row = 0;
  for (; row + kRows <= d.n_rows; row += kRows) dense_tile<L, kType, kTail, kRows, kActs>(d, row, act);
  for (; row < d.n_rows; row++) dense_tile<L, kType, kTail, 1, kActs>(d, row, act);
}

// The last activation rows, fewer than a whole tile.
template <class L, int kType, bool kTail, int kActs>
void dense_rest(const DenseRows& d, int act) {
  if constexpr (kActs > 0) {
    if (d.n_acts - act == kActs)
      dense_tiles<L, kType, kTail, L::kGemmRows, kActs>(d, act);
    else
      dense_rest<L, kType, kTail, kActs - 1>(d, act);
  }
}

template <class L, int kType, bool kTail>
void dense_rows_of(const DenseRows& d) {
  if (d.n_acts == 1) {
    if (d.stream)
      dense_tiles<L, kType, kTail, 1, 1>(d, 0);
    else
      dense_tiles<L, kType, kTail, L::kGemvRows, 1>(d, 0);
    return;
  }
  int act = 0;
  for (; act + L::kGemmActs <= d.n_acts; act += L::kGemmActs) dense_tiles<L, kType, kTail, L::kGemmRows, L::kGemmActs>(d, act);
  dense_rest<L, kType, kTail, L::kGemmActs - 1>(d, act);
}

template <class L>
void dense_rows(const DenseRows& d) {
  const bool tail = d.n_cols % 32 != 0;
  if (d.type == TERN_TYPE_Q8_0)
    dense_rows_of<L, TERN_TYPE_Q8_0, false>(d);
  else if (d.type == TERN_TYPE_F16)
    tail ? dense_rows_of<L, TERN_TYPE_F16, true>(d) : dense_rows_of<L, TERN_TYPE_F16, false>(d);
  else
    tail ? dense_rows_of<L, TERN_TYPE_F32, true>(d) : dense_rows_of<L, TERN_TYPE_F32, false>(d);
}

template <class L, int kType>
void widen_row_of(const uint8_t* row, int n_cols, float* out) {
  int k = 0;
  for (; k + 32 <= n_cols; k += 32, row += kBytes32<kType>)
    for (int half = 0; half < 2; half++) L::store(out + k + 16 * half, load16<L, kType>(row, half));
  if constexpr (kType != TERN_TYPE_Q8_0) {
    for (; k < n_cols; k += 16, row += kBytes32<kType> / 2) {
      const int n = n_cols - k < 16 ? n_cols - k : 16;
      alignas(64) float part[16];
      L::store(part, load_part<L, kType>(row, n));
      for (int i = 0; i < n; i++) out[k + i] = part[i];
    }
  }
}

template <class L>
void widen_row(int32_t type, const uint8_t* row, int n_cols, float* out) {
  if (type == TERN_TYPE_F32)
    widen_row_of<L, TERN_TYPE_F32>(row, n_cols, out);
  else if (type == TERN_TYPE_F16)
    widen_row_of<L, TERN_TYPE_F16>(row, n_cols, out);
  else
    widen_row_of<L, TERN_TYPE_Q8_0>(row, n_cols, out);
}

}  // namespace tern::cpu
