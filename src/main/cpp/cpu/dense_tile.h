// The dense matmul's inner tile, written once for the ISA tiers. Each tier names its lanes: a vector L::Vec of 16 floats with loads
// of the weight types, add, mul, fma, and the first two folds of the final sum (order of the sum: dense.h).
//
// A tile is kRows weight rows times kActs activation rows, each product with two accumulators of its own: the first and the second
// 16 of every 32 columns. More rows only hide latency and save loads. Included by files of different instruction sets: nothing
// here may be shared between them, hence templates over types that each file keeps to itself.
#pragma once

#include <emmintrin.h>

#include <cstdint>

#include "cpu/isa.h"
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
  int stream_rows;  // weight rows read at once by one activation row: 1 or 2 from memory; 0: from a cache, as many as hide latency
};

void dense_rows_scalar(const DenseRows& d);
void dense_rows_avx2(const DenseRows& d);
void dense_rows_avx512(const DenseRows& d);
void dense_rows(Isa isa, const DenseRows& d);

// One row of n_cols as floats.
void widen_row_scalar(int32_t type, const uint8_t* row, int n_cols, float* out);
void widen_row_avx2(int32_t type, const uint8_t* row, int n_cols, float* out);
void widen_row_avx512(int32_t type, const uint8_t* row, int n_cols, float* out);

// How a row stands in memory: blocks of kUnits times 32 columns, kBytes each. kWhole: a row is whole blocks.
template <int kType>
struct DenseFormat;
template <>
struct DenseFormat<TERN_TYPE_F32> {
  static constexpr int kUnits = 1, kBytes = 128;
  static constexpr bool kWhole = false;
};
template <>
struct DenseFormat<TERN_TYPE_F16> {
  static constexpr int kUnits = 1, kBytes = 64;
  static constexpr bool kWhole = false;
};
template <>
struct DenseFormat<TERN_TYPE_BF16> : DenseFormat<TERN_TYPE_F16> {};
template <>
struct DenseFormat<TERN_TYPE_Q8_0> {  // fp16 scale, 32 int8
  static constexpr int kUnits = 1, kBytes = 34;
  static constexpr bool kWhole = true;
};
template <>
struct DenseFormat<TERN_TYPE_Q4_0> {  // fp16 scale, 16 bytes: columns m (low) and m + 16 (high), 8 too many
  static constexpr int kUnits = 1, kBytes = 18;
  static constexpr bool kWhole = true;
};
template <>
struct DenseFormat<TERN_TYPE_Q2_0> {  // fp16 scale, 16 bytes: four columns each, 1 too many
  static constexpr int kUnits = 2, kBytes = 18;
  static constexpr bool kWhole = true;
};
template <>
struct DenseFormat<TERN_TYPE_Q6_K> {  // ternary/decode.cpp: decode_q6
  static constexpr int kUnits = 8, kBytes = 210;
  static constexpr bool kWhole = true;
};

// What the 16 columns of a block share, as far as it is worth making once a block.
template <class L, int kType>
struct BlockScales {
  void load(const uint8_t*) {}
};
template <class L>
struct BlockScales<L, TERN_TYPE_Q6_K> {
  alignas(64) float scale[16];  // of 16 columns each; int8 times fp16 fits a float
  void load(const uint8_t* p) { L::store(scale, L::mul(L::load_int8(p + 192), L::broadcast_last_half(p + 208))); }
};

