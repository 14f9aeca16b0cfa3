// Interval-mask attention over a paged KV arena, with online softmax (Milakov & Gimelshein 2018; Dao 2022).
//
// Layout of one layer, per page of 64 slots and per kv head, so that scores and sums run along vectors:
//   K transposed: [n_pages, n_kv_heads, head_dim, 64]     V: [n_pages, n_kv_heads, 64, head_dim]
//
// Order of operations, the same for prefill and decode, any chunking, any batch, any number of threads (hence the same bits):
// a tile is the part of one segment in one page; a score is summed over d in ascending order; tiles of a split are folded by
// online softmax in ascending order; a split is the tiles whose index / kSplitLen is equal; splits are merged in ascending
// order. Keys that a row does not see are selected away, never multiplied (NaN * 0 is NaN). docs/attention.md says more.
#pragma once

#include <cstdint>

#include "core/pool.h"
#include "cpu/isa.h"

namespace tern::cpu {

// Indices, a multiple of TERN_PAGE_LEN. By count of instructions, merging a split costs 1 % of folding it.
constexpr int kSplitLen = 512;

struct KvLayer {
  void* k;
  void* v;
  int32_t type;  // TERN_TYPE_F32 or TERN_TYPE_F16
  int32_t n_kv_heads;
  int32_t head_dim;
};

// Writes K (rotated) and V of n_rows rows to their slots. k, v: rows of n_kv_heads * head_dim floats, strides given.
void kv_append(Pool& pool, Isa isa, const KvLayer& kv, const float* k, int k_stride, const float* v, int v_stride,
               const int32_t* slot, int n_rows);

struct AttentionSegment {
  int32_t slot;
  int32_t len;
  int64_t index;  // of its first key
  int32_t rotation;
};

// One sequence of the batch: its rows [row_begin, row_end) and segments.
struct AttentionSeq {
  int32_t row_begin;
  int32_t row_end;
  const AttentionSegment* segments;
  int32_t n_segments;
};

struct AttentionArgs {
  const float* q;           // [n_rotations, n_rows, n_heads * head_dim], rotated, not yet scaled
  int32_t n_rows;           // all rows of the batch
  int32_t n_heads;
  const int64_t* sink_end;  // [n_rows]
  const int64_t* lo;        // [n_rows]
  const int64_t* hi;        // [n_rows]
  const AttentionSeq* seqs;
  int32_t n_seqs;
  float* out;               // [n_rows, n_heads * head_dim]
  bool one_stream = false;  // how K and V are read from memory: plan/stream_plan.h
};

// Scratch that attention needs for up to max_rows rows whose segments hold at most max_keys keys in max_segments segments, with
// a pool of up to n_threads. More keys than that are still correct, but divided among fewer threads.
int64_t attention_scratch_bytes(int n_threads, int max_rows, int n_heads, int n_kv_heads, int head_dim,
                                int64_t max_keys, int max_segments);

void attention(Pool& pool, Isa isa, const KvLayer& kv, const AttentionArgs& args, void* scratch, int64_t scratch_bytes);

}  // namespace tern::cpu
