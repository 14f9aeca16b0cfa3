#include "model/engine.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/checked.h"
#include "model/forward.h"

namespace tern {
namespace {

constexpr int64_t kMaxPosition = int64_t(1) << 40;
constexpr int64_t kInt8Columns = 128;  // rows of int8 activations are padded to at most this many columns by any backend

void in_range(const char* name, int64_t value, int64_t low, int64_t high) {
  TERN_CHECK_ARG(value >= low && value <= high, "%s is %lld, it must be %lld to %lld", name, static_cast<long long>(value),
                 static_cast<long long>(low), static_cast<long long>(high));
}

void check_engine_config(const EngineConfig& c) {
  TERN_CHECK_ARG(c.struct_size == sizeof(EngineConfig), "tern_engine_config of another version: %u bytes, expected %zu",
                 c.struct_size, sizeof(EngineConfig));
  in_range("n_pages", c.n_pages, 1, INT32_MAX / TERN_PAGE_LEN);
  TERN_CHECK_ARG(c.kv_type == TERN_TYPE_F32 || c.kv_type == TERN_TYPE_F16 || c.kv_type == TERN_TYPE_BF16 ||
                     c.kv_type == TERN_TYPE_I8,
                 "kv_type %d is none of F32, F16, BF16, I8", c.kv_type);
  in_range("max_rows", c.max_rows, 1, 1 << 16);
  in_range("max_seqs", c.max_seqs, 1, c.max_rows);
  in_range("max_segments", c.max_segments, 1, 1 << 24);
  in_range("max_rotations", c.max_rotations, 1, 4);
  in_range("max_outputs", c.max_outputs, 1, c.max_rows);
}

// Hands out parts of a buffer; with base null it only counts.
class Carver {
 public:
  explicit Carver(uint8_t* base) : base_(base) {}
  template <class T>
  T* take(int64_t n) {
    uint8_t* p = base_ ? base_ + used_ : nullptr;
    used_ = checked_add(used_, round_up(checked_mul(n, sizeof(T)), 256));
    return reinterpret_cast<T*>(p);
  }
  int64_t used() const { return used_; }

