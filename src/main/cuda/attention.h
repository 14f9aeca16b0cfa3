// Attention over the paged arena: work lists made on the host (plan/attention_plan.h), and the launchers that run them.
// Row i sees key j if index_j < sink_end_i or lo_i <= index_j <= hi_i; a segment names the rotation of the query it is read with.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "kv_arena.h"
#include "launch.h"
#include "plan/attention_plan.h"

namespace tern::cuda {

// Device memory throughout.
struct AttentionArgs {
  KvArena kv;
  const void* q;             // [n_rotations, n_rows, n_heads, head_dim], F16 if kv.type is F16 or I8, BF16 if it is BF16; rotated
  int n_rows;
  int n_heads;
  float scale;               // of scores: 1 / sqrt(head_dim)
  const int64_t* sink_end;   // [n_rows]
  const int64_t* lo;         // [n_rows]
  const int64_t* hi;         // [n_rows]
  const int32_t* segment_slot;      // [n_segments]
  const int32_t* segment_len;
  const int64_t* segment_index;
  const int32_t* segment_rotation;
  const PrefillWork* prefill;  // [capacity]; the number of valid ones is counts->n_prefill
  const DecodeWork* decode;    // [capacity]
  const CombineWork* combine;  // [capacity]
  const AttentionCounts* counts;
  float* partial;            // [decode capacity, n_heads, head_dim + 2]: sum of e^(s - m) v, then m * log2(e), then sum of e^(s - m)
  float* out;                // [n_rows, n_heads, head_dim]
};

// Sequences of several rows: tiles of rows and the query heads of a kv head against their segments, 64 keys at a time. max_work: blocks
// are launched for that many work items, and the ones beyond counts->n_prefill end at once.
void launch_attention_prefill(const AttentionArgs& args, int max_work, const DeviceInfo& device, cudaStream_t stream);

// The same on Hopper (sm90/attention_prefill_sm90.cu), which launch_attention_prefill asks first: false if it is not for this device or shape.
bool launch_attention_prefill_sm90(const AttentionArgs& args, int max_work, const DeviceInfo& device, cudaStream_t stream);

// Sequences of one row: one block per split and kv head, the head group's queries packed into one 16-row tile; then the states of
// each row's splits are merged in ascending order. max_work, max_rows: as above, for counts->n_decode and counts->n_combine.
void launch_attention_decode(const AttentionArgs& args, int max_work, int max_rows, const DeviceInfo& device, cudaStream_t stream);

}  // namespace tern::cuda
