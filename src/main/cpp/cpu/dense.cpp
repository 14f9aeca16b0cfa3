#include "cpu/dense.h"

#include <algorithm>
#include <cstring>

#include "core/half.h"
#include "cpu/dense_tile.h"
#include "ternary/decode.h"

namespace tern::cpu {
namespace {

// GEMV streams weights: a task is this many bytes of them, long against taking a task, short against a thread held back.
constexpr int64_t kGemvTaskBytes = 192 << 10;
// GEMM reads a task's weights once per few activation rows: they must stay in L2 beside those rows.
constexpr int64_t kGemmTaskBytes = 256 << 10;
constexpr int64_t kGemmTaskProducts = 4 << 20;  // some 90 us of one core; fewer read the activations too often
// What is larger than a cache (plan/dense_plan.h) streams from memory. One row at a time is then the fastest, as one linear stream; from a
// cache, several rows hide more latency. (Zen 4, one core, F16: 26 GB/s by one row, 21 by four; in L2 41 and
// 64.) Types that are converted take one or two, as measured. (Q8_0 head: Skylake-SP, two threads, 20.8 and 20.3 GB/s by two rows, 19.4
// and 20.0 by four; Zen 5, one core, 25.4 by one, 20.4 by two or four.) Slower on both: scales converted ahead into a buffer; on Skylake-SP:
// int8 to float by byte permutes into a float's mantissa.
constexpr int kRowsMultiple = 8;                // whole tiles

int rows_per_task(const DenseWeight& w, int n_act_rows) {
  const int64_t row = row_bytes(w.type, w.n_cols);
  int64_t rows;
  if (n_act_rows == 1) {
    rows = kGemvTaskBytes / row;
  } else {
    const int64_t fit = kGemmTaskBytes / row;
    const int64_t worth = kGemmTaskProducts / (int64_t(w.n_cols) * n_act_rows);
    rows = fit < worth ? fit : worth;
  }
  rows = (rows / kRowsMultiple + 1) * kRowsMultiple;
  return static_cast<int>(2 * rows >= w.n_rows ? w.n_rows : rows);  // less than two whole tasks: no thread is woken
}

float half_at(const uint8_t* p) {
  uint16_t half;
  std::memcpy(&half, p, sizeof half);
  return float_from_half(half);
}

// Lanes of the dense tile in plain C++.
struct LanesScalar {
  struct Vec {
    float v[16];
  };
  static constexpr int kGemvRows = 1;
  static constexpr int kGemmRows = 1;
  static constexpr int kGemmActs = 2;
  static constexpr int kAccumulators = 2;

  static Vec zero() { return {}; }
  static Vec load(const float* p) {
    Vec r;
    std::memcpy(r.v, p, sizeof r.v);
    return r;
  }
  static Vec load_part(const float* p, int n) {
    Vec r = {};
    std::memcpy(r.v, p, sizeof(float) * static_cast<size_t>(n));
    return r;
  }
  static Vec load_half(const uint8_t* p) {
    Vec r;
    for (int i = 0; i < 16; i++) r.v[i] = half_at(p + 2 * i);
    return r;
  }
  static Vec load_half_part(const uint8_t* p, int n) {
    Vec r = {};
    for (int i = 0; i < n; i++) r.v[i] = half_at(p + 2 * i);
    return r;
  }
  static Vec load_bf16(const uint8_t* p) { return load_bf16_part(p, 16); }
  static Vec load_bf16_part(const uint8_t* p, int n) {
    Vec r = {};
    for (int i = 0; i < n; i++) {
      const uint32_t bits = uint32_t(p[2 * i]) << 16 | uint32_t(p[2 * i + 1]) << 24;
      std::memcpy(&r.v[i], &bits, sizeof bits);
    }
    return r;
  }
  static Vec load_nibbles(const uint8_t* p, int shift) {
    Vec r;
    for (int i = 0; i < 16; i++) r.v[i] = float((p[i] >> shift & 15) - 8);
    return r;
  }
  static Vec load_two_bits(const uint8_t* p) {
    Vec r;
    for (int i = 0; i < 16; i++) r.v[i] = float((p[i / 4] >> 2 * (i % 4) & 3) - 1);
    return r;
  }
  static Vec load_six_bits(const uint8_t* low, int low_shift, const uint8_t* high, int high_shift) {
    Vec r;
    for (int i = 0; i < 16; i++) r.v[i] = float(((low[i] >> low_shift & 15) | (high[i] >> high_shift & 3) << 4) - 32);
    return r;
  }
  static Vec load_int8(const uint8_t* p) {
    Vec r;
    for (int i = 0; i < 16; i++) r.v[i] = float(static_cast<int8_t>(p[i]));
    return r;
  }
  static Vec broadcast(float f) {
    Vec r;
    for (float& v : r.v) v = f;
    return r;
  }
  static Vec broadcast_half(const uint8_t* p) { return broadcast(half_at(p)); }
  static Vec broadcast_last_half(const uint8_t* p) { return broadcast(half_at(p)); }
  static void store(float* p, Vec a) { std::memcpy(p, a.v, sizeof a.v); }
  static Vec add(Vec a, Vec b) {
    for (int i = 0; i < 16; i++) a.v[i] += b.v[i];
    return a;
  }
  static Vec mul(Vec a, Vec b) {
    for (int i = 0; i < 16; i++) a.v[i] *= b.v[i];
    return a;
  }
  static Vec fma(Vec a, Vec b, Vec c) {
    for (int i = 0; i < 16; i++) c.v[i] += a.v[i] * b.v[i];
    return c;
  }
  static __m128 fold(Vec a) {
    float four[4];
    for (int i = 0; i < 4; i++) four[i] = (a.v[i] + a.v[i + 8]) + (a.v[i + 4] + a.v[i + 12]);
    return _mm_loadu_ps(four);
  }
};

}  // namespace

void dense_rows_scalar(const DenseRows& d) { dense_rows_of_any<LanesScalar>(d); }

void widen_row_scalar(int32_t type, const uint8_t* row, int n_cols, float* out) {
  widen_row<LanesScalar>(type, row, n_cols, out);
}

void dense_rows(Isa isa, const DenseRows& d) {
  switch (isa) {
    case Isa::avx512: return dense_rows_avx512(d);
    case Isa::avx2: return dense_rows_avx2(d);
    case Isa::scalar: return dense_rows_scalar(d);
  }
}

int dense_n_tasks(const DenseWeight& w, int n_act_rows) {
  if (w.n_rows <= 0 || n_act_rows <= 0) return 0;
  const int rows = rows_per_task(w, n_act_rows);
  return (w.n_rows + rows - 1) / rows;
}

const uint8_t* dense_task_begin(const DenseWeight& w, int task) {
  return w.data.as<uint8_t>() + std::min(int64_t{task} * rows_per_task(w, 1), int64_t{w.n_rows}) * row_bytes(w.type, w.n_cols);
}

void dense_run_task(Isa isa, const DenseWeight& w, int task, const float* x, int x_stride, int n_act_rows, float* out,
                    int out_stride, bool accumulate) {
  const int rows = rows_per_task(w, n_act_rows);
  const int first = task * rows;
  const int64_t stride = row_bytes(w.type, w.n_cols);
  const DenseRows d = {w.type,
                       w.data.as<uint8_t>() + first * stride,
                       stride,
                       w.n_rows - first < rows ? w.n_rows - first : rows,
                       w.n_cols,
                       x,
                       x_stride,
                       n_act_rows,
                       out + first,
                       out_stride,
                       accumulate,
                       w.stream_rows};
  dense_rows(isa, d);
}

}  // namespace tern::cpu
