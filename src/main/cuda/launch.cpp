#include "launch.h"

#include "core/status.h"

namespace tern::cuda {

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
      fail(TERN_ERR_UNSUPPORTED, "%s: %s (%s)", what, text, name);
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
      fail(TERN_ERR_INTERNAL, "%s: %s (%s)", what, text, name);
    default:
      fail(TERN_ERR_DEVICE_LOST, "%s: %s (%s)", what, text, name);
  }
}

}  // namespace tern::cuda
