#include "plan/attention_plan.h"

#include <algorithm>
#include <limits>

#include "core/checked.h"

namespace tern {
namespace {

constexpr int kPrefillQueries = 128;  // of a tile: rows times query heads of a kv head
constexpr int32_t kMaxSplitKeys = 1 << 30;

// Whether row i sees any index of [begin, end).
bool sees_any(const AttentionBatch& b, int i, int64_t begin, int64_t end) {
  return begin < b.sink_end[i] || std::max(begin, b.lo[i]) <= std::min(end - 1, b.hi[i]);
}

// Calls use(slot, len, index, rotation) for every split of a segment that row i sees something of.
template <class Use>
void for_each_split(const AttentionBatch& b, int i, int segment, int64_t split_keys, Use&& use) {
  const int64_t first = b.segment_index[segment], end = first + b.segment_len[segment];
  for (int64_t begin = first; begin < end;) {
    const int64_t next = std::min(end, (begin / split_keys + 1) * split_keys);
    if (sees_any(b, i, begin, next))
      use(static_cast<int32_t>(b.segment_slot[segment] + (begin - first)), static_cast<int32_t>(next - begin), begin,
          b.segment_rotation[segment]);
    begin = next;
  }
}

int64_t count_splits(const AttentionBatch& b, int64_t split_keys) {
  int64_t n = 0;
  for (int s = 0; s < b.n_seqs; s++) {
    if (b.seq_row_begin[s + 1] - b.seq_row_begin[s] != 1) continue;
    for (int segment = b.seq_segment_begin[s]; segment < b.seq_segment_begin[s + 1]; segment++)
      for_each_split(b, b.seq_row_begin[s], segment, split_keys, [&](int32_t, int32_t, int64_t, int32_t) { n++; });
  }
  return n;
}

PrefillWork prefill_work(const AttentionBatch& b, int seq, int begin, int end) {
  PrefillWork w = {begin, end - begin, b.seq_segment_begin[seq], b.seq_segment_begin[seq + 1],
                   b.sink_end[begin], b.lo[begin], b.hi[begin], b.sink_end[begin], b.lo[begin], b.hi[begin]};
  for (int i = begin + 1; i < end; i++) {
    w.sink_max = std::max(w.sink_max, b.sink_end[i]);
    w.lo_min = std::min(w.lo_min, b.lo[i]);
    w.hi_max = std::max(w.hi_max, b.hi[i]);
    w.sink_min = std::min(w.sink_min, b.sink_end[i]);
    w.lo_max = std::max(w.lo_max, b.lo[i]);
    w.hi_min = std::min(w.hi_min, b.hi[i]);
  }
  return w;
}

int32_t to_count(int64_t n) {
  return static_cast<int32_t>(std::min<int64_t>(n, std::numeric_limits<int32_t>::max()));
}

}  // namespace

int attention_prefill_rows(int n_heads, int n_kv_heads) {
  return std::max(1, kPrefillQueries / (n_heads / n_kv_heads));
}

AttentionCapacity attention_capacity(int max_rows, int max_seqs, int max_segments, int64_t n_slots, int prefill_rows) {
  // A segment of len keys has at most len / split_keys + 2 splits, and keys of sequences that share nothing add up to n_slots at most.
  const int64_t splits = n_slots / kSplitKeys + 1 + 2 * int64_t(max_segments);
  return {to_count(std::min<int64_t>(max_rows, max_rows / prefill_rows + int64_t(max_seqs))), to_count(splits),
          std::min(max_rows, max_seqs)};
}

AttentionCounts attention_plan(const AttentionBatch& b, int prefill_rows, const AttentionCapacity& capacity,
                               PrefillWork* prefill, DecodeWork* decode, CombineWork* combine) {
  AttentionCounts counts = {0, 0, 0, kSplitKeys};
  while (count_splits(b, counts.split_keys) > capacity.n_decode && counts.split_keys < kMaxSplitKeys) counts.split_keys *= 2;
  for (int s = 0; s < b.n_seqs; s++) {
    const int begin = b.seq_row_begin[s], end = b.seq_row_begin[s + 1];
    if (end - begin == 1) {
      const int32_t first = counts.n_decode;
      for (int segment = b.seq_segment_begin[s]; segment < b.seq_segment_begin[s + 1]; segment++)
        for_each_split(b, begin, segment, counts.split_keys, [&](int32_t slot, int32_t len, int64_t index, int32_t rotation) {
          if (counts.n_decode == capacity.n_decode) fail(TERN_ERR_INTERNAL, "more splits than there is room for");
          decode[counts.n_decode++] = {begin, slot, len, rotation, index};
        });
      if (counts.n_combine == capacity.n_combine) fail(TERN_ERR_INTERNAL, "more rows than there is room for");
      combine[counts.n_combine++] = {begin, first, counts.n_decode - first, 0};
    } else {
      for (int row = begin; row < end; row += prefill_rows) {
        if (counts.n_prefill == capacity.n_prefill) fail(TERN_ERR_INTERNAL, "more tiles of rows than there is room for");
        prefill[counts.n_prefill++] = prefill_work(b, s, row, std::min(end, row + prefill_rows));
      }
    }
  }
  return counts;
}

}  // namespace tern
