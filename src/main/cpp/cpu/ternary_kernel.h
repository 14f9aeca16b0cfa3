// What one ternary kernel is to the rest: a layout of rows packed into tiles, and a function from tiles and a few activation
// rows to exact int32 sums. Tasks, scales and the float epilogue are the same for all (ternary.cpp).
#pragma once

#include <cstdint>

#include "cpu/activations.h"
#include "cpu/isa.h"

namespace tern::cpu {

// Activation rows [first, first + n) of a matmul over n_act_rows of them, and what prepare made for it.
struct TernaryActs {
  QuantRows rows;
  int first;
  int n;
  int n_act_rows;
  const void* scratch;

  const int8_t* q(int t) const { return rows.q + int64_t(first + t) * rows.stride; }
  int32_t sum(int t) const { return rows.sum[first + t]; }
};

struct TernaryKernel {
  const char* name;
  Isa isa;
  int tile_rows;     // rows interleaved in one stream of bytes
  int chunk_tiles;   // tiles that a call of sums takes at most when there are many activation rows
  int decode_tiles;  // tiles that it can read at once for one activation row: tasks are multiples of them
  int act_tile;      // activation rows that a call of sums takes at most
  int64_t (*tile_bytes)(int n_cols);  // a multiple of 64

  // Writes one row into its place in a zeroed tile. codes: [n_cols + 64], w + 1, the last 64 are 1.
  void (*pack_row)(const uint8_t* codes, int n_cols, int row, uint8_t* tile);

  // What the tasks of one matmul share. Work is cut into n_parts; prepare makes part i of it.
  int64_t (*scratch_bytes)(int n_cols, int n_act_rows);
  int (*prepare_parts)(int n_cols, int n_act_rows);
  void (*prepare)(const TernaryActs& a, int n_cols, int part, void* scratch);

  // out: [a.n, n_tiles * tile_rows] = sum over columns of w q. tiles: n_tiles consecutive tiles.
  void (*sums)(const uint8_t* tiles, int n_tiles, int n_cols, const TernaryActs& a, int32_t* out);
};

// Tiles of a call of sums, at most; n_streams: of plan/stream_plan.h.
inline int tiles_of_call(const TernaryKernel& kernel, int n_act_rows, int n_streams) {
  return n_act_rows == 1 && n_streams > kernel.chunk_tiles ? n_streams : kernel.chunk_tiles;
}

// Rows and columns of a call of sums are bounded so that its sums fit on the stack.
constexpr int kMaxSums = 8192;

extern const TernaryKernel kTernaryScalar;
extern const TernaryKernel kTernaryMaddAvx2;
extern const TernaryKernel kTernaryLookupAvx2;
extern const TernaryKernel kTernaryMaddAvx512;
extern const TernaryKernel kTernaryMadd3Avx512;
extern const TernaryKernel kTernaryVnniAvx512;
extern const TernaryKernel kTernaryVnni3Avx512;
extern const TernaryKernel kTernaryVbmi3Avx512;
extern const TernaryKernel kTernaryLookupAvx512;
extern const TernaryKernel kTernaryAmx;
extern const TernaryKernel kTernaryAmx3;

// The named kernel if this processor can run it under isa(); throws Error(INVALID_ARGUMENT) that names the ones there are.
const TernaryKernel& ternary_kernel(const char* name);

}  // namespace tern::cpu
