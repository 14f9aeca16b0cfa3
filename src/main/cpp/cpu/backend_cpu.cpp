// The CPU backend: the ops of core/backend.h on the kernels of this folder, one pool of threads, one ISA tier.
#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

#include "core/backend.h"
#include "core/checked.h"
#include "cpu/attention.h"
#include "cpu/bandwidth.h"
#include "cpu/dense.h"
#include "cpu/gate.h"
#include "cpu/isa.h"
#include "cpu/memory_pattern.h"
#include "cpu/meter_cpu.h"
#include "cpu/norm.h"
#include "cpu/rope.h"
#include "cpu/sample.h"
#include "cpu/streams.h"
#include "cpu/task_share.h"
#include "cpu/ternary.h"
#include "cpu/weight_cpu.h"
#include "plan/stream_plan.h"

namespace tern {
namespace {

using namespace cpu;

int64_t q_pos_bytes(const StepLimits& limits) {
  return int64_t(limits.max_rows) * limits.max_rotations * static_cast<int64_t>(sizeof(int64_t));
}

class CpuBackend final : public Backend {
 public:
  explicit CpuBackend(int n_threads) : isa_(cpu::isa()), pool_(n_threads) {}

  std::string describe() override;
  int n_threads() const override { return pool_.n_threads(); }
  void set_threads(int n) override { pool_.resize(n); }

  std::unique_ptr<Weight> create_weight(int type, int store, int n_rows, int n_cols, float scale, bool vector) override {
    return create_cpu_weight(pool_, type, store, n_rows, n_cols, scale, vector);
  }

  Buffer allocate(int64_t n_bytes, const char* purpose) override { return Buffer(n_bytes, purpose); }
  bool host_memory() const override { return true; }
  void upload(void* to, const void* host, int64_t n_bytes) override {
    if (n_bytes > 0) std::memcpy(to, host, static_cast<size_t>(n_bytes));  // nothing may be a null pointer
  }
  void download(void* host, const void* from, int64_t n_bytes) override {
    if (n_bytes > 0) std::memcpy(host, from, static_cast<size_t>(n_bytes));
  }

  std::unique_ptr<StepRunner> create_runner(const HeadShape& shape, const StepLimits& limits) override;
  int64_t runner_bytes(const HeadShape&, const StepLimits& limits) override { return q_pos_bytes(limits); }

  int64_t kv_layer_bytes(const HeadShape& s, int n_pages) override {
    return checked_mul(2, half_layer_bytes(s, n_pages));
  }
  int64_t q_rotated_bytes(const HeadShape& s, int n_rows, int n_rotations) override {
    return checked_mul(checked_mul(int64_t(n_rows) * n_rotations, int64_t(s.n_heads) * s.head_dim), sizeof(float));
  }
  int64_t matmul_scratch_bytes(const Weight& weight, int max_rows) override {
    const CpuWeight& w = static_cast<const CpuWeight&>(weight);
    int64_t most = 0;  // few rows may need more than many: shared tables pay only for few
    for (int n = 1; n <= max_rows; n++) most = std::max(most, w.scratch_bytes(n));
    return most;
  }
  int64_t attention_scratch_bytes(const HeadShape& s, const StepLimits& l) override {
    return cpu::attention_scratch_bytes(pool_.n_threads(), l.max_rows, s.n_heads, s.n_kv_heads, s.head_dim,
                                        int64_t(l.n_pages) * TERN_PAGE_LEN, l.max_segments);
  }
  int64_t sample_scratch_bytes(int vocab_size, int) override {
    return checked_mul(round_up(cpu::sample_scratch_bytes(vocab_size), 64), pool_.n_threads());
  }

  void embed(const Weight& table, const int32_t* ids, int n, float* out) override {
    static_cast<const CpuWeight&>(table).embed(isa_, ids, n, out);
  }
  Activations activations(const ActivationsSource& source, int n_rows, int dim, bool f32, bool int8,
                          const ActivationsBuffer& buffer) override;
  void matmul(const Projection* projections, int n, const Activations& a, int n_rows, Span scratch) override;

