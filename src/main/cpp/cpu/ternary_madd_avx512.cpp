// Ternary sums by vpmaddubsw on 512 bits, for processors whose AVX-512 has no VNNI: avx2_madd, twice as wide. Codes are its unsigned
// bytes; sum w q = sum code q - kOffset sum q. As many pair products are added up in int16 as fit: 2 * 128 * kMost each.
// avx512_madd reads the planes layout, avx512_madd3 base3: four fifths of the bytes for twice the instructions.
#include <immintrin.h>

#include "cpu/in_order.h"
#include "cpu/ternary_codes_avx512.h"
#include "cpu/ternary_kernel.h"
#include "cpu/ternary_tile.h"

namespace tern::cpu {
namespace {

constexpr int kAhead = 2048;

template <class Layout>
constexpr int kBlockSteps = 32767 / (2 * 128 * Codes<Layout>::kMost) / Layout::kDigits;  // planes: 15, base3: 8

template <class Layout>
inline __m512i code(__m512i x) {
  const __m512i place = Codes<Layout>::place(x);
  return Codes<Layout>::kShift ? _mm512_srli_epi16(place, Codes<Layout>::kShift) : place;
}

// N activation rows times a tile, at most kBlockSteps steps. q: the step's activations of row t at t * kStep, the next step's at
// step further. out: [N, stride] += sums.
template <class Layout, int N>
inline __attribute__((always_inline)) void block_sums(const uint8_t* packed, int n_steps, const int8_t* q, int step, int32_t* out,
                                                      int stride) {
  __m512i acc0[N], acc1[N];
#pragma GCC unroll 8
  for (int t = 0; t < N; t++) acc0[t] = acc1[t] = _mm512_setzero_si512();
  for (int s = 0; s < n_steps; s++, packed += kStepBytes, q += step) {
    _mm_prefetch(reinterpret_cast<const char*>(packed + kAhead), _MM_HINT_T0);
    _mm_prefetch(reinterpret_cast<const char*>(packed + kAhead + 64), _MM_HINT_T0);
    __m512i a = _mm512_load_si512(packed), b = _mm512_load_si512(packed + 64);
#pragma GCC unroll 5
    for (int k = 0; k < Layout::kDigits; k++) {
      const __m512i code0 = code<Layout>(a), code1 = code<Layout>(b);
#pragma GCC unroll 8
      for (int t = 0; t < N; t++) {
        const __m512i qt = four(q + t * Layout::kStep + 4 * k);
        acc0[t] = _mm512_add_epi16(acc0[t], _mm512_maddubs_epi16(code0, qt));
        acc1[t] = _mm512_add_epi16(acc1[t], _mm512_maddubs_epi16(code1, qt));
        in_order(acc0[t]);
        in_order(acc1[t]);
      }
      if (k < Layout::kDigits - 1) a = Codes<Layout>::next(a), b = Codes<Layout>::next(b);
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

// One activation row. A tile is read as kColumnParts streams, each a part of its columns: a core of the processors this is for has more
// reads under way over several pages than over one (Skylake-SP, one core, plain reads: 11.3 GB/s as one stream, 12.9 as four).
constexpr int kColumnParts = 2;

template <class Layout>
void tile_sums_alone(const uint8_t* tile, int n_steps, const int8_t* q, int32_t* out) {
  constexpr int kSteps = kBlockSteps<Layout> / kColumnParts;
  const int part = n_steps / kColumnParts;
  const __m512i one = _mm512_set1_epi16(1);
  __m512i total0 = _mm512_loadu_si512(out), total1 = _mm512_loadu_si512(out + 16);
  for (int begin = 0; begin < part; begin += kSteps) {
    const int end = begin + kSteps < part ? begin + kSteps : part;
    __m512i acc0 = _mm512_setzero_si512(), acc1 = acc0;
    for (int s = begin; s < end; s++) {
#pragma GCC unroll 4
      for (int stream = 0; stream < kColumnParts; stream++) {
        const int step = stream * part + s;
        const uint8_t* packed = tile + step * kStepBytes;
        _mm_prefetch(reinterpret_cast<const char*>(packed + kAhead), _MM_HINT_T0);
        _mm_prefetch(reinterpret_cast<const char*>(packed + kAhead + 64), _MM_HINT_T0);
        __m512i a = _mm512_load_si512(packed), b = _mm512_load_si512(packed + 64);
#pragma GCC unroll 5
        for (int k = 0; k < Layout::kDigits; k++) {
          const __m512i qk = four(q + step * Layout::kStep + 4 * k);
          acc0 = _mm512_add_epi16(acc0, _mm512_maddubs_epi16(code<Layout>(a), qk));
          acc1 = _mm512_add_epi16(acc1, _mm512_maddubs_epi16(code<Layout>(b), qk));
          if (k < Layout::kDigits - 1) a = Codes<Layout>::next(a), b = Codes<Layout>::next(b);
        }
      }
    }
    total0 = _mm512_add_epi32(total0, _mm512_madd_epi16(acc0, one));
    total1 = _mm512_add_epi32(total1, _mm512_madd_epi16(acc1, one));
  }
  _mm512_storeu_si512(out, total0);
  _mm512_storeu_si512(out + 16, total1);
  const int done = part * kColumnParts;  // fewer than kColumnParts steps are left
  block_sums<Layout, 1>(tile + done * kStepBytes, n_steps - done, q + done * Layout::kStep, Layout::kStep, out, 0);
}

// Not inlined: with the loops of all N in one function g++ 12 keeps sums on the stack.
template <class Layout, int N>
__attribute__((noinline)) void tile_sums(const uint8_t* tile, int n_steps, const int8_t* q, int step, int32_t* out, int stride) {
  for (int s = 0; s < n_steps; s += kBlockSteps<Layout>) {
    const int n = n_steps - s < kBlockSteps<Layout> ? n_steps - s : kBlockSteps<Layout>;
    block_sums<Layout, N>(tile + s * kStepBytes, n, q + int64_t(s) * step, step, out, stride);
  }
}

template <class Layout>
void sums(const uint8_t* tiles, int n_tiles, int n_cols, const TernaryActs& a, int32_t* out) {
  const int n_steps = Tile<Layout>::steps(n_cols), stride = n_tiles * kTileRows, step = Tile<Layout>::act_step(a);
  const int8_t* q = Tile<Layout>::acts(a, n_cols);
  for (int t = 0; t < a.n; t++)
    for (int i = 0; i < stride; i++) out[t * stride + i] = -Codes<Layout>::kOffset * a.sum(t);
  for (int i = 0; i < n_tiles; i++, tiles += Tile<Layout>::bytes(n_cols), out += kTileRows) {
    if (a.n_act_rows == 1)
      tile_sums_alone<Layout>(tiles, n_steps, q, out);
    else
      with_rows(a.n, [&](auto n) { tile_sums<Layout, n()>(tiles, n_steps, q, step, out, stride); });
  }
}

}  // namespace

const TernaryKernel kTernaryMaddAvx512 = Tile<Planes>::kernel("avx512_madd", Isa::avx512, sums<Planes>);
const TernaryKernel kTernaryMadd3Avx512 = Tile<Base3>::kernel("avx512_madd3", Isa::avx512, sums<Base3>);

}  // namespace tern::cpu
