// The CUDA backend: the ops of core/backend.h on the kernels of this folder, one GPU, one stream.
#include "backend_cuda.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "activations.h"
#include "attention.h"
#include "context.h"
#include "core/checked.h"
#include "dense.h"
#include "dense_plan.h"
#include "memory_pattern.h"
#include "meter_cuda.h"
#include "rope.h"
#include "runner_cuda.h"
#include "sample.h"
#include "ternary.h"
#include "ternary_plan.h"
#include "weight_cuda.h"

namespace tern::cuda {
namespace {

constexpr int kKvAlign = 256;

bool is_half(int type) { return type == TERN_TYPE_F16 || type == TERN_TYPE_BF16; }

class CudaBackend final : public Backend {
 public:
  explicit CudaBackend(int index) : context_(index), plan_(context_), dense_plan_(context_) {}

  std::string describe() override {
    return "{\"backend\": \"cuda\", " + context_.json() + ", \"dense\": " + dense_plan_.json() + ", \"ternary_plan\": " + plan_.json() + "}";
  }
  int n_threads() const override { return 1; }
  void set_threads(int n) override {
    TERN_CHECK_ARG(n == 1, "%d threads: the cuda backend computes on the GPU", n);
  }

  Buffer allocate(int64_t n_bytes, const char* purpose) override { return context_.allocate(n_bytes, purpose); }
  bool host_memory() const override { return false; }
  void upload(void* to, const void* host, int64_t n_bytes) override { context_.upload(to, host, n_bytes); }
  void download(void* host, const void* from, int64_t n_bytes) override { context_.download(host, from, n_bytes); }

  std::unique_ptr<Weight> create_weight(int type, int store, int n_rows, int n_cols, float scale, bool vector) override {
    auto weight = std::make_unique<CudaWeight>(context_, type, store, n_rows, n_cols, scale, vector);
    if (weight->ternary())
      plan_.measure(n_rows, n_cols);
    else if (is_half(weight->dense_matrix().type))
      dense_plan_.prepare();
    return weight;
  }
  std::unique_ptr<StepRunner> create_runner(const HeadShape& shape, const StepLimits& limits) override {
    return std::make_unique<CudaRunner>(context_, shape, limits);
  }
  int64_t runner_bytes(const HeadShape& shape, const StepLimits& limits) override { return CudaRunner::bytes(shape, limits); }

  int64_t kv_layer_bytes(const HeadShape& s, int n_pages) override {
    return checked_mul(2, data_bytes(s, n_pages) + scale_bytes(s, n_pages));
  }
  int64_t q_rotated_bytes(const HeadShape& s, int n_rows, int n_rotations) override {
    return checked_mul(checked_mul(int64_t(n_rows) * n_rotations, int64_t(s.n_heads) * s.head_dim), 2);
  }
  int64_t matmul_scratch_bytes(const Weight& weight, int max_rows) override {
    const CudaWeight& w = static_cast<const CudaWeight&>(weight);
    return !w.ternary() && is_half(w.dense_matrix().type) ? dense_halves_scratch_bytes(w.n_cols(), max_rows) : 0;
  }
  int64_t attention_scratch_bytes(const HeadShape& s, const StepLimits& l) override {
    const AttentionCapacity c = attention_capacity(l.max_rows, l.max_seqs, l.max_segments, int64_t(l.n_pages) * TERN_PAGE_LEN,
                                                   attention_prefill_rows(s.n_heads, s.n_kv_heads));
    return checked_mul(checked_mul(c.n_decode, s.n_heads), int64_t(s.head_dim + 2) * 4);
  }
  int64_t sample_scratch_bytes(int vocab_size, int max_outputs) override {
    return cuda::sample_scratch_bytes(vocab_size, max_outputs);
  }

