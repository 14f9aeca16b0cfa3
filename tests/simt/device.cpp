// Errors and the device of the fake runtime.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "runtime.h"

namespace simt {
namespace {

thread_local cudaError_t last_error = cudaSuccess;

int first_sm() {
  const char* text = std::getenv("SIMT_SM");
  return text && *text ? std::atoi(text) : 90;
}
int& device_sm() {
  static int value = first_sm();
  return value;
}

struct Model {
  int sm;
  int n_sms;
  size_t max_shared;
};
const Model& model() {
  static const Model models[] = {{80, 108, 166912}, {86, 82, 101376},  {89, 128, 101376},
                                 {90, 132, 232448}, {100, 148, 232448}, {120, 170, 101376}};
  for (const Model& m : models)
    if (m.sm == device_sm()) return m;
  return models[0];
}

}  // namespace

void set_sm(int sm) { device_sm() = sm; }
int sm() { return device_sm(); }
size_t max_shared(int) { return model().max_shared; }

bool has_device() {
  const char* text = std::getenv("SIMT_NO_DEVICE");
  return !text || std::strcmp(text, "1") != 0;
}

bool stays(cudaError_t error) {
  switch (error) {
    case cudaErrorECCUncorrectable:
    case cudaErrorContextIsDestroyed:
    case cudaErrorUnknown:
      return true;
    default:
      return (error >= cudaErrorIllegalAddress && error <= cudaErrorLaunchFailure && error != cudaErrorLaunchOutOfResources);
  }
}

cudaError_t finish(cudaError_t status) {
  if (status != cudaSuccess && status != cudaErrorNotReady) last_error = status;
  return status;
}

void fail_next(cudaError_t error, const char* name, int after_n) {
  std::lock_guard<std::recursive_mutex> lock(runtime().mutex);
  runtime().failures.push_back({error, name, after_n});
}
void clear_failures() {
  std::lock_guard<std::recursive_mutex> lock(runtime().mutex);
  runtime().failures.clear();
}

size_t memory_from_environment() {
  const char* text = std::getenv("SIMT_MEMORY");
  return text && *text ? std::strtoull(text, nullptr, 10) : size_t(8) << 30;
}

std::vector<Failure> failures_from_environment() {
  std::vector<Failure> failures;
  const char* text = std::getenv("SIMT_FAIL");
  for (std::string rest = text ? text : ""; !rest.empty();) {
    const std::string one = rest.substr(0, rest.find(','));
    rest.erase(0, one.size() + 1);
    char name[128];
    int error = 0, after_n = 0;
    if (std::sscanf(one.c_str(), "%127[^:]:%d:%d", name, &error, &after_n) < 2) {  // a test that relies on it must not pass
      std::fprintf(stderr, "simt: SIMT_FAIL: '%s' is not name:error:after_n\n", one.c_str());
      std::abort();
    }
    failures.push_back({static_cast<cudaError_t>(error), name, after_n});
  }
  return failures;
}

cudaError_t Runtime::injected(const char* name, bool is_kernel, bool kernel_runs) {
  for (size_t i = 0; i < failures.size(); i++) {
    Failure& f = failures[i];
    if (f.name != name || (is_kernel && stays(f.error) != kernel_runs)) continue;
    if (f.after_n-- > 0) continue;
    const cudaError_t error = f.error;
    failures.erase(failures.begin() + static_cast<long>(i));
    return error;
  }
  return cudaSuccess;
}

}  // namespace simt

using simt::api;
using simt::Runtime;

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
#define SIMT_NAME(name, value, text) \
  case name:                         \
    return #name;
    SIMT_ERRORS(SIMT_NAME)
#undef SIMT_NAME
  }
  return "unrecognized error code";
}
const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
#define SIMT_TEXT(name, value, text) \
  case name:                         \
    return text;
    SIMT_ERRORS(SIMT_TEXT)
#undef SIMT_TEXT
  }
  return "unrecognized error code";
}