  void expect(std::initializer_list<const Weight*> weights, int n_rows) override;
  void rope_table(const int64_t* pos, int n_rows, const double* inv_freq, int rope_dim, float* cos_sin) override {
    cpu::rope_table(pool_, pos, n_rows, inv_freq, rope_dim, cos_sin);
  }
  void rope(const float* x, const float* cos_sin, int style, int n_rows, int n_heads, int head_dim, int rope_dim,
            float* out) override {
    cpu::rope(pool_, isa_, x, n_heads * head_dim, cos_sin, style, n_rows, n_heads, head_dim, rope_dim, out,
              n_heads * head_dim);
  }
  void rope_append(const KvLayerSpan& kv, const HeadShape& s, const RopeAppend& a) override;
  void attention(const KvLayerSpan& kv, const HeadShape& shape, const Step& step, const void* q, float* out,
                 Span scratch) override;
  void gather(const float* x, const int32_t* rows, int n, int dim, float* out) override {
    for (int i = 0; i < n; i++)
      std::memcpy(out + int64_t(i) * dim, x + int64_t(rows[i]) * dim, sizeof(float) * static_cast<size_t>(dim));
  }
  void sample(const float* logits, int vocab_size, const tern_batch& batch, Span scratch) override;

  void kv_write(const KvLayerSpan& kv, const HeadShape& s, const float* k, const float* v, const int32_t* slot,
                int n_rows) override {
    const int dim = s.n_kv_heads * s.head_dim;
    cpu::kv_append(pool_, isa_, layer_of(kv, s), k, dim, v, dim, slot, n_rows);
  }
  void q_write(const HeadShape& s, const float* q, int64_t n_rows, void* q_rotated) override {
    std::memcpy(q_rotated, q, sizeof(float) * static_cast<size_t>(n_rows * s.n_heads * s.head_dim));
  }
  void fill_slots(const KvLayerSpan& kv, const HeadShape& shape, int slot, int len, float value) override;
  void ternary_int32(const char* kernel, const int8_t* w, int n_out, int n_in, const int8_t* q, int n_rows,
                     int32_t* out) override;
  double read_bandwidth(int64_t n_bytes, int n_passes) override {
    return cpu::read_bandwidth(pool_, isa_, n_bytes, n_passes);
  }
  void pattern_write(void* data, int64_t n_words, const Pattern& pattern) override {
    cpu::pattern_write(pool_, static_cast<uint64_t*>(data), n_words, pattern);
  }
  PatternFaults pattern_verify(const void* data, int64_t n_words, const Pattern& pattern) override {
    return cpu::pattern_verify(pool_, static_cast<const uint64_t*>(data), n_words, pattern);
  }
  Meter& meter() override { return meter_; }

 private:
  // Of K, and as much again of V.
  static int64_t half_layer_bytes(const HeadShape& s, int n_pages) {
    if (s.kv_type != TERN_TYPE_F32 && s.kv_type != TERN_TYPE_F16)
      fail(TERN_ERR_INVALID_ARGUMENT, "the cpu keeps keys and values as F32 or F16, not as %s",
           s.kv_type == TERN_TYPE_BF16 ? "BF16" : s.kv_type == TERN_TYPE_I8 ? "I8" : "another type");
    return checked_mul(checked_mul(int64_t(n_pages) * TERN_PAGE_LEN, int64_t(s.n_kv_heads) * s.head_dim),
                       s.kv_type == TERN_TYPE_F32 ? 4 : 2);
  }
  static KvLayer layer_of(const KvLayerSpan& kv, const HeadShape& s) {
    return {kv.data, static_cast<uint8_t*>(kv.data) + half_layer_bytes(s, kv.n_pages), s.kv_type, s.n_kv_heads, s.head_dim};
  }

  Isa isa_;
  Pool pool_;
  CpuMeter meter_{pool_, isa_};
  std::vector<AttentionSegment> segments_;  // of the step under way; grow to the largest step and stay
  std::vector<AttentionSeq> seqs_;
};

// On the CPU a step's arrays are used where they are.
class CpuRunner final : public StepRunner {
 public:
  explicit CpuRunner(const StepLimits& limits) : q_pos_(q_pos_bytes(limits), "query positions") {}
  int64_t bytes() const override { return q_pos_.size(); }
  void run(const tern_batch& b, const std::function<void(const Step&)>& body) override {
    for (int r = 0; r < b.n_rotations; r++)
      for (int i = 0; i < b.n_rows; i++)
        q_pos_.as<int64_t>()[int64_t(r) * b.n_rows + i] = b.q_pos[int64_t(i) * b.n_rotations + r];
    body({b, q_pos_.as<int64_t>(), nullptr});
  }
  void show(const tern_batch& b, const std::function<void(const Step&)>& body) override { run(b, body); }

