#include "model/forward.h"

#include <array>

namespace tern {
namespace {

// Rows as the given weights take them, from what source says; its norm and eps are filled in here.
template <size_t N>
Activations activations_for(const ForwardContext& c, const std::array<const Weight*, N>& weights, ActivationsSource source,
                            const Weight* norm, int n_rows, int dim) {
  bool f32 = false, int8 = false;
  for (const Weight* w : weights) (w->ternary() ? int8 : f32) = true;
  source.norm = norm ? norm->vector() : nullptr;
  source.eps = c.model.config().norm_eps;
  return c.ops.activations(source, n_rows, dim, f32, int8, c.scratch.act);
}

// Norms each head of rows of n_heads of them, in place, if the model has such a norm.
void head_norm(const ForwardContext& c, float* x, const Weight* norm, int64_t n_heads) {
  if (!norm) return;
  ActivationsSource source = {x};
  source.norm = norm->vector();
  source.eps = c.model.config().norm_eps;
  c.ops.activations(source, static_cast<int>(n_heads), c.model.config().head_dim, true, false, {x, nullptr, nullptr, nullptr});
}

// What attention_block begins with.
void expect_layer(const ForwardContext& c, int layer, int n_rows) {
  const auto weight = [&](int role) { return c.model.weight(role, layer); };
  c.ops.expect({weight(TERN_ROLE_WQ), weight(TERN_ROLE_WK), weight(TERN_ROLE_WV)}, n_rows);
}

void attention_block(const ForwardContext& c, const Step& step, int layer) {
  const ModelConfig& m = c.model.config();
  StepOps& b = c.ops;
  const Scratch& s = c.scratch;
  const int n = step.batch.n_rows;
  const Weight* wq = c.model.weight(TERN_ROLE_WQ, layer);
  const Weight* wk = c.model.weight(TERN_ROLE_WK, layer);
  const Weight* wv = c.model.weight(TERN_ROLE_WV, layer);
  const Weight* wo = c.model.weight(TERN_ROLE_WO, layer);

  Activations a = activations_for<3>(c, {wq, wk, wv}, {s.x}, c.model.weight(TERN_ROLE_ATTN_NORM, layer), n, m.hidden_dim);
  const Projection qkv[] = {{wq, s.q, false}, {wk, s.k, false}, {wv, s.v, false}};
  b.matmul(qkv, 3, a, n, s.matmul);

  head_norm(c, s.q, c.model.weight(TERN_ROLE_ATTN_Q_NORM, layer), int64_t(n) * m.n_heads);
  head_norm(c, s.k, c.model.weight(TERN_ROLE_ATTN_K_NORM, layer), int64_t(n) * m.n_kv_heads);

  const int64_t layer_bytes = c.kv.size / m.n_layers;
  const KvLayerSpan kv = {static_cast<uint8_t*>(c.kv.data) + layer_bytes * layer, c.n_pages};
  b.expect({wo}, n);
  b.rope_append(kv, c.shape, {s.q, s.k, s.v, s.q_table, s.k_table, step.batch.slot, n, step.batch.n_rotations, m.rope_style,
                              m.rope_dim, s.q_rotated});
  b.attention(kv, c.shape, step, s.q_rotated, s.attn, s.attention);

  a = activations_for<1>(c, {wo}, {s.attn}, c.model.weight(TERN_ROLE_ATTN_SUB_NORM, layer), n, m.n_heads * m.head_dim);
  const Projection out = {wo, s.x, true};
  b.expect({c.model.weight(TERN_ROLE_W_GATE, layer), c.model.weight(TERN_ROLE_W_UP, layer)}, n);
  b.matmul(&out, 1, a, n, s.matmul);
}

void feed_forward_block(const ForwardContext& c, int n, int layer) {
  const ModelConfig& m = c.model.config();
  StepOps& b = c.ops;
  const Scratch& s = c.scratch;
  const Weight* w_gate = c.model.weight(TERN_ROLE_W_GATE, layer);
  const Weight* w_up = c.model.weight(TERN_ROLE_W_UP, layer);
  const Weight* w_down = c.model.weight(TERN_ROLE_W_DOWN, layer);

  Activations a = activations_for<2>(c, {w_gate, w_up}, {s.x}, c.model.weight(TERN_ROLE_FFN_NORM, layer), n, m.hidden_dim);
  b.expect({w_down}, n);
  const Projection gate_up[] = {{w_gate, s.gate, false}, {w_up, s.up, false}};
  b.matmul(gate_up, 2, a, n, s.matmul);

  a = activations_for<1>(c, {w_down}, {s.gate, s.up, m.gate}, c.model.weight(TERN_ROLE_FFN_SUB_NORM, layer), n, m.ffn_dim);
  const Projection down = {w_down, s.x, true};
  if (layer + 1 < m.n_layers)
    expect_layer(c, layer + 1, n);
  else
    b.expect({&c.model.head()}, n);
  b.matmul(&down, 1, a, n, s.matmul);
}

}  // namespace

void forward(const ForwardContext& c, const Step& step) {
  const ModelConfig& m = c.model.config();
  StepOps& b = c.ops;
  const Scratch& s = c.scratch;
  const tern_batch& batch = step.batch;

  b.embed(*c.model.weight(TERN_ROLE_TOKEN_EMBD), batch.token, batch.n_rows, s.x);
  b.rope_table(batch.rope_pos, batch.n_rows, c.model.inv_freq(), m.rope_dim, s.k_table);
  b.rope_table(step.q_pos, batch.n_rows * batch.n_rotations, c.model.inv_freq(), m.rope_dim, s.q_table);

  for (int layer = 0; layer < m.n_layers; layer++) {
    attention_block(c, step, layer);
    feed_forward_block(c, batch.n_rows, layer);
  }

  if (batch.n_outputs == 0) return;
  b.gather(s.x, batch.output_row, batch.n_outputs, m.hidden_dim, s.outputs);
  const Activations a = activations_for<1>(c, {&c.model.head()}, {s.outputs}, c.model.weight(TERN_ROLE_OUTPUT_NORM),
                                           batch.n_outputs, m.hidden_dim);
  const Projection head = {&c.model.head(), s.logits, false};
  expect_layer(c, 0, batch.n_rows);  // of the next step
  b.matmul(&head, 1, a, batch.n_outputs, s.matmul);
}

}  // namespace tern
