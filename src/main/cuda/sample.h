// Sampling on the device, as tern_batch describes it (docs/sampling.md).
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "launch.h"

namespace tern::cuda {

// Device memory; [n_outputs] each, names as in tern_batch.
struct SampleArgs {
  const float* logits;  // [n_outputs, vocab_size]
  int vocab_size;
  int n_outputs;
  const int32_t* target;
  const float* temperature;
  const int32_t* top_k;
  const float* top_p;
  const float* min_p;
  const float* repeat_penalty;
  const int64_t* seed;
  const int64_t* draw;
  const int32_t* penalty_begin;  // [n_outputs + 1]
  const int32_t* penalty_token;
  void* scratch;                 // sample_scratch_bytes(vocab_size, n_outputs)
  int32_t* out_token;
  float* out_logprob;
};

int64_t sample_scratch_bytes(int vocab_size, int max_outputs);
void launch_sample(const SampleArgs& args, const DeviceInfo& device, cudaStream_t stream);

}  // namespace tern::cuda
