// Between attention.cpp, which cuts the work, and attention_kernel.h, which does it.
#pragma once

#include <cstdint>

#include "cpu/isa.h"
#include "tern.h"

namespace tern::cpu {

// A query's running state, in floats: acc [head_dim rounded up to 16], l [16], m, padding to a cache line.
struct AttentionStateLayout {
  int l;
  int m;
  int size;
  explicit constexpr AttentionStateLayout(int head_dim) : l((head_dim + 15) / 16 * 16), m(l + 16), size(l + 32) {}
};

// A query (one head of one row) and the keys of the tile that it sees, bit t for the key in place t of the page; not 0.
struct TileQuery {
  const float* q;  // [head_dim], rotated for the tile's segment
  uint64_t mask;
  float* state;
};

struct TileData {
  const void* k;       // [head_dim, 64]
  const void* v;       // [64, head_dim]
  const void* next_k;  // of the tile that follows, to be fetched meanwhile; may be null
  bool one_stream;     // as which tiles are read
};

// Tables are indexed by type: 0 is f32, 1 is f16.
struct AttentionKernels {
  void (*fold_tile[2])(const TileData& tile, int head_dim, float scale, const TileQuery* queries, int n_queries);
  void (*append_head[2])(const float* k, const float* v, int head_dim, void* k_column, void* v_row);
  void (*clear_state)(int head_dim, float* state);
  void (*merge_state)(int head_dim, float* into, const float* part);
  void (*finish_state)(int head_dim, const float* state, float* out);
};

extern const AttentionKernels kAttentionPortable;
extern const AttentionKernels kAttentionAvx2;
extern const AttentionKernels kAttentionAvx512;

inline const AttentionKernels& attention_kernels(Isa isa) {
  return isa == Isa::avx512 ? kAttentionAvx512 : isa == Isa::avx2 ? kAttentionAvx2 : kAttentionPortable;
}

}  // namespace tern::cpu
