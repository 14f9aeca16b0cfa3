// How a step's attention is cut into work on the GPU: pure host functions over the plain arrays of tern_batch.
//
// A sequence of one row is decoded: each of its segments is cut into splits at multiples of split_keys of the keys' index, so that a
// row's splits, and with them the bits of its result, depend on its own stream alone. A sequence of several rows is prefilled in tiles of rows.
#pragma once

#include <cstdint>

#include "core/backend.h"

namespace tern {

// One split of one row: keys [index, index + len) in slots [slot, slot + len), all of one segment; none of it is wholly unseen.
struct DecodeWork {
  int32_t row;
  int32_t slot;
  int32_t len;
  int32_t rotation;
  int64_t index;
};

// All splits of one row: decode work items and partial states [first, first + n), in ascending order of index. n may be 0: output 0.
struct CombineWork {
  int32_t row;
  int32_t first;
  int32_t n;
  int32_t reserved;
};

// A tile of rows of one sequence with what its masks have in common: no row sees an index outside [0, sink_max) and [lo_min, hi_max];
// every row sees all of [0, sink_min) and [lo_max, hi_min].
struct PrefillWork {
  int32_t row;
  int32_t n_rows;
  int32_t segment_begin;
  int32_t segment_end;
  int64_t sink_max, lo_min, hi_max;
  int64_t sink_min, lo_max, hi_min;
};

struct AttentionCounts {
  int32_t n_prefill;
  int32_t n_decode;
  int32_t n_combine;
  int32_t split_keys;  // the length used
};

// Room for a step's work.
struct AttentionCapacity {
  int32_t n_prefill;
  int32_t n_decode;
  int32_t n_combine;
};

constexpr int kSplitKeys = 128;

// What steps of up to these sizes need at most. prefill_rows: rows of a prefill tile.
AttentionCapacity attention_capacity(int max_rows, int max_seqs, int max_segments, int64_t n_slots, int prefill_rows);

// Fills the lists of a step; arrays of batch are in host memory. Where sequences share so much of the arena that splits of kSplitKeys
// would not fit the capacity, they are doubled until they do.
AttentionCounts attention_plan(const AttentionBatch& batch, int prefill_rows, const AttentionCapacity& capacity,
                               PrefillWork* prefill, DecodeWork* decode, CombineWork* combine);

// Rows of a prefill tile: 128 queries (rows times query heads of a kv head), at least one row.
int attention_prefill_rows(int n_heads, int n_kv_heads);

}  // namespace tern
