#include "runner_cuda.h"

#include <algorithm>
#include <cstring>

#include "core/checked.h"

namespace tern::cuda {
namespace {

constexpr int kAlign = 256;
constexpr size_t kMaxGraphs = 64;

// Rows and outputs of a decode step are padded to 1, 2, 4 and multiples of 8; work to powers of two.
int bucket_of(int n, int most) {
  const int padded = n <= 2 ? n : n <= 4 ? 4 : (n + 7) / 8 * 8;
  return std::min(padded, std::max(most, n));
}
int work_bucket_of(int n, int most) {
  int padded = 8;
  while (padded < n) padded *= 2;
  return std::min(padded, std::max(most, n));
}

}  // namespace

// Offsets of a step's arrays, the same in staging and on the device. n_rows and n_outputs are the padded numbers.
struct CudaRunner::Layout {
  int n_rows, n_outputs, n_segments, n_decode;
  bool decode_only;
  int64_t counts, token, slot, rope_pos, q_pos, sink_end, lo, hi, output_row, target, temperature, top_k, top_p, min_p,
      repeat_penalty, seed, draw, penalty_begin, combine, decode, prefill, segment_slot, segment_len, segment_index,
      segment_rotation, penalty_token;
  int64_t input_bytes;             // all above
  int64_t out_token, out_logprob;  // results
  int64_t end;

