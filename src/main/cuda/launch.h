// Launching kernels and checking calls. A failed call throws Error: OUT_OF_MEMORY, UNSUPPORTED or, for anything after which the
// context is of no more use, DEVICE_LOST.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <type_traits>
#include <utility>

namespace tern::cuda {

// Compute capabilities that the library has machine code for, for people: "8.0, 8.6, ...".
extern const char* const kBuiltFor;

// Throws if status is not success; what: the call or kernel, for the text.
void check(cudaError_t status, const char* what);

// Dynamic shared memory that a block of a portable kernel may have: what compute capabilities 8.6, 8.9 and 12.0 allow, the least there is.
constexpr int kPortableShared = 99 * 1024;

// What host code of an op needs to know about the device it runs on.
struct DeviceInfo {
  int sm;            // compute capability, 10 * major + minor: 80, 86, 89, 90, 100, 120
  int n_sms;
  int max_shared;    // dynamic shared memory a block may opt in to, bytes
};

template <class T>
struct Same {
  using type = T;
};

#ifdef TERN_SIMT
template <class... P>
void launch(const char* name, void (*kernel)(P...), dim3 grid, dim3 block, size_t shared, cudaStream_t stream,
            typename Same<P>::type... args) {
  if (grid.x && grid.y && grid.z) check(simt::launch(name, kernel, grid, block, shared, stream, args...), name);
}
#elif defined(__CUDACC__)
template <class... P>
void launch(const char* name, void (*kernel)(P...), dim3 grid, dim3 block, size_t shared, cudaStream_t stream,
            typename Same<P>::type... args) {
  if (!grid.x || !grid.y || !grid.z) return;
  if (shared > 48 * 1024)
    check(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(shared)),
          name);
  void* pointers[] = {const_cast<void*>(static_cast<const void*>(&args))...};
  check(cudaLaunchKernel(reinterpret_cast<const void*>(kernel), grid, block, pointers, shared, stream), name);
}
#endif

}  // namespace tern::cuda
