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
#include "cpu/norm.h"
#include "cpu/rope.h"
#include "cpu/sample.h"
#include "cpu/ternary.h"
#include "cpu/weight_cpu.h"

namespace tern {
namespace {

using namespace cpu;

class CpuBackend final : public Backend {
 public:
  explicit CpuBackend(int n_threads) : isa_(cpu::isa()), pool_(n_threads) {}

  std::string describe() override;
  int n_threads() const override { return pool_.n_threads(); }
  void set_threads(int n) override { pool_.resize(n); }

  std::unique_ptr<Weight> create_weight(int type, int store, int n_rows, int n_cols, float scale, bool vector) override {
    return create_cpu_weight(type, store, n_rows, n_cols, scale, vector);
  }

  int64_t matmul_scratch_bytes(const Weight& weight, int max_rows) override {
    const CpuWeight& w = static_cast<const CpuWeight&>(weight);
    int64_t most = 0;  // few rows may need more than many: shared tables pay only for few
    for (int n = 1; w.ternary() && n <= max_rows; n++) most = std::max(most, w.ternary_weight().scratch_bytes(n));
    return most;
  }
  int64_t attention_scratch_bytes(const HeadShape& s, int max_rows, int64_t max_keys, int max_segments) override {
    return cpu::attention_scratch_bytes(pool_.n_threads(), max_rows, s.n_heads, s.n_kv_heads, s.head_dim, max_keys,
                                        max_segments);
  }
  int64_t sample_scratch_bytes(int vocab_size) override {
    return checked_mul(round_up(cpu::sample_scratch_bytes(vocab_size), 64), pool_.n_threads());
  }

  void embed(const Weight& table, const int32_t* ids, int n, float* out) override {
    cpu::embed(isa_, static_cast<const CpuWeight&>(table).dense(), ids, n, out);
  }
  void rmsnorm(const float* x, const float* weight, float eps, int n_rows, int dim, float* out) override {
    cpu::rmsnorm(pool_, isa_, x, weight, eps, n_rows, dim, out);
  }
  Activations activations(const float* x, const float* norm, float eps, int n_rows, int dim, bool f32, bool int8,
                          const ActivationsBuffer& buffer) override;
  void matmul(const Projection* projections, int n, const Activations& a, int n_rows, Buffer& scratch) override;

  void rope_table(const int64_t* pos, int n_rows, const double* inv_freq, int rope_dim, float* cos_sin) override {
    cpu::rope_table(pool_, pos, n_rows, inv_freq, rope_dim, cos_sin);
  }
  void rope(const float* x, const float* cos_sin, int style, int n_rows, int n_heads, int head_dim, int rope_dim,
            float* out) override {
    cpu::rope(pool_, isa_, x, n_heads * head_dim, cos_sin, style, n_rows, n_heads, head_dim, rope_dim, out,
              n_heads * head_dim);
  }
  void kv_append(const KvSpan& kv, const HeadShape& s, const float* k, const float* v, const int32_t* slot,
                 int n_rows) override {
    const int dim = s.n_kv_heads * s.head_dim;
    cpu::kv_append(isa_, layer_of(kv, s), k, dim, v, dim, slot, n_rows);
  }
  void attention(const KvSpan& kv, const HeadShape& shape, const AttentionBatch& batch, const float* q, float* out,
                 Buffer& scratch) override;
  void gate(int kind, const float* gate, const float* up, int64_t n, float* out) override {
    cpu::gate(pool_, isa_, kind, gate, up, n, out);
  }
  void gather(const float* x, const int32_t* rows, int n, int dim, float* out) override {
    for (int i = 0; i < n; i++)
      std::memcpy(out + int64_t(i) * dim, x + int64_t(rows[i]) * dim, sizeof(float) * static_cast<size_t>(dim));
  }
  void sample(const float* logits, int vocab_size, const tern_batch& batch, Buffer& scratch) override;
  void ternary_int32(const char* kernel, const int8_t* w, int n_out, int n_in, const int8_t* q, int n_rows,
                     int32_t* out) override;
  double read_bandwidth(int64_t n_bytes, int n_passes) override {
    return cpu::read_bandwidth(pool_, isa_, n_bytes, n_passes);
  }
  void fill_slots(const KvSpan& kv, const HeadShape& shape, int slot, int len, float value) override;

 private:
  static KvLayer layer_of(const KvSpan& kv, const HeadShape& s) { return {kv.k, kv.v, s.kv_type, s.n_kv_heads, s.head_dim}; }

