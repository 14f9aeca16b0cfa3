#include "model/step_profile.h"

namespace tern {
namespace {

const char* const kNames[TERN_PROFILE_COUNT] = {"embed",   "rope_table", "norm",      "qkv",  "rope_append", "attention", "attn_out",
                                                "gate_up", "gate_norm",  "down", "gather", "head",      "sample", "step"};

}  // namespace

StepProfile::StepProfile(const Model& model, const HeadShape& shape)
    : ops_(model.backend()), slot_bytes_(model.backend().kv_layer_bytes(shape, 1) / TERN_PAGE_LEN) {
  for (tern_profile& sum : sums_) sum.struct_size = sizeof(tern_profile);
  for (int layer = 0; layer < model.config().n_layers; layer++) {
    for (int role : {TERN_ROLE_WQ, TERN_ROLE_WK, TERN_ROLE_WV}) op_of_[model.weight(role, layer)] = TERN_PROFILE_QKV;
    op_of_[model.weight(TERN_ROLE_WO, layer)] = TERN_PROFILE_ATTN_OUT;
    for (int role : {TERN_ROLE_W_GATE, TERN_ROLE_W_UP}) op_of_[model.weight(role, layer)] = TERN_PROFILE_GATE_UP;
    op_of_[model.weight(TERN_ROLE_W_DOWN, layer)] = TERN_PROFILE_DOWN;
  }
  op_of_[&model.head()] = TERN_PROFILE_HEAD;
}

const char* StepProfile::name(int op) { return op >= 0 && op < TERN_PROFILE_COUNT ? kNames[op] : nullptr; }

StepProfile::Timer::Timer(StepProfile* profile, int op, int64_t bytes)
    : sum_(profile ? &profile->sums_[static_cast<size_t>(op)] : nullptr) {
  if (!sum_) return;
  sum_->bytes += bytes;
  begin_ = std::chrono::steady_clock::now();
}

StepProfile::Timer::~Timer() {
  if (!sum_) return;
  sum_->calls++;
  sum_->nanos += std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - begin_).count();
}

void StepProfile::embed(const Weight& table, const int32_t* ids, int n, float* out) {
  const Timer timer(this, TERN_PROFILE_EMBED, table.bytes() / table.n_rows() * n);
  ops_.embed(table, ids, n, out);
}

Activations StepProfile::activations(const ActivationsSource& source, int n_rows, int dim, bool f32, bool int8,
                                     const ActivationsBuffer& buffer) {
  const Timer timer(this, source.up ? TERN_PROFILE_GATE_NORM : TERN_PROFILE_NORM, 0);
  return ops_.activations(source, n_rows, dim, f32, int8, buffer);
}

void StepProfile::matmul(const Projection* projections, int n, const Activations& a, int n_rows, Span scratch) {
  int64_t bytes = 0;
  for (int i = 0; i < n; i++) bytes += projections[i].weight->bytes();
  const Timer timer(this, op_of_.at(projections[0].weight), bytes);
  ops_.matmul(projections, n, a, n_rows, scratch);
}

void StepProfile::rope_table(const int64_t* pos, int n_rows, const double* inv_freq, int rope_dim, float* cos_sin) {
  const Timer timer(this, TERN_PROFILE_ROPE_TABLE, 0);
  ops_.rope_table(pos, n_rows, inv_freq, rope_dim, cos_sin);
}

void StepProfile::rope_append(const KvLayerSpan& kv, const HeadShape& shape, const RopeAppend& args) {
  const Timer timer(this, TERN_PROFILE_ROPE_APPEND, 0);
  ops_.rope_append(kv, shape, args);
}

void StepProfile::attention(const KvLayerSpan& kv, const HeadShape& shape, const Step& step, const void* q, float* out, Span scratch) {
  int64_t keys = 0;
  for (int i = 0; i < step.batch.n_segments; i++) keys += step.batch.segment_len[i];
  const Timer timer(this, TERN_PROFILE_ATTENTION, keys * slot_bytes_);
  ops_.attention(kv, shape, step, q, out, scratch);
}

void StepProfile::gather(const float* x, const int32_t* rows, int n, int dim, float* out) {
  const Timer timer(this, TERN_PROFILE_GATHER, 0);
  ops_.gather(x, rows, n, dim, out);
}

void StepProfile::sample(const float* logits, int vocab_size, const tern_batch& batch, Span scratch) {
  const Timer timer(this, TERN_PROFILE_SAMPLE, 0);
  ops_.sample(logits, vocab_size, batch, scratch);
}

}  // namespace tern
