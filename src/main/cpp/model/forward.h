// The forward pass of the decoder-only transformer, for BitNet b1.58 (Ma et al. 2024) and Llama (Touvron et al. 2023):
//   h   = x + wo( [sub_norm] attention( rope(wq n), rope(wk n), wv n ) )      n = norm(x)
//   out = h + w_down( [sub_norm] act(w_gate m) * (w_up m) )                    m = norm(h)
#pragma once

#include <functional>

#include "model/engine.h"

namespace tern {

// What the pass needs besides the weights; kv_of gives the KV arena of a layer.
struct ForwardContext {
  const Model& model;
  const HeadShape& shape;
  Scratch& scratch;
  Buffer& matmul_scratch;
  Buffer& attention_scratch;
  const std::function<KvSpan(int)>& kv_of;
};

// Fills scratch.logits for the batch's output rows. The batch has been checked.
void forward(const ForwardContext& context, const tern_batch& batch);

}  // namespace tern