  Layout(int rows, int outputs, int rotations, int segments, int decode_work, int combine_work, int prefill_work,
         int64_t n_penalty)
      : n_rows(rows), n_outputs(outputs), n_segments(segments), n_decode(decode_work), decode_only(prefill_work == 0) {
    int64_t at = 0;
    const auto take = [&](int64_t n, int64_t size) {
      const int64_t begin = at;
      at = round_up(checked_add(at, checked_mul(n, size)), kAlign);
      return begin;
    };
    counts = take(1, sizeof(AttentionCounts));
    token = take(rows, 4), slot = take(rows, 4);
    rope_pos = take(rows, 8), q_pos = take(int64_t(rows) * rotations, 8);
    sink_end = take(rows, 8), lo = take(rows, 8), hi = take(rows, 8);
    output_row = take(outputs, 4), target = take(outputs, 4), temperature = take(outputs, 4), top_k = take(outputs, 4);
    top_p = take(outputs, 4), min_p = take(outputs, 4), repeat_penalty = take(outputs, 4);
    seed = take(outputs, 8), draw = take(outputs, 8), penalty_begin = take(outputs + 1, 4);
    combine = take(combine_work, sizeof(CombineWork)), decode = take(decode_work, sizeof(DecodeWork));
    // The results' places must not depend on what follows, whose length is no part of a graph's key.
    out_token = take(outputs, 4), out_logprob = take(outputs, 4);
    prefill = take(prefill_work, sizeof(PrefillWork));
    segment_slot = take(segments, 4), segment_len = take(segments, 4), segment_index = take(segments, 8);
    segment_rotation = take(segments, 4);
    penalty_token = take(n_penalty, 4);
    input_bytes = end = at;
  }
};

namespace {

// Penalty tokens have no limit of their own in a batch; room for so many an output is made beforehand.
constexpr int64_t kPenaltyRoom = 256;

}  // namespace

int64_t CudaRunner::bytes(const HeadShape& shape, const StepLimits& l) {
  const AttentionCapacity c = attention_capacity(l.max_rows, l.max_seqs, l.max_segments, int64_t(l.n_pages) * TERN_PAGE_LEN,
                                                 attention_prefill_rows(shape.n_heads, shape.n_kv_heads));
  const Layout layout(l.max_rows, l.max_outputs, l.max_rotations, l.max_segments, c.n_decode, std::max(c.n_combine, l.max_rows),
                      c.n_prefill, kPenaltyRoom * l.max_outputs);
  return 2 * layout.end;
}

CudaRunner::CudaRunner(Context& context, const HeadShape& shape, const StepLimits& limits)
    : context_(context),
      limits_(limits),
      capacity_(attention_capacity(limits.max_rows, limits.max_seqs, limits.max_segments,
                                   int64_t(limits.n_pages) * TERN_PAGE_LEN,
                                   attention_prefill_rows(shape.n_heads, shape.n_kv_heads))),
      prefill_rows_(attention_prefill_rows(shape.n_heads, shape.n_kv_heads)),
      prefill_(static_cast<size_t>(capacity_.n_prefill)),
      decode_(static_cast<size_t>(capacity_.n_decode)),
      combine_(static_cast<size_t>(capacity_.n_combine)) {
  const int64_t half = bytes(shape, limits) / 2;
  device_ = context.allocate(half, "an engine's step (lower the rows, sequences or window)");
  staging_ = context.allocate_pinned(half, "an engine's step");
}

CudaRunner::Layout CudaRunner::stage(const tern_batch& b, AttentionCounts* counts) {
  *counts = attention_plan(attention_batch(b), prefill_rows_, capacity_, prefill_.data(), decode_.data(), combine_.data());
  const bool decode_only = counts->n_prefill == 0;
  const int64_t n_penalty = b.n_outputs ? b.penalty_begin[b.n_outputs] : 0;
  const Layout l(decode_only ? bucket_of(b.n_rows, limits_.max_rows) : b.n_rows,
                 decode_only ? bucket_of(b.n_outputs, limits_.max_outputs) : b.n_outputs, b.n_rotations,
                 decode_only ? 0 : b.n_segments,
                 decode_only ? work_bucket_of(counts->n_decode, capacity_.n_decode) : counts->n_decode,
                 decode_only ? bucket_of(b.n_rows, limits_.max_rows) : counts->n_combine, counts->n_prefill, n_penalty);
  if (l.end > staging_.size()) {  // more penalty tokens than there was room for: make room, once
    const int64_t room = checked_mul(l.end, 2);
    graphs_.clear();
    device_ = Buffer();
    staging_ = Buffer();
    device_ = context_.allocate(room, "a step with that many penalty tokens");
    staging_ = context_.allocate_pinned(room, "a step with that many penalty tokens");
  }
  uint8_t* const base = staging_.as<uint8_t>();
  // Copies n elements and fills up to padded with a value that makes a padding row harmless.
  const auto put = [&](int64_t offset, const auto* from, int n, int padded, auto filler) {
    using T = std::remove_const_t<std::remove_pointer_t<decltype(from)>>;
    T* const to = reinterpret_cast<T*>(base + offset);
    if (from) std::memcpy(to, from, sizeof(T) * static_cast<size_t>(n));
    for (int i = from ? n : 0; i < padded; i++) to[i] = static_cast<T>(filler);
  };
  put(l.counts, counts, 1, 1, AttentionCounts{});
  put(l.token, b.token, b.n_rows, l.n_rows, 0);
  put(l.slot, b.slot, b.n_rows, l.n_rows, -1);
  put(l.rope_pos, b.rope_pos, b.n_rows, l.n_rows, 0);
  int64_t* const q_pos = reinterpret_cast<int64_t*>(base + l.q_pos);
  for (int r = 0; r < b.n_rotations; r++)
    for (int i = 0; i < l.n_rows; i++)
      q_pos[int64_t(r) * l.n_rows + i] = i < b.n_rows && b.q_pos ? b.q_pos[int64_t(i) * b.n_rotations + r] : 0;
  put(l.sink_end, b.sink_end, b.n_rows, l.n_rows, 0);
  put(l.lo, b.lo, b.n_rows, l.n_rows, 0);
  put(l.hi, b.hi, b.n_rows, l.n_rows, -1);
  put(l.output_row, b.output_row, b.n_outputs, l.n_outputs, 0);
  put(l.target, b.target, b.n_outputs, l.n_outputs, 0);
  put(l.temperature, b.temperature, b.n_outputs, l.n_outputs, 0);
  put(l.top_k, b.top_k, b.n_outputs, l.n_outputs, 0);
  put(l.top_p, b.top_p, b.n_outputs, l.n_outputs, 1);
  put(l.min_p, b.min_p, b.n_outputs, l.n_outputs, 0);
  put(l.repeat_penalty, b.repeat_penalty, b.n_outputs, l.n_outputs, 1);
  put(l.seed, b.seed, b.n_outputs, l.n_outputs, 0);
  put(l.draw, b.draw, b.n_outputs, l.n_outputs, 0);
  put(l.penalty_begin, b.n_outputs ? b.penalty_begin : nullptr, b.n_outputs + 1, l.n_outputs + 1, n_penalty);
  put(l.penalty_token, b.penalty_token, static_cast<int>(n_penalty), static_cast<int>(n_penalty), 0);
  put(l.combine, combine_.data(), counts->n_combine, counts->n_combine, CombineWork{});
  put(l.decode, decode_.data(), counts->n_decode, counts->n_decode, DecodeWork{});
  if (!decode_only) {
    put(l.prefill, prefill_.data(), counts->n_prefill, counts->n_prefill, PrefillWork{});
    put(l.segment_slot, b.segment_slot, b.n_segments, b.n_segments, 0);
    put(l.segment_len, b.segment_len, b.n_segments, b.n_segments, 0);
    put(l.segment_index, b.segment_index, b.n_segments, b.n_segments, 0);
    put(l.segment_rotation, b.segment_rotation, b.n_segments, b.n_segments, 0);
  }
  return l;
}

void CudaRunner::bring(const tern_batch& b, const std::function<void(const Layout&, const AttentionCounts&, const Step&)>& then) {
  guarded(context_, [&] {
    AttentionCounts counts;
    const Layout l = stage(b, &counts);
    uint8_t* const base = device_.as<uint8_t>();
    const auto at = [&](auto* type, int64_t offset) { return reinterpret_cast<decltype(type)>(base + offset); };
    int32_t* const i32 = nullptr;
    int64_t* const i64 = nullptr;
    float* const f32 = nullptr;
    DevicePlan plan = {};
    plan.counts = at(static_cast<AttentionCounts*>(nullptr), l.counts);
    plan.prefill = at(static_cast<PrefillWork*>(nullptr), l.prefill);
    plan.decode = at(static_cast<DecodeWork*>(nullptr), l.decode);
    plan.combine = at(static_cast<CombineWork*>(nullptr), l.combine);
    plan.max_prefill = counts.n_prefill;
    plan.max_decode = l.n_decode;
    plan.max_combine = l.decode_only ? l.n_rows : counts.n_combine;

    Step step = {b, at(i64, l.q_pos), &plan};
    tern_batch& d = step.batch;
    d.n_rows = l.n_rows, d.n_outputs = l.n_outputs, d.n_segments = l.n_segments;
    d.token = at(i32, l.token), d.slot = at(i32, l.slot), d.rope_pos = at(i64, l.rope_pos), d.q_pos = nullptr;
    d.sink_end = at(i64, l.sink_end), d.lo = at(i64, l.lo), d.hi = at(i64, l.hi);
    d.seq_row_begin = nullptr, d.seq_segment_begin = nullptr;
    d.segment_slot = at(i32, l.segment_slot), d.segment_len = at(i32, l.segment_len);
    d.segment_index = at(i64, l.segment_index), d.segment_rotation = at(i32, l.segment_rotation);
    d.output_row = at(i32, l.output_row), d.target = at(i32, l.target), d.temperature = at(f32, l.temperature);
    d.top_k = at(i32, l.top_k), d.top_p = at(f32, l.top_p), d.min_p = at(f32, l.min_p);
    d.repeat_penalty = at(f32, l.repeat_penalty), d.seed = at(i64, l.seed), d.draw = at(i64, l.draw);
    d.penalty_begin = at(i32, l.penalty_begin), d.penalty_token = at(i32, l.penalty_token);
    d.out_token = at(i32, l.out_token), d.out_logprob = at(f32, l.out_logprob);

    check(cudaMemcpyAsync(base, staging_.as<void>(), static_cast<size_t>(l.end), cudaMemcpyHostToDevice, context_.stream()),
          "copying a step to the GPU");
    then(l, counts, step);
  });
}

void CudaRunner::run(const tern_batch& b, const Body& body) {
  bring(b, [&](const Layout& l, const AttentionCounts& counts, const Step& step) {
    const cudaStream_t stream = context_.stream();
    launch(l, counts, step, body);
    if (b.n_outputs)  // both results lie together
      check(cudaMemcpyAsync(staging_.as<uint8_t>() + l.out_token, device_.as<uint8_t>() + l.out_token,
                            static_cast<size_t>(l.out_logprob - l.out_token) + sizeof(float) * b.n_outputs,
                            cudaMemcpyDeviceToHost, stream),
            "copying a step's results");
    check(cudaStreamSynchronize(stream), "a step");
    if (b.n_outputs) {
      std::memcpy(b.out_token, staging_.as<uint8_t>() + l.out_token, sizeof(int32_t) * b.n_outputs);
      std::memcpy(b.out_logprob, staging_.as<uint8_t>() + l.out_logprob, sizeof(float) * b.n_outputs);
    }
  });
}

void CudaRunner::show(const tern_batch& b, const Body& body) {
  bring(b, [&](const Layout&, const AttentionCounts&, const Step& step) {
    body(step);
    check(cudaStreamSynchronize(context_.stream()), "a step");
  });
}

void CudaRunner::launch(const Layout& l, const AttentionCounts& counts, const Step& step, const Body& body) {
  if (counts.n_prefill) {
    body(step);
    return;
  }
  const Key key = {l.n_rows, l.n_outputs, step.batch.n_rotations, l.n_decode};
  auto found = graphs_.find(key);
  if (found == graphs_.end()) {
    if (graphs_.size() >= kMaxGraphs) graphs_.clear();
    found = graphs_.emplace(key, Graph(context_, [&] { body(step); })).first;
  }
  found->second.launch(context_.stream());
}

}  // namespace tern::cuda
