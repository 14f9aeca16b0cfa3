// The step that a benchmarked op is shown: as many sequences, keys and outputs as the case says.
#include <algorithm>

#include "bench/op_bench.h"
#include "core/checked.h"

namespace tern {
namespace {

constexpr int kStreams = 16;  // rows up to so many are one of a stream each: their slots lie in different pages

}  // namespace

BenchBatch::BenchBatch(const BenchCase& c) : batch{}, limits{} {
  const bool decode = c.op == TERN_BENCH_ATTENTION_DECODE, prefill = c.op == TERN_BENCH_ATTENTION_PREFILL;
  const int n = c.n_rows, n_seqs = decode ? n : 1, n_segments = decode || prefill ? n_seqs : 0;
  const int n_keys = n_segments ? c.n_in : 0, seq_pages = (n_keys + TERN_PAGE_LEN - 1) / TERN_PAGE_LEN;
  const size_t rows = static_cast<size_t>(n);
  for (int i = 0; i < n; i++) {
    const int64_t index = decode ? n_keys - 1 : prefill ? n_keys - n + i : i;
    slot.push_back(static_cast<int32_t>(decode                ? int64_t(i) * seq_pages * TERN_PAGE_LEN + index
                                        : prefill             ? index
                                        : n <= kStreams ? int64_t(i) * TERN_PAGE_LEN + i
                                                              : i));
    rope_pos.push_back(index);
    lo.push_back(0);
    hi.push_back(n_segments ? index : -1);
    output_row.push_back(i);
    seed.push_back(i);
  }
  q_pos = rope_pos;
  token.assign(rows, 0), sink_end.assign(rows, 0), draw.assign(rows, 0);
  target.assign(rows, -1), top_k.assign(rows, 40), temperature.assign(rows, 0.8f), top_p.assign(rows, 0.95f);
  min_p.assign(rows, 0), repeat_penalty.assign(rows, 1), penalty_begin.assign(rows + 1, 0), penalty_token.assign(1, 0);
  out_token.assign(rows, -2), out_logprob.assign(rows, 0);
  for (int s = 0; s <= n_seqs; s++) {
    seq_row_begin.push_back(decode ? s : s * n);
    seq_segment_begin.push_back(n_segments ? s : 0);
  }
  for (int s = 0; s < n_segments; s++) {
    segment_slot.push_back(s * seq_pages * TERN_PAGE_LEN);
    segment_len.push_back(n_keys);
    segment_index.push_back(0);
    segment_rotation.push_back(0);
  }
  const int row_pages = n <= kStreams ? n : (n + TERN_PAGE_LEN - 1) / TERN_PAGE_LEN;
  limits = {n, n_seqs, std::max(1, n_segments), 1, n, n_segments ? n_seqs * seq_pages : row_pages};

  tern_batch& b = batch;
  b.struct_size = sizeof b;
  b.n_rows = n, b.n_seqs = n_seqs, b.n_segments = n_segments, b.n_rotations = 1;
  b.n_outputs = c.op == TERN_BENCH_SAMPLE ? n : 0;
  b.token = token.data(), b.slot = slot.data(), b.rope_pos = rope_pos.data(), b.q_pos = q_pos.data();
  b.sink_end = sink_end.data(), b.lo = lo.data(), b.hi = hi.data();
  b.seq_row_begin = seq_row_begin.data(), b.seq_segment_begin = seq_segment_begin.data();
  b.segment_slot = segment_slot.data(), b.segment_len = segment_len.data();
  b.segment_index = segment_index.data(), b.segment_rotation = segment_rotation.data();
  b.output_row = output_row.data(), b.target = target.data(), b.temperature = temperature.data();
  b.top_k = top_k.data(), b.top_p = top_p.data(), b.min_p = min_p.data(), b.repeat_penalty = repeat_penalty.data();
  b.seed = seed.data(), b.draw = draw.data();
  b.penalty_begin = penalty_begin.data(), b.penalty_token = penalty_token.data();
  b.out_token = out_token.data(), b.out_logprob = out_logprob.data();
}

}  // namespace tern
