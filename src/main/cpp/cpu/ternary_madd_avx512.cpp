// Ternary sums by vpmaddubsw on 512 bits, for processors whose AVX-512 has no VNNI: avx2_madd, twice as wide. Codes w + 1 are its
// unsigned bytes; sum w q = sum code q - sum q. 60 pair products of at most 512 (15 steps of 4 planes) fit in int16: 30720.
#include <immintrin.h>

#include "cpu/in_order.h"
#include "cpu/ternary_kernel.h"
#include "cpu/ternary_planes.h"

namespace tern::cpu {
namespace {

constexpr int kBlockSteps = 15;
constexpr int kAhead = 2048;

inline __m512i four(const int8_t* q) {  // four activations in every lane
  int32_t bits;
  __builtin_memcpy(&bits, q, 4);
  return _mm512_set1_epi32(bits);
}

// N activation rows times a tile, at most kBlockSteps steps. q: the step's 16 activations of row t at t * row, the next step's at
// step further. out: [N, stride] += sums.
template <int N>
inline __attribute__((always_inline)) void block_sums(const uint8_t* packed, int n_steps, const int8_t* q, int row, int step,
                                                      int32_t* out, int stride) {
  const __m512i mask = _mm512_set1_epi8(0x03);
  __m512i acc0[N], acc1[N];
#pragma GCC unroll 8
  for (int t = 0; t < N; t++) acc0[t] = acc1[t] = _mm512_setzero_si512();
  for (int s = 0; s < n_steps; s++, packed += kPlanesStepBytes, q += step) {
    _mm_prefetch(reinterpret_cast<const char*>(packed + kAhead), _MM_HINT_T0);
    _mm_prefetch(reinterpret_cast<const char*>(packed + kAhead + 64), _MM_HINT_T0);
    __m512i a = _mm512_load_si512(packed), b = _mm512_load_si512(packed + 64);
#pragma GCC unroll 4
    for (int p = 0; p < 4; p++) {
      const __m512i code0 = _mm512_and_si512(a, mask), code1 = _mm512_and_si512(b, mask);
#pragma GCC unroll 8
      for (int t = 0; t < N; t++) {
        const __m512i qt = four(q + t * row + 4 * p);
        acc0[t] = _mm512_add_epi16(acc0[t], _mm512_maddubs_epi16(code0, qt));
        acc1[t] = _mm512_add_epi16(acc1[t], _mm512_maddubs_epi16(code1, qt));
        in_order(acc0[t]);
        in_order(acc1[t]);
      }
      if (p < 3) a = _mm512_srli_epi16(a, 2), b = _mm512_srli_epi16(b, 2);
    }
  }
  const __m512i one = _mm512_set1_epi16(1);
#pragma GCC unroll 8
  for (int t = 0; t < N; t++) {
    int32_t* to = out + t * stride;
    _mm512_storeu_si512(to, _mm512_add_epi32(_mm512_loadu_si512(to), _mm512_madd_epi16(acc0[t], one)));
    _mm512_storeu_si512(to + 16, _mm512_add_epi32(_mm512_loadu_si512(to + 16), _mm512_madd_epi16(acc1[t], one)));
  }
}

// One activation row. A tile is read as kStreams streams, each a part of its columns: a core of the processors this is for has more
// reads under way over several pages than over one (Skylake-SP, one core, plain reads: 11.3 GB/s as one stream, 12.9 as four).
constexpr int kStreams = 2;

void tile_sums_alone(const uint8_t* tile, int n_steps, const int8_t* q, int32_t* out) {
  constexpr int kSteps = kBlockSteps / kStreams;
  const int part = n_steps / kStreams;
  const __m512i mask = _mm512_set1_epi8(0x03), one = _mm512_set1_epi16(1);
  __m512i total0 = _mm512_loadu_si512(out), total1 = _mm512_loadu_si512(out + 16);
  for (int begin = 0; begin < part; begin += kSteps) {
    const int end = begin + kSteps < part ? begin + kSteps : part;
    __m512i acc0 = _mm512_setzero_si512(), acc1 = acc0;
    for (int s = begin; s < end; s++) {
#pragma GCC unroll 4
      for (int stream = 0; stream < kStreams; stream++) {
        const int step = stream * part + s;
        const uint8_t* packed = tile + step * kPlanesStepBytes;
        _mm_prefetch(reinterpret_cast<const char*>(packed + kAhead), _MM_HINT_T0);
        _mm_prefetch(reinterpret_cast<const char*>(packed + kAhead + 64), _MM_HINT_T0);
        __m512i a = _mm512_load_si512(packed), b = _mm512_load_si512(packed + 64);
#pragma GCC unroll 4
        for (int p = 0; p < 4; p++) {
          const __m512i qp = four(q + step * kPlanesStep + 4 * p);
          acc0 = _mm512_add_epi16(acc0, _mm512_maddubs_epi16(_mm512_and_si512(a, mask), qp));
          acc1 = _mm512_add_epi16(acc1, _mm512_maddubs_epi16(_mm512_and_si512(b, mask), qp));
          if (p < 3) a = _mm512_srli_epi16(a, 2), b = _mm512_srli_epi16(b, 2);
        }
      }
    }
    total0 = _mm512_add_epi32(total0, _mm512_madd_epi16(acc0, one));
    total1 = _mm512_add_epi32(total1, _mm512_madd_epi16(acc1, one));
  }
  _mm512_storeu_si512(out, total0);
  _mm512_storeu_si512(out + 16, total1);
  const int done = part * kStreams;  // fewer than kStreams steps are left
  block_sums<1>(tile + done * kPlanesStepBytes, n_steps - done, q + done * kPlanesStep, 0, kPlanesStep, out, 0);
}

template <int N>
void tile_sums(const uint8_t* tile, int n_steps, const int8_t* q, int step, int32_t* out, int stride) {
  for (int s = 0; s < n_steps; s += kBlockSteps) {
    const int n = n_steps - s < kBlockSteps ? n_steps - s : kBlockSteps;
    block_sums<N>(tile + s * kPlanesStepBytes, n, q + int64_t(s) * step, kPlanesStep, step, out, stride);
  }
}

void sums(const uint8_t* tiles, int n_tiles, int n_cols, const TernaryActs& a, int32_t* out) {
  const int n_steps = planes_steps(n_cols), stride = n_tiles * kPlanesRows;
  const bool alone = a.n_act_rows == 1;
  const int8_t* q = alone ? a.q(0) : planes_group(a, n_cols);
  const int step = alone ? kPlanesStep : kPlanesActs * kPlanesStep;
  for (int t = 0; t < a.n; t++)
    for (int i = 0; i < stride; i++) out[t * stride + i] = -a.sum(t);
  for (int i = 0; i < n_tiles; i++, tiles += planes_tile_bytes(n_cols), out += kPlanesRows) {
    if (alone) {
      tile_sums_alone(tiles, n_steps, q, out);
      continue;
    }
    switch (a.n) {
      case 1: tile_sums<1>(tiles, n_steps, q, step, out, stride); break;
      case 2: tile_sums<2>(tiles, n_steps, q, step, out, stride); break;
      case 3: tile_sums<3>(tiles, n_steps, q, step, out, stride); break;
      case 4: tile_sums<4>(tiles, n_steps, q, step, out, stride); break;
      case 5: tile_sums<5>(tiles, n_steps, q, step, out, stride); break;
      case 6: tile_sums<6>(tiles, n_steps, q, step, out, stride); break;
      case 7: tile_sums<7>(tiles, n_steps, q, step, out, stride); break;
      default: tile_sums<8>(tiles, n_steps, q, step, out, stride); break;
    }
  }
}

}  // namespace

const TernaryKernel kTernaryMaddAvx512 = {"avx512_madd", Isa::avx512, kPlanesRows, 1, 1, kPlanesActs, planes_tile_bytes,
                                          planes_pack_row, planes_scratch_bytes, planes_groups, planes_prepare, sums};

}  // namespace tern::cpu
