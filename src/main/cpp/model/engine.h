// An engine: the KV arena and the scratch of one model, both sized once, and the step that uses them.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/memory.h"
#include "model/model.h"
#include "model/step_profile.h"

namespace tern {

using EngineConfig = tern_engine_config;

// Buffers of one step, [max_rows, ...] each; see forward.cpp for what flows where.
struct Scratch {
  float* x;          // [rows, hidden_dim], the residual stream
  float* q;          // [rows, n_heads * head_dim]
  float* k;          // [rows, n_kv_heads * head_dim]
  float* v;          // [rows, n_kv_heads * head_dim]
  void* q_rotated;   // [rotations, rows, n_heads * head_dim], of the type that the backend's attention takes
  float* attn;       // [rows, n_heads * head_dim]
  float* gate;       // [rows, ffn_dim]
  float* up;         // [rows, ffn_dim]
  float* k_table;    // [rows, rope_dim] cosines and sines
  float* q_table;    // [rotations, rows, rope_dim]
  float* outputs;    // [outputs, hidden_dim]
  float* logits;     // [outputs, vocab_size]
  ActivationsBuffer act;
  Span matmul;       // every role's matmul shares one, the largest any needs
  Span attention;
  Span sample;
};

class Engine {
 public:
  Engine(std::shared_ptr<Model> model, const EngineConfig& config);

  static int64_t kv_bytes(const Model& model, const EngineConfig& config);
  static int64_t scratch_bytes(const Model& model, const EngineConfig& config);

  void step(const tern_batch& batch);
  void fill(int slot, int len, float value);
  void logits(int output, float* to) const;

  // Times the steps from now on, from zero, or stops. Throws UNSUPPORTED on a backend whose ops only start work.
  void set_profiling(bool on);
  void read_profile(int op, tern_profile* out) const;

  const Model& model() const { return *model_; }
  int64_t kv_bytes() const { return kv_.size; }
  int64_t scratch_bytes() const { return memory_.size() - kv_.size + runner_->bytes(); }

 private:
  void check(const tern_batch& batch);

  std::shared_ptr<Model> model_;
  EngineConfig config_;
  HeadShape shape_;
  int n_threads_;  // that the scratch was sized for
  Buffer memory_;  // the KV arena, then the scratch
  Span kv_;
  Scratch scratch_;
  std::unique_ptr<StepRunner> runner_;
  std::unique_ptr<StepProfile> profile_;  // null: off
  std::vector<uint32_t> slot_seen_;  // [n_slots], the step in which a row last wrote the slot
  uint32_t n_steps_ = 0;
  int n_logits_ = 0;  // outputs of the last step
};

}  // namespace tern