  Isa isa_;
  Pool pool_;
  std::vector<AttentionSegment> segments_;  // of the step under way; grow to the largest step and stay
  std::vector<AttentionSeq> seqs_;
};

Activations CpuBackend::activations(const float* x, const float* norm, float eps, int n_rows, int dim, bool f32, bool int8,
                                    const ActivationsBuffer& buffer) {
  Activations a;
  if (f32) a.f32 = norm ? buffer.f32 : x;
  if (int8) {
    const int stride = static_cast<int>(round_up(dim, 64));
    rmsnorm_quantize(pool_, isa_, x, norm, eps, n_rows, dim, {buffer.int8, buffer.scale, buffer.sum, stride},
                     f32 && norm ? buffer.f32 : nullptr);
    a.int8 = buffer.int8;
    a.scale = buffer.scale;
    a.sum = buffer.sum;
    a.int8_stride = stride;
  } else if (norm) {
    cpu::rmsnorm(pool_, isa_, x, norm, eps, n_rows, dim, buffer.f32);
  }
  return a;
}

void CpuBackend::matmul(const Projection* projections, int n, const Activations& a, int n_rows, Buffer& scratch) {
  const QuantRows quant = {const_cast<int8_t*>(a.int8), const_cast<float*>(a.scale), const_cast<int32_t*>(a.sum),
                           a.int8_stride};
  // All projections are cut into one list of tasks, so that the threads meet once.
  constexpr int kMax = 4;
  int end[kMax];
  int total = 0;
  const char* prepared = nullptr;  // the tables in the scratch depend on the kernel and the activations only
  for (int i = 0; i < n; i++) {
    const CpuWeight& w = static_cast<const CpuWeight&>(*projections[i].weight);
    if (w.ternary()) {
      const TernaryWeight& t = w.ternary_weight();
      if (!prepared || std::strcmp(prepared, t.kernel())) {
        if (prepared) {  // another kernel needs the scratch: finish what was listed first
          matmul(projections, i, a, n_rows, scratch);
          matmul(projections + i, n - i, a, n_rows, scratch);
          return;
        }
        t.prepare(pool_, quant, n_rows, scratch.as<void>());
        prepared = t.kernel();
      }
      total += t.n_tasks(n_rows);
    } else {
      total += dense_n_tasks(w.dense(), n_rows);
    }
    end[i] = total;
  }
  pool_.run(total, [&](int task, int) {
    int i = 0;
    while (task >= end[i]) i++;
    const int own = task - (i ? end[i - 1] : 0);
    const Projection& p = projections[i];
    const CpuWeight& w = static_cast<const CpuWeight&>(*p.weight);
    if (w.ternary())
      w.ternary_weight().run_task(own, quant, n_rows, scratch.as<void>(), p.out, w.n_rows(), p.accumulate);
    else
      dense_run_task(isa_, w.dense(), own, a.f32, w.n_cols(), n_rows, p.out, w.n_rows(), p.accumulate);
  });
}

void CpuBackend::attention(const KvSpan& kv, const HeadShape& shape, const AttentionBatch& b, const float* q, float* out,
                           Buffer& scratch) {
  segments_.resize(static_cast<size_t>(b.seq_segment_begin[b.n_seqs]));
  seqs_.resize(static_cast<size_t>(b.n_seqs));
  for (size_t i = 0; i < segments_.size(); i++)
    segments_[i] = {b.segment_slot[i], b.segment_len[i], b.segment_index[i], b.segment_rotation[i]};
  for (int s = 0; s < b.n_seqs; s++)
    seqs_[s] = {b.seq_row_begin[s], b.seq_row_begin[s + 1], segments_.data() + b.seq_segment_begin[s],
                b.seq_segment_begin[s + 1] - b.seq_segment_begin[s]};
  const AttentionArgs args = {q, b.n_rows, shape.n_heads, b.sink_end, b.lo, b.hi, seqs_.data(), b.n_seqs, out};
  cpu::attention(pool_, isa_, layer_of(kv, shape), args, scratch.as<void>(), scratch.size());
}

void CpuBackend::sample(const float* logits, int vocab_size, const tern_batch& b, Buffer& scratch) {
  const int64_t stride = round_up(cpu::sample_scratch_bytes(vocab_size), 64);
  pool_.run(b.n_outputs, [&](int o, int thread) {
    const int begin = b.penalty_begin[o];
    const Sampling sampling = {b.temperature[o], b.top_k[o], b.top_p[o], b.min_p[o], b.repeat_penalty[o], b.seed[o], b.draw[o],
                               b.penalty_token + begin, b.penalty_begin[o + 1] - begin, b.target[o]};
    const Sampled s = cpu::sample(isa_, logits + int64_t(o) * vocab_size, vocab_size, sampling,
                                  scratch.as<uint8_t>() + stride * thread);
    b.out_token[o] = s.token;
    b.out_logprob[o] = s.logprob;
  });
}

void CpuBackend::fill_slots(const KvSpan& kv, const HeadShape& shape, int slot, int len, float value) {
  const std::vector<float> row(static_cast<size_t>(shape.n_kv_heads * shape.head_dim), value);
  const int dim = static_cast<int>(row.size());
  for (int32_t s = slot; s < slot + len; s++) cpu::kv_append(isa_, layer_of(kv, shape), row.data(), dim, row.data(), dim, &s, 1);
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
         "], \"ternary_plan\": " + ternary_plan_json() + "}";
}

}  // namespace

std::shared_ptr<Backend> open_cpu_backend(int n_threads) { return std::make_shared<CpuBackend>(n_threads); }

}  // namespace tern
