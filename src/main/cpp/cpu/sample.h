// Drawing one token from logits (semantics: tern.h, tern_batch; details: docs/sampling.md). A pure function of its arguments,
// with the same result on every ISA tier.
#pragma once

#include <cstdint>

#include "cpu/isa.h"

namespace tern::cpu {

struct Sampling {
  float temperature;
  int32_t top_k;
  float top_p;
  float min_p;
  float repeat_penalty;
  int64_t seed;
  int64_t draw;
  const int32_t* penalty_token;  // [n_penalty], any order, may repeat
  int32_t n_penalty;
  int32_t target;  // -1: sample
};

struct Sampled {
  int32_t token;  // -1: no finite logit, or one that is NaN or +inf
  float logprob;  // NaN if token is -1
};

// Bytes of scratch that sample needs, 8-byte aligned; its contents do not matter.
int64_t sample_scratch_bytes(int vocab_size);

// logits: [vocab_size], not changed.
Sampled sample(Isa isa, const float* logits, int vocab_size, const Sampling& sampling, void* scratch);

}  // namespace tern::cpu
