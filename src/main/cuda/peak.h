// Loops that do nothing but arithmetic: how many operations a second the device reaches.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "launch.h"

namespace tern::cuda {

// Runs n_rounds of TERN_PEAK_* on all SMs: FMA on CUDA cores, or mma.sync on registers with BF16 or int8. *sink is not written, but the
// compiler cannot know. Returns the multiplications and additions of the launch.
int64_t launch_peak(int kind, int n_rounds, float* sink, const DeviceInfo& device, cudaStream_t stream);
// The same for HALF and INT8 by wgmma with operands in shared memory; compute capability 9.0.
int64_t launch_peak_sm90(int kind, int n_rounds, float* sink, const DeviceInfo& device, cudaStream_t stream);

}  // namespace tern::cuda
