// The forward pass of the decoder-only transformer, for BitNet b1.58 (Ma et al. 2024) and Llama (Touvron et al. 2023):
//   h   = x + wo( [sub_norm] attention( rope(wq n), rope(wk n), wv n ) )      n = norm(x)
//   out = h + w_down( [sub_norm] act(w_gate m) * (w_up m) )                    m = norm(h)
#pragma once

#include "model/engine.h"

namespace tern {

// What the pass needs besides the weights.
struct ForwardContext {
  const Model& model;
  StepOps& ops;  // of the model's backend
  HeadShape shape;
  Scratch scratch;
  Span kv;  // of all layers, one after the other
  int n_pages;
};

// Fills scratch.logits for the step's output rows.
void forward(const ForwardContext& context, const Step& step);

}  // namespace tern
