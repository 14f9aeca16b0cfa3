// Ternary sums by vpmaddubsw over the planes layout: codes w + 1 are its unsigned bytes; sum w q = sum code q - sum q.
// A pair product is at most 2 * 2 * 128 = 512 in magnitude: 60 of them (15 steps of 4 planes) reach 30720 and fit in int16.
#include <immintrin.h>

#include "cpu/in_order.h"
#include "cpu/ternary_kernel.h"
#include "cpu/ternary_tile.h"

namespace tern::cpu {
namespace {

constexpr int kActTile = 4;
constexpr int kBlockSteps = 15;
constexpr int kAhead = 1024;

inline __m256i four(const int8_t* q) {  // four activations in every lane
  int32_t bits;
  __builtin_memcpy(&bits, q, 4);
  return _mm256_set1_epi32(bits);
}

// N activation rows times R vectors of 8 rows, at most kBlockSteps steps: out [N, stride] += sums.
template <int N, int R>
void block_sums(const uint8_t* packed, int n_steps, const int8_t* q, int64_t q_stride, int32_t* out, int stride) {
  const __m256i mask = _mm256_set1_epi8(0x03);
  __m256i acc[N][R];
#pragma GCC unroll 4
  for (int t = 0; t < N; t++)
#pragma GCC unroll 4
    for (int v = 0; v < R; v++) acc[t][v] = _mm256_setzero_si256();
  for (int s = 0; s < n_steps; s++, packed += kStepBytes, q += Planes::kStep) {
    _mm_prefetch(reinterpret_cast<const char*>(packed + kAhead), _MM_HINT_T0);
    if (R == 4) _mm_prefetch(reinterpret_cast<const char*>(packed + kAhead + 64), _MM_HINT_T0);
    __m256i bits[R];
#pragma GCC unroll 4
    for (int v = 0; v < R; v++) {
      bits[v] = _mm256_load_si256(reinterpret_cast<const __m256i*>(packed) + v);
    }
#pragma GCC unroll 4
    for (int p = 0; p < 4; p++) {
      __m256i code[R];
#pragma GCC unroll 4
      for (int v = 0; v < R; v++) code[v] = _mm256_and_si256(bits[v], mask);
#pragma GCC unroll 4
      for (int t = 0; t < N; t++) {
        const __m256i qt = four(q + t * q_stride + 4 * p);
#pragma GCC unroll 4
        for (int v = 0; v < R; v++) {
          acc[t][v] = _mm256_add_epi16(acc[t][v], _mm256_maddubs_epi16(code[v], qt));
          in_order(acc[t][v]);
        }
      }
      if (p < 3)
#pragma GCC unroll 4
        for (int v = 0; v < R; v++) {
          bits[v] = _mm256_srli_epi16(bits[v], 2);
          in_order(bits[v]);
        }
    }
  }
  const __m256i one = _mm256_set1_epi16(1);
#pragma GCC unroll 4
  for (int t = 0; t < N; t++)
#pragma GCC unroll 4
    for (int v = 0; v < R; v++) {
      __m256i* to = reinterpret_cast<__m256i*>(out + t * stride + 8 * v);
      _mm256_storeu_si256(to, _mm256_add_epi32(_mm256_loadu_si256(to), _mm256_madd_epi16(acc[t][v], one)));
    }
}

template <int N>
void tile_sums(const uint8_t* tile, int n_cols, const int8_t* q, int64_t q_stride, int32_t* out, int stride) {
  constexpr int R = N == 1 ? 4 : 2;
  const int n_steps = Tile<Planes>::steps(n_cols);
  for (int s = 0; s < n_steps; s += kBlockSteps) {
    const int n = n_steps - s < kBlockSteps ? n_steps - s : kBlockSteps;
    for (int v = 0; v < 4; v += R)
      block_sums<N, R>(tile + s * kStepBytes + 32 * v, n, q + s * Planes::kStep, q_stride, out + 8 * v, stride);
  }
}

int64_t no_scratch(int, int) { return 0; }
int no_parts(int, int) { return 0; }
void no_prepare(const TernaryActs&, int, int, void*) {}

void sums(const uint8_t* tiles, int n_tiles, int n_cols, const TernaryActs& a, int32_t* out) {
  const int stride = n_tiles * kTileRows;
  for (int t = 0; t < a.n; t++)
    for (int i = 0; i < stride; i++) out[t * stride + i] = -a.sum(t);
  for (int i = 0; i < n_tiles; i++, tiles += Tile<Planes>::bytes(n_cols), out += kTileRows) switch (a.n) {
      case 1: tile_sums<1>(tiles, n_cols, a.q(0), a.rows.stride, out, stride); break;
      case 2: tile_sums<2>(tiles, n_cols, a.q(0), a.rows.stride, out, stride); break;
      case 3: tile_sums<3>(tiles, n_cols, a.q(0), a.rows.stride, out, stride); break;
      default: tile_sums<4>(tiles, n_cols, a.q(0), a.rows.stride, out, stride); break;
    }
}

}  // namespace

const TernaryKernel kTernaryMaddAvx2 = {"avx2_madd", Isa::avx2, kTileRows, 1, 1, kActTile, Tile<Planes>::bytes, Tile<Planes>::pack_row,
                                        no_scratch, no_parts, no_prepare, sums};

}  // namespace tern::cpu
