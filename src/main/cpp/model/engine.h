// An engine: the KV arena and the scratch of one model, both sized once, and the step that uses them.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/memory.h"
#include "model/model.h"

namespace tern {

using EngineConfig = tern_engine_config;

// Buffers of one step, [max_rows, ...] each; see forward.cpp for what flows where.
struct Scratch {
  float* x;          // [rows, hidden_dim], the residual stream
  float* q;          // [rows, n_heads * head_dim]
  float* k;          // [rows, n_kv_heads * head_dim]
  float* v;          // [rows, n_kv_heads * head_dim]
  float* q_rotated;  // [rotations, rows, n_heads * head_dim]
  float* attn;       // [rows, n_heads * head_dim]
  float* gate;       // [rows, ffn_dim]
  float* up;         // [rows, ffn_dim]
  float* k_table;    // [rows, rope_dim] cosines and sines
  float* q_table;    // [rotations, rows, rope_dim]
  int64_t* q_pos;    // [rotations, rows]
  float* outputs;    // [outputs, hidden_dim]
  float* logits;     // [outputs, vocab_size]
  ActivationsBuffer act;
};

class Engine {
 public:
  Engine(std::shared_ptr<Model> model, const EngineConfig& config);

  static int64_t kv_bytes(const Model& model, const EngineConfig& config);
  static int64_t scratch_bytes(const Model& model, const EngineConfig& config);

  void step(const tern_batch& batch);
  void fill(int slot, int len, float value);
  const float* logits(int output) const;

  const Model& model() const { return *model_; }
  int64_t kv_bytes() const { return kv_.size(); }
  int64_t scratch_bytes() const;

 private:
  void check(const tern_batch& batch);
  KvSpan kv_of(int layer) const;

  std::shared_ptr<Model> model_;
  EngineConfig config_;
  HeadShape shape_;
  int n_threads_;  // that the scratch was sized for
  Buffer kv_;
  Buffer buffers_;
  Buffer matmul_scratch_;
  Buffer attention_scratch_;
  Buffer sample_scratch_;
  Scratch scratch_;
  std::vector<uint32_t> slot_seen_;  // [n_slots], the step in which a row last wrote the slot
  uint32_t n_steps_ = 0;
  int n_logits_ = 0;  // outputs of the last step
};

}  // namespace tern
