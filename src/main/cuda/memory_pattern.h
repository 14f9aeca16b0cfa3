// Device memory filled with a pattern by all SMs, and compared with it.
#pragma once

#include <cuda_runtime.h>

#include "core/memory_pattern.h"
#include "launch.h"

namespace tern::cuda {

void launch_pattern_write(uint64_t* words, int64_t n, const Pattern& pattern, const DeviceInfo& device, cudaStream_t stream);
// faults: on the device; counted up, with the first wrong word that some thread met.
void launch_pattern_verify(const uint64_t* words, int64_t n, const Pattern& pattern, PatternFaults* faults, const DeviceInfo& device,
                           cudaStream_t stream);

}  // namespace tern::cuda