 private:
  Buffer q_pos_;
};

std::unique_ptr<StepRunner> CpuBackend::create_runner(const HeadShape& shape, const StepLimits& limits) {
  stream_plan(kStreams, half_layer_bytes(shape, limits.n_pages));  // for attention, and before any step: it may measure
  return std::make_unique<CpuRunner>(limits);
}

Activations CpuBackend::activations(const ActivationsSource& source, int n_rows, int dim, bool f32, bool int8,
                                    const ActivationsBuffer& buffer) {
  const float* const x = source.x;
  if (source.up) cpu::gate(pool_, isa_, source.gate, x, source.up, int64_t(n_rows) * dim, source.x);
  const float* const norm = source.norm;
  Activations a;
  if (f32) a.f32 = norm ? buffer.f32 : x;
  if (int8) {
    const int stride = static_cast<int>(round_up(dim, 64));
    rmsnorm_quantize(pool_, isa_, x, norm, source.eps, n_rows, dim, {buffer.int8, buffer.scale, buffer.sum, stride},
                     f32 && norm ? buffer.f32 : nullptr);
    a.int8 = buffer.int8;
    a.scale = buffer.scale;
    a.sum = buffer.sum;
    a.int8_stride = stride;
  } else if (norm) {
    cpu::rmsnorm(pool_, isa_, x, norm, source.eps, n_rows, dim, buffer.f32);
  }
  return a;
}

void CpuBackend::rope_append(const KvLayerSpan& kv, const HeadShape& s, const RopeAppend& a) {
  rope(a.k, a.k_table, a.style, a.n_rows, s.n_kv_heads, s.head_dim, a.rope_dim, a.k);
  for (int64_t r = 0; r < a.n_rotations; r++)
    rope(a.q, a.q_table + r * a.n_rows * a.rope_dim, a.style, a.n_rows, s.n_heads, s.head_dim, a.rope_dim,
         static_cast<float*>(a.q_rotated) + r * a.n_rows * s.n_heads * s.head_dim);
  kv_write(kv, s, a.k, a.v, a.slot, a.n_rows);
}

constexpr int kMaxProjections = 4;  // of one matmul

const CpuWeight& weight_of(const Projection& p) { return static_cast<const CpuWeight&>(*p.weight); }

bool other_kernel(const char* prepared, const CpuWeight& w) {
  return prepared && w.prepared_for() && std::strcmp(prepared, w.prepared_for());
}

void CpuBackend::matmul(const Projection* projections, int n, const Activations& a, int n_rows, Span scratch) {
  // All projections are cut into one list of tasks, so that the threads meet once.
  int end[kMaxProjections];
  int total = 0;
  const char* prepared = nullptr;  // what is in the scratch
  for (int i = 0; i < n; i++) {
    const CpuWeight& w = weight_of(projections[i]);
    if (other_kernel(prepared, w)) {  // which needs the scratch: finish what was listed first
      matmul(projections, i, a, n_rows, scratch);
      matmul(projections + i, n - i, a, n_rows, scratch);
      return;
    }
    if (!prepared && w.prepared_for()) {
      w.prepare(a, n_rows, scratch.data);
      prepared = w.prepared_for();
    }
    end[i] = total += w.n_tasks(n_rows);
  }
  const auto run_task = [&](int task, int) {
    int i = 0;
    while (task >= end[i]) i++;
    weight_of(projections[i]).run_task(isa_, task - (i ? end[i - 1] : 0), a, n_rows, scratch.data, projections[i].out, projections[i].accumulate);
  };
  if (n_rows == 1)
    pool_.run_short(total, run_task);
  else
    pool_.run(total, run_task);
}

void CpuBackend::expect(std::initializer_list<const Weight*> weights, int n_rows) {
  if (n_rows > 1) return;  // bound by arithmetic, and cut into other tasks
  const CpuWeight* listed[kMaxProjections];
  int n_tasks[kMaxProjections], n = 0;
  const char* prepared = nullptr;
  for (const Weight* weight : weights) {
    const CpuWeight& w = static_cast<const CpuWeight&>(*weight);
    if (other_kernel(prepared, w)) break;  // matmul finishes first what comes before it
    if (w.prepared_for()) prepared = w.prepared_for();
    n_tasks[n] = w.n_tasks(1);
    listed[n++] = &w;
  }
  for (int thread = 0; thread < pool_.n_threads(); thread++) {
    const TaskShare share = task_share(n_tasks, n, pool_.n_threads(), thread);
    if (share.weight == n) continue;
    const CpuWeight& w = *listed[share.weight];
    const uint8_t* const begin = w.task_begin(share.first);
    pool_.expect(thread, begin, w.task_begin(share.end) - begin);
  }
}

void CpuBackend::attention(const KvLayerSpan& kv, const HeadShape& shape, const Step& step, const void* q, float* out,
                           Span scratch) {
  const tern_batch& b = step.batch;
  segments_.resize(static_cast<size_t>(b.seq_segment_begin[b.n_seqs]));
  seqs_.resize(static_cast<size_t>(b.n_seqs));
  for (size_t i = 0; i < segments_.size(); i++)
    segments_[i] = {b.segment_slot[i], b.segment_len[i], b.segment_index[i], b.segment_rotation[i]};
  for (int s = 0; s < b.n_seqs; s++)
    seqs_[s] = {b.seq_row_begin[s], b.seq_row_begin[s + 1], segments_.data() + b.seq_segment_begin[s],
                b.seq_segment_begin[s + 1] - b.seq_segment_begin[s]};
  const AttentionArgs args = {static_cast<const float*>(q), b.n_rows, shape.n_heads, b.sink_end, b.lo, b.hi, seqs_.data(), b.n_seqs, out, reads_one_stream()};
  cpu::attention(pool_, isa_, layer_of(kv, shape), args, scratch.data, scratch.size);
}

void CpuBackend::sample(const float* logits, int vocab_size, const tern_batch& b, Span scratch) {
  const int64_t stride = round_up(cpu::sample_scratch_bytes(vocab_size), 64);
  pool_.run(b.n_outputs, [&](int o, int thread) {
    const int begin = b.penalty_begin[o];
    const Sampling sampling = {b.temperature[o], b.top_k[o], b.top_p[o], b.min_p[o], b.repeat_penalty[o], b.seed[o], b.draw[o],
                               b.penalty_token + begin, b.penalty_begin[o + 1] - begin, b.target[o]};
    const Sampled s = cpu::sample(isa_, logits + int64_t(o) * vocab_size, vocab_size, sampling,
                                  static_cast<uint8_t*>(scratch.data) + stride * thread);
    b.out_token[o] = s.token;
    b.out_logprob[o] = s.logprob;
  });
}

void CpuBackend::fill_slots(const KvLayerSpan& kv, const HeadShape& shape, int slot, int len, float value) {
  const std::vector<float> row(static_cast<size_t>(shape.n_kv_heads * shape.head_dim), value);
  const int dim = static_cast<int>(row.size());
  for (int32_t s = slot; s < slot + len; s++) cpu::kv_append(pool_, isa_, layer_of(kv, shape), row.data(), dim, row.data(), dim, &s, 1);
}

void CpuBackend::ternary_int32(const char* kernel, const int8_t* w, int n_out, int n_in, const int8_t* q, int n_rows,
                               int32_t* out) {
  const std::unique_ptr<TernaryWeight> weight = TernaryWeight::create(kernel ? kernel : "", n_out, n_in);
  for (int r = 0; r < n_out; r++) weight->append_row(w + int64_t(r) * n_in, 1);
  const int stride = static_cast<int>(round_up(n_in, 64));
  const Buffer rows(checked_mul(stride, n_rows), "activations"), scale(sizeof(float) * n_rows, "scales"),
      sum(sizeof(int32_t) * n_rows, "sums"), scratch(weight->scratch_bytes(n_rows), "matmul scratch");
  const QuantRows a = {rows.as<int8_t>(), scale.as<float>(), sum.as<int32_t>(), stride};
  for (int r = 0; r < n_rows; r++) {
    std::memcpy(a.q + int64_t(r) * stride, q + int64_t(r) * n_in, static_cast<size_t>(n_in));
    a.scale[r] = 1;
    for (int j = 0; j < n_in; j++) a.sum[r] += q[int64_t(r) * n_in + j];
  }
  weight->prepare(pool_, a, n_rows, scratch.as<void>());
  pool_.run(weight->n_tasks(n_rows), [&](int task, int) { weight->run_task_int32(task, a, n_rows, scratch.as<void>(), out); });
}

std::string json_text(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out + "\"";
}

std::string CpuBackend::describe() {
  std::string kernels;
  for (const std::string& name : ternary_kernels()) kernels += (kernels.empty() ? "" : ", ") + json_text(name);
  return "{\"backend\": \"cpu\", \"threads\": " + std::to_string(n_threads()) + ", \"isa\": " + json_text(isa_name(isa_)) +
         ", \"isa_reasons\": " + json_text(isa_reason()) + ", \"ternary_kernels\": [" + kernels +
         "], \"stream_plan\": " + stream_plan_json() + ", \"ternary_plan\": " + ternary_plan_json() + "}";
}

}  // namespace

std::shared_ptr<Backend> open_cpu_backend(int n_threads) { return std::make_shared<CpuBackend>(n_threads); }

}  // namespace tern
