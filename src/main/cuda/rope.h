// Angles, rotation, and writing K and V into the arena.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "kv_arena.h"
#include "launch.h"

namespace tern::cuda {

// cos_sin [n_rows, rope_dim]: cosines, then sines, of pos[i] * inv_freq[j]; angles in fp64 with the product's rounding error kept.
void launch_rope_table(const int64_t* pos, int n_rows, const double* inv_freq, int rope_dim, float* cos_sin, cudaStream_t stream);

// x, out [n_rows, n_heads, head_dim] floats; x may be out.
void launch_rope(const float* x, const float* cos_sin, int style, int n_rows, int n_heads, int head_dim, int rope_dim, float* out,
                 cudaStream_t stream);

struct RopeAppendArgs {
  KvArena kv;
  const float* q;        // [n_rows, n_heads, head_dim]
  const float* k;        // [n_rows, n_kv_heads, head_dim]
  const float* v;        // [n_rows, n_kv_heads, head_dim]
  const float* q_table;  // [n_rotations, n_rows, rope_dim]
  const float* k_table;  // [n_rows, rope_dim]
  const int32_t* slot;   // [n_rows]; -1: the row is not written
  int n_rows;
  int n_heads;
  int n_rotations;
  int style;
  int rope_dim;
  void* q_out;           // [n_rotations, n_rows, n_heads, head_dim], F16 or BF16 as AttentionArgs.q
};

// In one launch: q rotated once per rotation, k rotated and written to its slot, v written to its slot. int8: scale = max |x| / 127 of the
// row's head (1 where that is 0), value = round half to even (x / scale).
void launch_rope_append(const RopeAppendArgs& args, cudaStream_t stream);

// Overwrites K and V of slots [slot, slot + len) with value (int8: its scale with value, elements with 1).
void launch_kv_fill(const KvArena& kv, int slot, int len, float value, cudaStream_t stream);

// Writes and reads back rows of floats, without rotation: for tests and tern_op_attention. k, v [n, n_kv_heads, head_dim].
void launch_kv_write(const KvArena& kv, const float* k, const float* v, const int32_t* slot, int n, cudaStream_t stream);
void launch_kv_read(const KvArena& kv, const int32_t* slot, int n, float* k, float* v, cudaStream_t stream);
// n floats rounded to F16 or BF16: q as launch_rope_append leaves it, without rotation.
void launch_q_write(const float* q, int64_t n, bool bf16, void* out, cudaStream_t stream);

}  // namespace tern::cuda
