#include "launch.h"

#include "core/status.h"

namespace tern::cuda {

#ifndef TERN_CUDA_BUILT_FOR
#define TERN_CUDA_BUILT_FOR "8.0 and up"
#endif
const char* const kBuiltFor = TERN_CUDA_BUILT_FOR;

void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  const char* name = cudaGetErrorName(status);
  const char* text = cudaGetErrorString(status);
  cudaGetLastError();  // clears it, unless it is one that stays
  switch (status) {
    case cudaErrorMemoryAllocation:
      fail(TERN_ERR_OUT_OF_MEMORY, "%s: %s (%s)", what, text, name);
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorUnsupportedPtxVersion:
      fail(TERN_ERR_UNSUPPORTED, "%s: %s (%s); this build has kernels for %s", what, text, name, kBuiltFor);
    case cudaErrorInsufficientDriver:
    case cudaErrorNoDevice:
    case cudaErrorInvalidDevice:
    case cudaErrorDevicesUnavailable:
      fail(TERN_ERR_UNAVAILABLE, "%s: %s (%s)", what, text, name);
    case cudaErrorInvalidValue:
    case cudaErrorInvalidConfiguration:
    case cudaErrorInvalidDeviceFunction:
    case cudaErrorLaunchOutOfResources:
    case cudaErrorInvalidResourceHandle:
    case cudaErrorNotPermitted:
    case cudaErrorNotSupported:
    case cudaErrorStreamCaptureUnsupported:
    case cudaErrorStreamCaptureInvalidated:
    case cudaErrorStreamCaptureImplicit:
      fail(TERN_ERR_INTERNAL, "%s: %s (%s)", what, text, name);
    default:
      fail(TERN_ERR_DEVICE_LOST, "%s: %s (%s)", what, text, name);
  }
}

}  // namespace tern::cuda
