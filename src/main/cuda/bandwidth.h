// How fast the device's memory can be read.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "launch.h"

namespace tern::cuda {

// Reads n_bytes from data, 16-byte aligned, with all SMs. *sink is written, with 1, only if the words that some thread reads come to
// kReadMark under exclusive or: so that a compiler cannot leave out a read.
constexpr uint32_t kReadMark = 0x7e57ab1e;
void launch_read(const void* data, int64_t n_bytes, float* sink, const DeviceInfo& device, cudaStream_t stream);

}  // namespace tern::cuda
