#include "model/forward.h"

#include <array>

namespace tern {
namespace {

// Rows as the given weights take them, normed first if norm is not null.
template <size_t N>
Activations activations_for(const ForwardContext& c, const std::array<const Weight*, N>& weights, const float* x,
                            const Weight* norm, int n_rows, int dim) {
  bool f32 = false, int8 = false;
  for (const Weight* w : weights) (w->ternary() ? int8 : f32) = true;
  return c.model.backend().activations(x, norm ? norm->vector() : nullptr, c.model.config().norm_eps, n_rows, dim, f32, int8,
                                       c.scratch.act);
}

void attention_block(const ForwardContext& c, const tern_batch& batch, int layer) {
  const ModelConfig& m = c.model.config();
  Backend& b = c.model.backend();
  Scratch& s = c.scratch;
  const int n = batch.n_rows, q_dim = m.n_heads * m.head_dim;
  const Weight* wq = c.model.weight(TERN_ROLE_WQ, layer);
  const Weight* wk = c.model.weight(TERN_ROLE_WK, layer);
  const Weight* wv = c.model.weight(TERN_ROLE_WV, layer);
  const Weight* wo = c.model.weight(TERN_ROLE_WO, layer);

  Activations a = activations_for<3>(c, {wq, wk, wv}, s.x, c.model.weight(TERN_ROLE_ATTN_NORM, layer), n, m.hidden_dim);
  const Projection qkv[] = {{wq, s.q, false}, {wk, s.k, false}, {wv, s.v, false}};
  b.matmul(qkv, 3, a, n, c.matmul_scratch);

  b.rope(s.k, s.k_table, m.rope_style, n, m.n_kv_heads, m.head_dim, m.rope_dim, s.k);
  for (int r = 0; r < batch.n_rotations; r++)
    b.rope(s.q, s.q_table + int64_t(r) * n * m.rope_dim, m.rope_style, n, m.n_heads, m.head_dim, m.rope_dim,
           s.q_rotated + int64_t(r) * n * q_dim);

  const KvSpan kv = c.kv_of(layer);
  b.kv_append(kv, c.shape, s.k, s.v, batch.slot, n);
  const AttentionBatch attention = {n,
                                    batch.n_seqs,
                                    batch.n_rotations,
                                    batch.seq_row_begin,
                                    batch.seq_segment_begin,
                                    batch.segment_slot,
                                    batch.segment_len,
                                    batch.segment_index,
                                    batch.segment_rotation,
                                    batch.sink_end,
                                    batch.lo,
                                    batch.hi};
  b.attention(kv, c.shape, attention, s.q_rotated, s.attn, c.attention_scratch);

  a = activations_for<1>(c, {wo}, s.attn, c.model.weight(TERN_ROLE_ATTN_SUB_NORM, layer), n, q_dim);
  const Projection out = {wo, s.x, true};
  b.matmul(&out, 1, a, n, c.matmul_scratch);
}

void feed_forward_block(const ForwardContext& c, int n, int layer) {
  const ModelConfig& m = c.model.config();
  Backend& b = c.model.backend();
  Scratch& s = c.scratch;
  const Weight* w_gate = c.model.weight(TERN_ROLE_W_GATE, layer);
  const Weight* w_up = c.model.weight(TERN_ROLE_W_UP, layer);
  const Weight* w_down = c.model.weight(TERN_ROLE_W_DOWN, layer);

  Activations a = activations_for<2>(c, {w_gate, w_up}, s.x, c.model.weight(TERN_ROLE_FFN_NORM, layer), n, m.hidden_dim);
  const Projection gate_up[] = {{w_gate, s.gate, false}, {w_up, s.up, false}};
  b.matmul(gate_up, 2, a, n, c.matmul_scratch);

  b.gate(m.gate, s.gate, s.up, int64_t(n) * m.ffn_dim, s.gate);

  a = activations_for<1>(c, {w_down}, s.gate, c.model.weight(TERN_ROLE_FFN_SUB_NORM, layer), n, m.ffn_dim);
  const Projection down = {w_down, s.x, true};
  b.matmul(&down, 1, a, n, c.matmul_scratch);
}

}  // namespace

void forward(const ForwardContext& c, const tern_batch& batch) {
  const ModelConfig& m = c.model.config();
  Backend& b = c.model.backend();
  Scratch& s = c.scratch;
  const int n = batch.n_rows;

  b.embed(*c.model.weight(TERN_ROLE_TOKEN_EMBD), batch.token, n, s.x);

  b.rope_table(batch.rope_pos, n, c.model.inv_freq(), m.rope_dim, s.k_table);
  for (int r = 0; r < batch.n_rotations; r++)
    for (int i = 0; i < n; i++) s.q_pos[int64_t(r) * n + i] = batch.q_pos[int64_t(i) * batch.n_rotations + r];
  b.rope_table(s.q_pos, n * batch.n_rotations, c.model.inv_freq(), m.rope_dim, s.q_table);

  for (int layer = 0; layer < m.n_layers; layer++) {
    attention_block(c, batch, layer);
    feed_forward_block(c, n, layer);
  }

  if (batch.n_outputs == 0) return;
  b.gather(s.x, batch.output_row, batch.n_outputs, m.hidden_dim, s.outputs);
  const Activations a = activations_for<1>(c, {&c.model.head()}, s.outputs, c.model.weight(TERN_ROLE_OUTPUT_NORM),
                                           batch.n_outputs, m.hidden_dim);
  const Projection head = {&c.model.head(), s.logits, false};
  b.matmul(&head, 1, a, batch.n_outputs, c.matmul_scratch);
}

}  // namespace tern
