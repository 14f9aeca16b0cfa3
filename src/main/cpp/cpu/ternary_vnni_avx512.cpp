// Ternary sums by vpdpbusd: codes are its unsigned bytes, the activations its signed ones; sum w q = sum code q - kOffset sum q.
// avx512_vnni reads the planes layout, avx512_vnni3 base3. One row takes no code out of its place:
//   planes: masked but not shifted, plane p counts 4^p fold; four accumulators, shifted once at the end.
//   base3: 256 t_k = 3 b_k - b_(k+1), so that 256 sum t_k q_k = 3 sum b_k q_k - sum b_(k+1) q_k: two accumulators.
// Several rows: codes are taken out once in registers and meet a tile of up to 8 activation rows.
#include <immintrin.h>

#include "cpu/in_order.h"
#include "cpu/ternary_codes_avx512.h"
#include "cpu/ternary_kernel.h"
#include "cpu/ternary_tile.h"

#if !defined(TERN_DOT4_BW) && !defined(__clang__)  // cmake/Simd.cmake tells clang
#pragma GCC target("avx512vnni")
#endif
#include "cpu/ternary_dot4_avx512.h"

namespace tern::cpu {
namespace {

constexpr int kAhead = 8192;  // bytes: docs/ternary.md

// Weights, into L2: in L1 they would take the place of activations sooner.
inline void prefetch(const uint8_t* packed) {
  _mm_prefetch(reinterpret_cast<const char*>(packed + kAhead), _MM_HINT_T1);
  _mm_prefetch(reinterpret_cast<const char*>(packed + kAhead + 64), _MM_HINT_T1);
}

// One activation row, some KB, is read again with every tile, while a tile of as much as 55 KB passes through the L1 cache and pushes it
// out: every line of it that is fetched again takes the turn of a line of weights. Touched once more every few KB it stays.
class Kept {
 public:
  Kept(const int8_t* q, int bytes) : q_(q), bytes_(bytes) {}

  void touch() {  // once a step: as many bytes as the step has weights
    _mm_prefetch(reinterpret_cast<const char*>(q_ + at_), _MM_HINT_T0);
    _mm_prefetch(reinterpret_cast<const char*>(q_ + at_ + 64), _MM_HINT_T0);
    at_ = at_ + kStepBytes < bytes_ ? at_ + kStepBytes : 0;
  }

 private:
  const int8_t* q_;
  int bytes_, at_ = 0;
};

// |plane 3| grows by at most 4 * (2 << 6) * 128 = 2^16 a step: 2^15 steps reach -2^31 and no further.
constexpr int kPlanesAloneSteps = 1 << 14;

// One activation row times a tile. q: [16 n_steps]
void tile_sums_alone(Planes, const uint8_t* packed, int n_steps, const int8_t* q, int32_t sum, int32_t* out) {
  const __m512i mask0 = _mm512_set1_epi8(0x03), mask1 = _mm512_set1_epi8(0x0c), mask2 = _mm512_set1_epi8(0x30),
                mask3 = _mm512_set1_epi8(char(0xc0));
  __m512i total0 = _mm512_set1_epi32(-sum), total1 = total0;
  Kept kept(q, n_steps * Planes::kStep);
  for (int begin = 0; begin < n_steps; begin += kPlanesAloneSteps) {
    const int end = begin + kPlanesAloneSteps < n_steps ? begin + kPlanesAloneSteps : n_steps;
    __m512i a0 = _mm512_setzero_si512(), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    for (int s = begin; s < end; s++, packed += kStepBytes, q += Planes::kStep) {
      prefetch(packed);
      kept.touch();
      const __m512i a = _mm512_load_si512(packed), b = _mm512_load_si512(packed + 64);
      const __m512i q0 = four(q), q1 = four(q + 4), q2 = four(q + 8), q3 = four(q + 12);
      a0 = dot4(a0, _mm512_and_si512(a, mask0), q0);
      b0 = dot4(b0, _mm512_and_si512(b, mask0), q0);
      a1 = dot4(a1, _mm512_and_si512(a, mask1), q1);
      b1 = dot4(b1, _mm512_and_si512(b, mask1), q1);
      a2 = dot4(a2, _mm512_and_si512(a, mask2), q2);
      b2 = dot4(b2, _mm512_and_si512(b, mask2), q2);
      a3 = dot4(a3, _mm512_and_si512(a, mask3), q3);
      b3 = dot4(b3, _mm512_and_si512(b, mask3), q3);
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
          before[v][k % 2] = dot4(before[v][k % 2], b[v], qk);
          b[v] = Codes<Base3>::next(b[v]);
          after[v][k % 2] = dot4(after[v][k % 2], b[v], qk);
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

// Steps whose codes, kShift places too high, cannot leave int32. planes: more than a row has; base3: 4369.
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
    for (int s = begin; s < end; s++, packed += kStepBytes, q += kGroupActs * Layout::kStep) {
      prefetch(packed);
      __m512i a = _mm512_load_si512(packed), b = _mm512_load_si512(packed + 64);
#pragma GCC unroll 5
      for (int k = 0; k < Layout::kDigits; k++) {
        const __m512i code0 = Codes<Layout>::place(a), code1 = Codes<Layout>::place(b);
#pragma GCC unroll 8
        for (int t = 0; t < N; t++) {
          const __m512i qt = four(q + t * Layout::kStep + 4 * k);
          // Sums in order stay in their registers; gcc 12 would move half of them to others in every step.
          acc0[t] = dot4(acc0[t], code0, qt);
          in_order(acc0[t]);
          acc1[t] = dot4(acc1[t], code1, qt);
          in_order(acc1[t]);
        }
        if (k < Layout::kDigits - 1) a = Codes<Layout>::next(a), b = Codes<Layout>::next(b);
      }
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

template <class Layout>
void sums(const uint8_t* tiles, int n_tiles, int n_cols, const TernaryActs& a, int32_t* out) {
  const int n_steps = Tile<Layout>::steps(n_cols), stride = n_tiles * kTileRows;
  const int8_t* q = Tile<Layout>::acts(a, n_cols);
  const int32_t* sum = a.rows.sum + a.first;
  for (int i = 0; i < n_tiles; i++, tiles += Tile<Layout>::bytes(n_cols), out += kTileRows) {
    if (a.n_act_rows == 1)
      tile_sums_alone(Layout(), tiles, n_steps, q, sum[0], out);
    else
      with_rows(a.n, [&](auto n) { tile_sums<Layout, n()>(tiles, n_steps, q, sum, out, stride); });
  }
}

}  // namespace

const TernaryKernel kTernaryVnniAvx512 = Tile<Planes>::kernel("avx512_vnni", Isa::avx512, sums<Planes>);
const TernaryKernel kTernaryVnni3Avx512 = Tile<Base3>::kernel("avx512_vnni3", Isa::avx512, sums<Base3>);

}  // namespace tern::cpu