// Columns [32 unit + 16 half, ... + 16) of the block at p. The products of codes and fp16 scales fit a float; Q6_K's are rounded once.
template <class L, int kType>
inline __attribute__((always_inline)) typename L::Vec load16(const uint8_t* p, const BlockScales<L, kType>& scales, int unit, int half) {
  if constexpr (kType == TERN_TYPE_F32) {
    return L::load(reinterpret_cast<const float*>(p) + 16 * half);
  } else if constexpr (kType == TERN_TYPE_F16) {
    return L::load_half(p + 32 * half);
  } else if constexpr (kType == TERN_TYPE_BF16) {
    return L::load_bf16(p + 32 * half);
  } else if constexpr (kType == TERN_TYPE_Q8_0) {
    return L::mul(L::load_int8(p + 2 + 16 * half), L::broadcast_half(p));
  } else if constexpr (kType == TERN_TYPE_Q4_0) {
    return L::mul(L::load_nibbles(p + 2, 4 * half), L::broadcast_half(p));
  } else if constexpr (kType == TERN_TYPE_Q2_0) {
    return L::mul(L::load_two_bits(p + 2 + 8 * unit + 4 * half), L::broadcast_half(p));
  } else {
    const int h = unit / 4, n = unit % 4;
    return L::mul(L::load_six_bits(p + 64 * h + 32 * (n % 2) + 16 * half, n / 2 * 4, p + 128 + 32 * h + 16 * half, 2 * n),
                  L::broadcast(scales.scale[2 * unit + half]));
  }
}

// The first n <= 16 columns at p, then zeros.
template <class L, int kType>
inline typename L::Vec load_part(const uint8_t* p, int n) {
  if constexpr (kType == TERN_TYPE_F32)
    return L::load_part(reinterpret_cast<const float*>(p), n);
  else if constexpr (kType == TERN_TYPE_F16)
    return L::load_half_part(p, n);
  else
    return L::load_bf16_part(p, n);
}

// Four rows' folded sums [4] each -> the four totals.
static inline __m128 total4(__m128 r0, __m128 r1, __m128 r2, __m128 r3) {
  _MM_TRANSPOSE4_PS(r0, r1, r2, r3);
  return _mm_add_ps(_mm_add_ps(r0, r1), _mm_add_ps(r2, r3));
}

constexpr int kAheadOfOne = 8192;  // bytes, into L2 (a Q8_0 head on Zen 5, two threads: 6.3 to 6.5 ms, 6.4 to 7.1 without)

