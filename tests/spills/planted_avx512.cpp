// For spills_test.cpp: a loop that spills, one that reloads, and two that look like it and do not.
#include <immintrin.h>

template <int kSums>
static inline __attribute__((always_inline)) void sums(const float* x, const float* y, int n, float* out) {
  __m512 sum[kSums];
#pragma GCC unroll 64
  for (int i = 0; i < kSums; i++) sum[i] = _mm512_setzero_ps();
  for (int k = 0; k < n; k++) {
    const __m512 v = _mm512_loadu_ps(x + 16 * k);
#pragma GCC unroll 64
    for (int i = 0; i < kSums; i++) sum[i] = _mm512_fmadd_ps(v, _mm512_set1_ps(y[k * kSums + i]), sum[i]);
  }
#pragma GCC unroll 64
  for (int i = 0; i < kSums; i++) _mm512_storeu_ps(out + 16 * i, sum[i]);
}

extern "C" {

void planted_round_trips(const float* x, const float* y, int n, float* out) { sums<40>(x, y, n, out); }

void planted_none(const float* x, const float* y, int n, float* out) { sums<20>(x, y, n, out); }

void planted_reloads(const float* x, const float* weights, int n, float* out) {
  __m512 w[40];
#pragma GCC unroll 64
  for (int i = 0; i < 40; i++) w[i] = _mm512_sqrt_ps(_mm512_loadu_ps(weights + 16 * i));
  for (int k = 0; k < n; k++) {
    __m512 sum = _mm512_loadu_ps(x + 16 * k);
#pragma GCC unroll 64
    for (int i = 0; i < 40; i++) sum = _mm512_fmadd_ps(sum, sum, w[i]);
    _mm512_storeu_ps(out + 16 * k, sum);
  }
}

void planted_array(const float* x, const int* at, int n, float* out) {
  alignas(64) float table[64][16];
  for (int i = 0; i < 64; i++) _mm512_store_ps(table[i], _mm512_setzero_ps());
  for (int k = 0; k < n; k++) {
    float* const p = table[at[k] & 63];
    const __m512 v = _mm512_loadu_ps(x + 16 * k), sum = _mm512_fmadd_ps(v, v, _mm512_load_ps(p));
    _mm512_store_ps(p, _mm512_fmadd_ps(sum, sum, v));
  }
  for (int i = 0; i < 64; i++) _mm512_storeu_ps(out + 16 * i, _mm512_load_ps(table[i]));
}
}