cudaError_t cudaGetLastError() {
  const cudaError_t error = cudaPeekAtLastError();
  simt::last_error = cudaSuccess;
  return error;
}
cudaError_t cudaPeekAtLastError() {
  std::lock_guard<std::recursive_mutex> lock(simt::runtime().mutex);
  return simt::runtime().sticky != cudaSuccess ? simt::runtime().sticky : simt::last_error;
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = simt::has_device() ? CUDART_VERSION : 0;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceCount(int* n) {
  *n = 0;
  return api("cudaGetDeviceCount", [&](Runtime&) {
    *n = 1;
    return cudaSuccess;
  });
}
cudaError_t cudaSetDevice(int device) {
  return api("cudaSetDevice", [&](Runtime&) { return device == 0 ? cudaSuccess : cudaErrorInvalidDevice; });
}
cudaError_t cudaGetDevice(int* device) {
  return api("cudaGetDevice", [&](Runtime&) {
    *device = 0;
    return cudaSuccess;
  });
}
cudaError_t cudaSetDeviceFlags(unsigned) {
  return api("cudaSetDeviceFlags", [](Runtime&) { return cudaSuccess; });
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int device) {
  return api("cudaGetDeviceProperties", [&](Runtime& r) {
    if (device != 0) return cudaErrorInvalidDevice;
    const simt::Model& m = simt::model();
    std::memset(p, 0, sizeof *p);
    std::snprintf(p->name, sizeof p->name, "Emulated SM %d", simt::sm());
    p->totalGlobalMem = r.memory_bytes;
    p->sharedMemPerBlock = 48 * 1024;
    p->regsPerBlock = p->regsPerMultiprocessor = 65536;
    p->warpSize = 32;
    p->maxThreadsPerBlock = simt::kMaxThreads;
    p->major = simt::sm() / 10;
    p->minor = simt::sm() % 10;
    p->multiProcessorCount = m.n_sms;
    p->memoryBusWidth = 5120;
    p->l2CacheSize = 50 << 20;
    p->maxThreadsPerMultiProcessor = m.max_shared < 150000 ? 1536 : 2048;
    p->sharedMemPerMultiprocessor = m.max_shared + 1024;
    p->sharedMemPerBlockOptin = m.max_shared;
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  return api("cudaDeviceGetAttribute", [&](Runtime&) {
    if (device != 0) return cudaErrorInvalidDevice;
    const simt::Model& m = simt::model();
    const int shared = static_cast<int>(m.max_shared);
    switch (attribute) {
      case cudaDevAttrMaxThreadsPerBlock: *value = simt::kMaxThreads; break;
      case cudaDevAttrMaxSharedMemoryPerBlock: *value = 48 * 1024; break;
      case cudaDevAttrWarpSize: *value = 32; break;
      case cudaDevAttrClockRate: *value = 1755000; break;
      case cudaDevAttrMultiProcessorCount: *value = m.n_sms; break;
      case cudaDevAttrMemoryClockRate: *value = 2619000; break;
      case cudaDevAttrGlobalMemoryBusWidth: *value = 5120; break;
      case cudaDevAttrL2CacheSize: *value = 50 << 20; break;
      case cudaDevAttrMaxThreadsPerMultiProcessor: *value = shared < 150000 ? 1536 : 2048; break;
      case cudaDevAttrComputeCapabilityMajor: *value = simt::sm() / 10; break;
      case cudaDevAttrComputeCapabilityMinor: *value = simt::sm() % 10; break;
      case cudaDevAttrMaxSharedMemoryPerMultiprocessor: *value = shared + 1024; break;
      case cudaDevAttrMaxRegistersPerMultiprocessor: *value = 65536; break;
      case cudaDevAttrCooperativeLaunch: *value = 0; break;
      case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = shared; break;
      default: return cudaErrorInvalidValue;
    }
    return cudaSuccess;
  });
}

cudaError_t cudaFuncSetAttribute(const void*, cudaFuncAttribute attribute, int value) {
  return api("cudaFuncSetAttribute", [&](Runtime&) {
    const bool too_much = attribute == cudaFuncAttributeMaxDynamicSharedMemorySize && value > static_cast<int>(simt::model().max_shared);
    return too_much ? cudaErrorInvalidValue : cudaSuccess;
  });
}
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void*) {
  return api("cudaFuncGetAttributes", [&](Runtime&) {
    std::memset(attributes, 0, sizeof *attributes);
    attributes->maxThreadsPerBlock = simt::kMaxThreads;
    attributes->binaryVersion = simt::sm();
    return cudaSuccess;
  });
}