  void embed(const Weight& table, const int32_t* ids, int n, float* out) override {
    run([&] { launch_embed(static_cast<const CudaWeight&>(table).dense_matrix(), ids, n, out, stream()); });
  }
  Activations activations(const ActivationsSource& source, int n_rows, int dim, bool f32, bool int8,
                          const ActivationsBuffer& buffer) override;
  void matmul(const Projection* projections, int n, const Activations& a, int n_rows, Span scratch) override;
  void rope_table(const int64_t* pos, int n_rows, const double* inv_freq, int rope_dim, float* cos_sin) override {
    run([&] { launch_rope_table(pos, n_rows, inv_freq, rope_dim, cos_sin, stream()); });
  }
  void rope(const float* x, const float* cos_sin, int style, int n_rows, int n_heads, int head_dim, int rope_dim,
            float* out) override {
    run([&] { launch_rope(x, cos_sin, style, n_rows, n_heads, head_dim, rope_dim, out, stream()); });
  }
  void rope_append(const KvLayerSpan& kv, const HeadShape& s, const RopeAppend& a) override {
    const RopeAppendArgs args = {arena_of(kv, s), a.q,       a.k,           a.v,     a.q_table,  a.k_table,  a.slot,
                                 a.n_rows,        s.n_heads, a.n_rotations, a.style, a.rope_dim, a.q_rotated};
    run([&] { launch_rope_append(args, stream()); });
  }
  void attention(const KvLayerSpan& kv, const HeadShape& shape, const Step& step, const void* q, float* out,
                 Span scratch) override;
  void gather(const float* x, const int32_t* rows, int n, int dim, float* out) override {
    run([&] { launch_gather(x, rows, n, dim, out, stream()); });
  }
  void sample(const float* logits, int vocab_size, const tern_batch& b, Span scratch) override {
    const SampleArgs args = {logits,  vocab_size,       b.n_outputs, b.target, b.temperature,   b.top_k,         b.top_p,
                             b.min_p, b.repeat_penalty, b.seed,      b.draw,   b.penalty_begin, b.penalty_token, scratch.data,
                             b.out_token, b.out_logprob};
    run([&] { launch_sample(args, context_.info(), stream()); });
  }

  void kv_write(const KvLayerSpan& kv, const HeadShape& s, const float* k, const float* v, const int32_t* slot,
                int n_rows) override {
    run([&] { launch_kv_write(arena_of(kv, s), k, v, slot, n_rows, stream()); });
  }
  void q_write(const HeadShape& s, const float* q, int64_t n_rows, void* q_rotated) override {
    run([&] { launch_q_write(q, n_rows * s.n_heads * s.head_dim, s.kv_type == TERN_TYPE_BF16, q_rotated, stream()); });
  }
  void fill_slots(const KvLayerSpan& kv, const HeadShape& s, int slot, int len, float value) override {
    run([&] { launch_kv_fill(arena_of(kv, s), slot, len, value, stream()); });
  }
  void ternary_int32(const char* kernel, const int8_t* w, int n_out, int n_in, const int8_t* q, int n_rows,
                     int32_t* out) override;
  double read_bandwidth(int64_t n_bytes, int n_passes) override { return meter_.read_bandwidth(n_bytes, n_passes); }
  Meter& meter() override { return meter_; }
  void pattern_write(void* data, int64_t n_words, const Pattern& pattern) override {
    run([&] { launch_pattern_write(static_cast<uint64_t*>(data), n_words, pattern, context_.info(), stream()); });
  }
  PatternFaults pattern_verify(const void* data, int64_t n_words, const Pattern& pattern) override;

 private:
  template <class Body>
  void run(Body&& body) {
    guarded(context_, body);
  }
  cudaStream_t stream() const { return context_.stream(); }

  // Of K, and as much again of V.
  static int64_t data_bytes(const HeadShape& s, int n_pages) {
    if (s.kv_type != TERN_TYPE_F16 && s.kv_type != TERN_TYPE_BF16 && s.kv_type != TERN_TYPE_I8)
      fail(TERN_ERR_INVALID_ARGUMENT, "cuda keeps keys and values as F16, BF16 or I8, not as %s",
           s.kv_type == TERN_TYPE_F32 ? "F32" : "another type");
    return round_up(checked_mul(checked_mul(int64_t(n_pages) * TERN_PAGE_LEN, int64_t(s.n_kv_heads) * s.head_dim),
                                s.kv_type == TERN_TYPE_I8 ? 1 : 2),
                    kKvAlign);
  }
  static int64_t scale_bytes(const HeadShape& s, int n_pages) {
    if (s.kv_type != TERN_TYPE_I8) return 0;
    return round_up(checked_mul(checked_mul(int64_t(n_pages) * TERN_PAGE_LEN, s.n_kv_heads), sizeof(float)), kKvAlign);
  }
  static KvArena arena_of(const KvLayerSpan& kv, const HeadShape& s) {
    uint8_t* const base = static_cast<uint8_t*>(kv.data);
    const int64_t data = data_bytes(s, kv.n_pages), scale = scale_bytes(s, kv.n_pages);
    float* const k_scale = scale ? reinterpret_cast<float*>(base + 2 * data) : nullptr;
    float* const v_scale = scale ? reinterpret_cast<float*>(base + 2 * data + scale) : nullptr;
    return {base, base + data, k_scale, v_scale, s.kv_type, kv.n_pages, s.n_kv_heads, s.head_dim};
  }