 private:
  uint8_t* base_;
  int64_t used_ = 0;
};

StepLimits limits_of(const EngineConfig& c) {
  return {c.max_rows, c.max_seqs, c.max_segments, c.max_rotations, c.max_outputs, c.n_pages};
}

HeadShape head_shape(const ModelConfig& m, const EngineConfig& c) {
  return {m.n_heads, m.n_kv_heads, m.head_dim, c.kv_type};
}

int64_t matmul_scratch_bytes(const Model& model, const EngineConfig& c) {
  int64_t n = 0;
  for (int role : {TERN_ROLE_WQ, TERN_ROLE_WK, TERN_ROLE_WV, TERN_ROLE_WO, TERN_ROLE_W_GATE, TERN_ROLE_W_UP, TERN_ROLE_W_DOWN})
    for (int layer = 0; layer < model.config().n_layers; layer++)
      n = std::max(n, model.backend().matmul_scratch_bytes(*model.weight(role, layer), c.max_rows));
  return std::max(n, model.backend().matmul_scratch_bytes(model.head(), c.max_outputs));
}

// Lays out the scratch from base on; base null: only counts.
int64_t carve(const Model& model, const EngineConfig& c, uint8_t* base, Scratch* out) {
  const ModelConfig& m = model.config();
  Backend& b = model.backend();
  const HeadShape shape = head_shape(m, c);
  Carver carver(base);
  const int64_t rows = c.max_rows, rotations = c.max_rotations, q_dim = int64_t(m.n_heads) * m.head_dim,
                kv_dim = int64_t(m.n_kv_heads) * m.head_dim,
                widest = std::max<int64_t>({m.hidden_dim, m.ffn_dim, q_dim});
  Scratch s;
  s.x = carver.take<float>(rows * m.hidden_dim);
  s.q = carver.take<float>(rows * q_dim);
  s.k = carver.take<float>(rows * kv_dim);
  s.v = carver.take<float>(rows * kv_dim);
  s.q_rotated = carver.take<uint8_t>(b.q_rotated_bytes(shape, c.max_rows, c.max_rotations));
  s.attn = carver.take<float>(rows * q_dim);
  s.gate = carver.take<float>(rows * m.ffn_dim);
  s.up = carver.take<float>(rows * m.ffn_dim);
  s.k_table = carver.take<float>(rows * m.rope_dim);
  s.q_table = carver.take<float>(rotations * rows * m.rope_dim);
  s.outputs = carver.take<float>(int64_t(c.max_outputs) * m.hidden_dim);
  s.logits = carver.take<float>(int64_t(c.max_outputs) * m.vocab_size);
  s.act.f32 = carver.take<float>(rows * widest);
  s.act.int8 = carver.take<int8_t>(rows * round_up(widest, kInt8Columns));
  s.act.scale = carver.take<float>(rows);
  s.act.sum = carver.take<int32_t>(rows);
  const auto span = [&](int64_t n) { return Span{carver.take<uint8_t>(n), n}; };
  s.matmul = span(matmul_scratch_bytes(model, c));
  s.attention = span(b.attention_scratch_bytes(shape, limits_of(c)));
  s.sample = span(b.sample_scratch_bytes(m.vocab_size, c.max_outputs));
  if (out) *out = s;
  return carver.used();
}

}  // namespace

int64_t Engine::kv_bytes(const Model& model, const EngineConfig& config) {
  check_engine_config(config);
  return checked_mul(model.backend().kv_layer_bytes(head_shape(model.config(), config), config.n_pages),
                     model.config().n_layers);
}

int64_t Engine::scratch_bytes(const Model& model, const EngineConfig& config) {
  check_engine_config(config);
  return carve(model, config, nullptr, nullptr) +
         model.backend().runner_bytes(head_shape(model.config(), config), limits_of(config));
}

Engine::Engine(std::shared_ptr<Model> model, const EngineConfig& config) : model_(std::move(model)), config_(config) {
  check_engine_config(config_);
  TERN_CHECK_ARG(model_->sealed(), "the model is not sealed");
  Backend& b = model_->backend();
  shape_ = head_shape(model_->config(), config_);
  n_threads_ = b.n_threads();
  kv_.size = kv_bytes(*model_, config_);
  const int64_t scratch = carve(*model_, config_, nullptr, nullptr);
  char purpose[160];
  std::snprintf(purpose, sizeof purpose, "an engine (%.1f MB of KV arena: lower the window or the sequences; %.1f MB of scratch)",
                kv_.size * 1e-6, scratch * 1e-6);
  memory_ = b.allocate(checked_add(round_up(kv_.size, 256), scratch), purpose);
  kv_.data = memory_.as<void>();
  carve(*model_, config_, memory_.as<uint8_t>() + round_up(kv_.size, 256), &scratch_);
  runner_ = b.create_runner(shape_, limits_of(config_));
  slot_seen_.resize(static_cast<size_t>(config_.n_pages) * TERN_PAGE_LEN);
}

void Engine::fill(int slot, int len, float value) {
  const int n_slots = config_.n_pages * TERN_PAGE_LEN;
  TERN_CHECK_ARG(slot >= 0 && len >= 0 && slot <= n_slots - len, "slots [%d, +%d) of %d", slot, len, n_slots);
  const int n_layers = model_->config().n_layers;
  for (int layer = 0; layer < n_layers; layer++)
    model_->backend().fill_slots({static_cast<uint8_t*>(kv_.data) + kv_.size / n_layers * layer, config_.n_pages}, shape_, slot, len,
                                 value);
}

void Engine::logits(int output, float* to) const {
  TERN_CHECK_ARG(output >= 0 && output < n_logits_, "output %d of %d in the last step", output, n_logits_);
  const int64_t n = model_->config().vocab_size;
  model_->backend().download(to, scratch_.logits + n * output, n * static_cast<int64_t>(sizeof(float)));
}

namespace {

void check_offsets(const char* name, const int32_t* begin, int n, int total) {
  TERN_CHECK_ARG(begin[0] == 0, "%s[0] is %d, not 0", name, begin[0]);
  for (int i = 0; i < n; i++)
    TERN_CHECK_ARG(begin[i + 1] >= begin[i] && begin[i + 1] <= total, "%s[%d] is %d, after %d and with %d in all", name, i + 1,
                   begin[i + 1], begin[i], total);
  TERN_CHECK_ARG(begin[n] == total, "%s ends at %d, not %d", name, begin[n], total);
}

void check_segments(const tern_batch& b, int seq, int64_t n_slots) {
  int64_t next = 0, n_keys = 0;
  for (int i = b.seq_segment_begin[seq]; i < b.seq_segment_begin[seq + 1]; i++) {
    const int64_t slot = b.segment_slot[i], len = b.segment_len[i], index = b.segment_index[i];
    TERN_CHECK_ARG(len > 0 && slot >= 0 && slot + len <= n_slots, "segment %d: slots [%lld, +%lld) of %lld", i,
                   static_cast<long long>(slot), static_cast<long long>(len), static_cast<long long>(n_slots));
    TERN_CHECK_ARG(index >= next && index <= kMaxPosition - len, "segment %d: index %lld, not in ascending order", i,
                   static_cast<long long>(index));
    TERN_CHECK_ARG((slot - index) % TERN_PAGE_LEN == 0, "segment %d: slot %lld and index %lld differ mod %d", i,
                   static_cast<long long>(slot), static_cast<long long>(index), TERN_PAGE_LEN);
    in_range("segment_rotation", b.segment_rotation[i], 0, b.n_rotations - 1);
    next = index + len;
    n_keys += len;
  }
  TERN_CHECK_ARG(n_keys <= n_slots, "sequence %d has %lld keys, the arena %lld slots", seq, static_cast<long long>(n_keys),
                 static_cast<long long>(n_slots));
}

void check_output(const tern_batch& b, int o, int vocab_size) {
  in_range("output_row", b.output_row[o], o ? b.output_row[o - 1] + 1 : 0, b.n_rows - 1);
  in_range("target", b.target[o], -1, vocab_size - 1);
  TERN_CHECK_ARG(std::isfinite(b.temperature[o]) && b.temperature[o] >= 0, "temperature is %g, it must be 0 or more",
                 double(b.temperature[o]));
  TERN_CHECK_ARG(b.top_k[o] >= 0, "top_k is %d, it must be 0 (off) or more", b.top_k[o]);
  TERN_CHECK_ARG(b.top_p[o] > 0 && b.top_p[o] <= 1, "top_p is %g, it must be above 0 and at most 1", double(b.top_p[o]));
  TERN_CHECK_ARG(b.min_p[o] >= 0 && b.min_p[o] <= 1, "min_p is %g, it must be 0 to 1", double(b.min_p[o]));
  TERN_CHECK_ARG(std::isfinite(b.repeat_penalty[o]) && b.repeat_penalty[o] > 0, "repeat_penalty is %g, it must be above 0",
                 double(b.repeat_penalty[o]));
}

}  // namespace

void Engine::check(const tern_batch& b) {
  TERN_CHECK_ARG(b.struct_size == sizeof(tern_batch), "tern_batch of another version: %u bytes, expected %zu", b.struct_size,
                 sizeof(tern_batch));
  in_range("n_rows", b.n_rows, 1, config_.max_rows);
  in_range("n_seqs", b.n_seqs, 1, config_.max_seqs);
  in_range("n_segments", b.n_segments, 0, config_.max_segments);
  in_range("n_rotations", b.n_rotations, 1, config_.max_rotations);
  in_range("n_outputs", b.n_outputs, 0, config_.max_outputs);
  TERN_CHECK_ARG(b.token && b.slot && b.rope_pos && b.q_pos && b.sink_end && b.lo && b.hi && b.seq_row_begin &&
                     b.seq_segment_begin,
                 "a row array is null");
  TERN_CHECK_ARG(!b.n_segments || (b.segment_slot && b.segment_len && b.segment_index && b.segment_rotation),
                 "a segment array is null");
  TERN_CHECK_ARG(!b.n_outputs || (b.output_row && b.target && b.temperature && b.top_k && b.top_p && b.min_p &&
                                  b.repeat_penalty && b.seed && b.draw && b.penalty_begin && b.out_token && b.out_logprob),
                 "an output array is null");
  const ModelConfig& m = model_->config();
  const int n_slots = config_.n_pages * TERN_PAGE_LEN;

  n_steps_++;
  if (n_steps_ == 0) {  // wrapped: forget all marks
    std::fill(slot_seen_.begin(), slot_seen_.end(), 0);
    n_steps_ = 1;
  }
  for (int i = 0; i < b.n_rows; i++) {
    in_range("token", b.token[i], 0, m.vocab_size - 1);
    in_range("slot", b.slot[i], 0, n_slots - 1);
    TERN_CHECK_ARG(slot_seen_[b.slot[i]] != n_steps_, "two rows write slot %d", b.slot[i]);
    slot_seen_[b.slot[i]] = n_steps_;
    in_range("rope_pos", b.rope_pos[i], 0, kMaxPosition);
    for (int r = 0; r < b.n_rotations; r++) in_range("q_pos", b.q_pos[int64_t(i) * b.n_rotations + r], 0, kMaxPosition);
    in_range("sink_end", b.sink_end[i], 0, kMaxPosition);
    in_range("lo", b.lo[i], 0, kMaxPosition);
    in_range("hi", b.hi[i], -1, kMaxPosition);
  }
  check_offsets("seq_row_begin", b.seq_row_begin, b.n_seqs, b.n_rows);
  check_offsets("seq_segment_begin", b.seq_segment_begin, b.n_seqs, b.n_segments);
  for (int s = 0; s < b.n_seqs; s++) check_segments(b, s, n_slots);
  for (int o = 0; o < b.n_outputs; o++) check_output(b, o, m.vocab_size);
  if (!b.n_outputs) return;
  const int n_penalty = b.penalty_begin[b.n_outputs];
  in_range("penalty tokens", n_penalty, 0, 1 << 24);
  check_offsets("penalty_begin", b.penalty_begin, b.n_outputs, n_penalty);
  TERN_CHECK_ARG(!n_penalty || b.penalty_token, "penalty_token is null");
  for (int i = 0; i < n_penalty; i++) in_range("penalty_token", b.penalty_token[i], 0, m.vocab_size - 1);
}

void Engine::set_profiling(bool on) {
  // Where memory is the GPU's, ops are recorded or queued, and a clock around them shows nothing.
  if (on && !model_->backend().host_memory())
    fail(TERN_ERR_UNSUPPORTED, "a profile of steps is there for the cpu only: this device's ops return before they are done");
  profile_ = on ? std::make_unique<StepProfile>(*model_, shape_) : nullptr;
}

void Engine::read_profile(int op, tern_profile* out) const {
  TERN_CHECK_ARG(out->struct_size == sizeof(tern_profile), "tern_profile of another version: %u bytes, expected %zu",
                 out->struct_size, sizeof(tern_profile));
  in_range("op", op, 0, TERN_PROFILE_COUNT - 1);
  TERN_CHECK_ARG(profile_, "no profile: tern_engine_set_profiling was not called");
  *out = profile_->of(op);
}

void Engine::step(const tern_batch& batch) {
  check(batch);
  const StepProfile::Timer timer(profile_.get(), TERN_PROFILE_STEP, 0);
  Backend& b = model_->backend();
  TERN_CHECK_ARG(b.n_threads() <= n_threads_, "the device has %d threads, the engine was made for %d: make it again",
                 b.n_threads(), n_threads_);
  n_logits_ = 0;
  StepOps& ops = profile_ ? *profile_ : static_cast<StepOps&>(b);
  runner_->run(batch, [&](const Step& step) {
    forward({*model_, ops, shape_, scratch_, kv_, config_.n_pages}, step);
    if (step.batch.n_outputs) ops.sample(scratch_.logits, model_->config().vocab_size, step.batch, scratch_.sample);
  });
  n_logits_ = batch.n_outputs;
}

}  // namespace tern