// Adds the tile's columns to acc[row][act][half], for halves [kFrom, kTo) of every 32 columns.
// kPrefetch: several rows are kRows streams, which the hardware prefetcher follows badly, so the next tile's bytes are asked for as
// one linear stream; of one row, what is kAheadOfOne ahead. (Zen 4, one core, Q8_0 head, four rows: 9.6 GB/s without, 20 with; each row its own distance ahead: 10.)
// kTail: n_cols is no multiple of 32; a branch instead would keep the accumulators out of registers.
template <class L, int kType, bool kTail, int kRows, int kActs, int kFrom, int kTo, bool kPrefetch>
inline void dense_halves(const DenseRows& d, const uint8_t* w, const float* x, typename L::Vec (&acc)[kRows][kActs][2]) {
  using Vec = typename L::Vec;
  using Format = DenseFormat<kType>;
  constexpr int kStep = Format::kBytes;
  const uint8_t* ahead = w + (kRows == 1 ? kAheadOfOne : kRows * d.row_bytes);
  const int n_blocks = d.n_cols / (32 * Format::kUnits);
  for (int k = 0; k < n_blocks; k++, w += kStep) {
    if constexpr (kPrefetch) {
      for (int j = 0; j < kRows * kStep; j += 64) __builtin_prefetch(ahead + j, 0, kRows == 1 ? 2 : 3);
      ahead += kRows * kStep;
    }
    BlockScales<L, kType> scales[kRows];
    for (int r = 0; r < kRows; r++) scales[r].load(w + r * d.row_bytes);
#pragma GCC unroll 8
    for (int unit = 0; unit < Format::kUnits; unit++, x += 32) {
#pragma GCC unroll 2
      for (int half = kFrom; half < kTo; half++) {
        Vec xv[kActs];
        for (int a = 0; a < kActs; a++) xv[a] = L::load(x + a * d.x_stride + 16 * half);
        for (int r = 0; r < kRows; r++) {
          const Vec wv = load16<L, kType>(w + r * d.row_bytes, scales[r], unit, half);
          for (int a = 0; a < kActs; a++) acc[r][a][half] = L::fma(wv, xv[a], acc[r][a][half]);
        }
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

  constexpr bool kPrefetch = kRows > 1 || DenseFormat<kType>::kWhole;
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
    constexpr bool kWide = !DenseFormat<kType>::kWhole;  // nothing to convert, or next to nothing: a linear stream (dense.cpp)
    if (d.stream_rows == 0) return dense_tiles<L, kType, kTail, L::kGemvRows, 1>(d, 0);
    if constexpr (!kWide && L::kGemvRows > 1) {
      if (d.stream_rows == 2) return dense_tiles<L, kType, kTail, 2, 1>(d, 0);
    }
    return dense_tiles<L, kType, kTail, 1, 1>(d, 0);
  }
  int act = 0;
  for (; act + L::kGemmActs <= d.n_acts; act += L::kGemmActs) dense_tiles<L, kType, kTail, L::kGemmRows, L::kGemmActs>(d, act);
  dense_rest<L, kType, kTail, L::kGemmActs - 1>(d, act);
}

template <class L, int kType>
void dense_rows_of_type(const DenseRows& d) {
  if constexpr (!DenseFormat<kType>::kWhole) {
    if (d.n_cols % 32 != 0) return dense_rows_of<L, kType, true>(d);
  }
  dense_rows_of<L, kType, false>(d);
}

template <class L>
void dense_rows_of_any(const DenseRows& d) {
  switch (d.type) {
    case TERN_TYPE_F32: return dense_rows_of_type<L, TERN_TYPE_F32>(d);
    case TERN_TYPE_F16: return dense_rows_of_type<L, TERN_TYPE_F16>(d);
    case TERN_TYPE_BF16: return dense_rows_of_type<L, TERN_TYPE_BF16>(d);
    case TERN_TYPE_Q8_0: return dense_rows_of_type<L, TERN_TYPE_Q8_0>(d);
    case TERN_TYPE_Q4_0: return dense_rows_of_type<L, TERN_TYPE_Q4_0>(d);
    case TERN_TYPE_Q2_0: return dense_rows_of_type<L, TERN_TYPE_Q2_0>(d);
    default: return dense_rows_of_type<L, TERN_TYPE_Q6_K>(d);
  }
}

template <class L, int kType>
void widen_row_of(const uint8_t* row, int n_cols, float* out) {
  using Format = DenseFormat<kType>;
  int k = 0;
  for (; k + 32 * Format::kUnits <= n_cols; row += Format::kBytes) {
    BlockScales<L, kType> scales;
    scales.load(row);
    for (int unit = 0; unit < Format::kUnits; unit++, k += 32)
      for (int half = 0; half < 2; half++) L::store(out + k + 16 * half, load16<L, kType>(row, scales, unit, half));
  }
  if constexpr (!Format::kWhole) {
    for (; k < n_cols; k += 16, row += Format::kBytes / 2) {
      const int n = n_cols - k < 16 ? n_cols - k : 16;
      alignas(64) float part[16];
      L::store(part, load_part<L, kType>(row, n));
      for (int i = 0; i < n; i++) out[k + i] = part[i];
    }
  }
}

template <class L>
void widen_row(int32_t type, const uint8_t* row, int n_cols, float* out) {
  switch (type) {
    case TERN_TYPE_F32: return widen_row_of<L, TERN_TYPE_F32>(row, n_cols, out);
    case TERN_TYPE_F16: return widen_row_of<L, TERN_TYPE_F16>(row, n_cols, out);
    case TERN_TYPE_BF16: return widen_row_of<L, TERN_TYPE_BF16>(row, n_cols, out);
    case TERN_TYPE_Q8_0: return widen_row_of<L, TERN_TYPE_Q8_0>(row, n_cols, out);
    case TERN_TYPE_Q4_0: return widen_row_of<L, TERN_TYPE_Q4_0>(row, n_cols, out);
    case TERN_TYPE_Q2_0: return widen_row_of<L, TERN_TYPE_Q2_0>(row, n_cols, out);
    default: return widen_row_of<L, TERN_TYPE_Q6_K>(row, n_cols, out);
  }
}

}  // namespace tern::cpu