  Context context_;
  TernaryPlan plan_;
  DensePlan dense_plan_;
  CudaMeter meter_{context_, plan_, dense_plan_};
};

Activations CudaBackend::activations(const ActivationsSource& source, int n_rows, int dim, bool f32, bool int8,
                                     const ActivationsBuffer& buffer) {
  const bool as_it_is = !source.up && !source.norm;
  Activations a;
  if (f32) a.f32 = as_it_is ? source.x : buffer.f32;
  if (int8) {
    a.int8 = buffer.int8;
    a.scale = buffer.scale;
    a.sum = buffer.sum;
    a.int8_stride = static_cast<int>(round_up(dim, kInt8Align));
  }
  if (int8 || !as_it_is) {
    const ActivationsArgs args = {source.x, source.up, source.gate, source.norm, source.eps, n_rows, dim,
                                  f32 && !as_it_is ? buffer.f32 : nullptr, int8 ? buffer.int8 : nullptr, buffer.scale, buffer.sum};
    run([&] { launch_activations(args, stream()); });
  }
  return a;
}

void CudaBackend::matmul(const Projection* projections, int n, const Activations& a, int n_rows, Span scratch) {
  static_assert(kMaxProducts == kMaxTernaryProducts, "one limit for both");
  TERN_CHECK_ARG(n <= kMaxProducts, "%d projections at once", n);
  TernaryProduct ternary[kMaxProducts];
  DenseProduct dense[kMaxProducts];
  int n_ternary = 0, n_dense = 0, widest = 0;
  for (int i = 0; i < n; i++) {
    const CudaWeight& w = static_cast<const CudaWeight&>(*projections[i].weight);
    if (!w.ternary()) {
      dense[n_dense++] = {w.dense_matrix(), projections[i].out, projections[i].accumulate};
      continue;
    }
    ternary[n_ternary++] = {w.ternary_matrix(), projections[i].out, nullptr, projections[i].accumulate};
    widest = std::max(widest, w.n_rows());
  }
  run([&] {
    if (n_ternary) {
      const TernaryActs acts = {a.int8, a.scale, a.sum, a.int8_stride, n_rows};
      launch_ternary(plan_.pick(widest, ternary[0].w.n_cols, n_rows), ternary, n_ternary, acts, context_.info(), stream());
    }
    if (n_dense) {
      launch_dense_rows(dense, n_dense, a.f32, n_rows, stream());
      launch_dense_halves(dense_plan_.pick(n_rows), dense, n_dense, a.f32, n_rows, scratch.data, context_.info(), stream());
    }
  });
}

void CudaBackend::attention(const KvLayerSpan& kv, const HeadShape& s, const Step& step, const void* q, float* out,
                            Span scratch) {
  const tern_batch& b = step.batch;
  const DevicePlan& plan = *static_cast<const DevicePlan*>(step.plan);
  AttentionArgs args = {};
  args.kv = arena_of(kv, s);
  args.q = q;
  args.n_rows = b.n_rows;
  args.n_heads = s.n_heads;
  args.scale = static_cast<float>(1 / std::sqrt(static_cast<double>(s.head_dim)));
  args.sink_end = b.sink_end, args.lo = b.lo, args.hi = b.hi;
  args.segment_slot = b.segment_slot, args.segment_len = b.segment_len;
  args.segment_index = b.segment_index, args.segment_rotation = b.segment_rotation;
  args.prefill = plan.prefill, args.decode = plan.decode, args.combine = plan.combine, args.counts = plan.counts;
  args.partial = static_cast<float*>(scratch.data);
  args.out = out;
  run([&] {
    if (plan.max_prefill) launch_attention_prefill(args, plan.max_prefill, context_.info(), stream());
    if (plan.max_combine) launch_attention_decode(args, plan.max_decode, plan.max_combine, context_.info(), stream());
  });
}

void CudaBackend::ternary_int32(const char* kernel, const int8_t* w, int n_out, int n_in, const int8_t* q, int n_rows,
                                int32_t* out) {
  TERN_CHECK_ARG(n_in <= kMaxTernaryCols, "a ternary row of %d columns, at most %d", n_in, kMaxTernaryCols);
  TernaryKernel id;
  if (kernel && *kernel) {
    TERN_CHECK_ARG(ternary_kernel_from_name(kernel, &id), "no ternary kernel of cuda is called '%.64s'", kernel);
    if (!ternary_kernel_available(id, context_.info()))
      fail(TERN_ERR_UNSUPPORTED, "the ternary kernel %s is not for this GPU", kernel);
  } else {
    plan_.measure(n_out, n_in);
    id = plan_.pick(n_out, n_in, n_rows);
  }
  const int stride = static_cast<int>(round_up(n_in, kInt8Align));
  std::vector<uint8_t> packed(static_cast<size_t>(ternary_packed_bytes(n_out, n_in)));
  const int64_t tile_row = ternary_packed_bytes(kTernaryTileRows, n_in);
  for (int r = 0; r < n_out; r += kTernaryTileRows)
    ternary_pack(w + int64_t(r) * n_in, std::min(kTernaryTileRows, n_out - r), n_in,
                 packed.data() + tile_row * (r / kTernaryTileRows));
  std::vector<int8_t> rows(static_cast<size_t>(stride) * n_rows);
  std::vector<int32_t> sums(static_cast<size_t>(n_rows));
  for (int r = 0; r < n_rows; r++)
    for (int j = 0; j < n_in; j++) {
      rows[static_cast<size_t>(r) * stride + j] = q[int64_t(r) * n_in + j];
      sums[static_cast<size_t>(r)] += q[int64_t(r) * n_in + j];
    }
  const auto copy = [&](const void* from, int64_t n) {
    Buffer buffer = context_.allocate(n, "a ternary product");
    context_.upload(buffer.as<void>(), from, n);
    return buffer;
  };
  const int64_t n_results = checked_mul(n_out, n_rows);
  const Buffer tiles = copy(packed.data(), static_cast<int64_t>(packed.size())),
               acts = copy(rows.data(), static_cast<int64_t>(rows.size())), sum = copy(sums.data(), int64_t(n_rows) * 4),
               ones = copy(std::vector<float>(static_cast<size_t>(std::max(n_out, n_rows)), 1).data(),
                           int64_t(std::max(n_out, n_rows)) * 4),
               result = context_.allocate(checked_mul(n_results, 4), "a ternary product");
  const TernaryProduct product = {{tiles.as<void>(), ones.as<float>(), n_out, n_in}, nullptr, result.as<int32_t>(), false};
  run([&] {
    launch_ternary(id, &product, 1, {acts.as<int8_t>(), ones.as<float>(), sum.as<int32_t>(), stride, n_rows}, context_.info(),
                   stream());
  });
  context_.download(out, result.as<void>(), result.size());
}

PatternFaults CudaBackend::pattern_verify(const void* data, int64_t n_words, const Pattern& pattern) {
  PatternFaults faults;
  const Buffer found = context_.allocate(sizeof faults, "what a test of memory finds");
  context_.upload(found.as<void>(), &faults, sizeof faults);
  run([&] {
    launch_pattern_verify(static_cast<const uint64_t*>(data), n_words, pattern, found.as<PatternFaults>(), context_.info(), stream());
  });
  context_.download(&faults, found.as<void>(), sizeof faults);
  return faults;
}

}  // namespace

std::shared_ptr<Backend> open_backend(int index) { return std::make_shared<CudaBackend>(index); }

}  // namespace tern::cuda
