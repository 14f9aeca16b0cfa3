#include "context.h"

#include <cstdio>

#include "core/checked.h"

namespace tern::cuda {

namespace {

constexpr int kOldest = 80;  // cp.async and bf16 tensor cores begin here

void unavailable(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  cudaGetLastError();
  int driver = 0, runtime = 0;
  cudaRuntimeGetVersion(&runtime);
  if (status == cudaErrorInsufficientDriver && cudaDriverGetVersion(&driver) == cudaSuccess) {
    if (driver == 0) fail(TERN_ERR_UNAVAILABLE, "%s: there is no NVIDIA driver (%s)", what, cudaGetErrorName(status));
    fail(TERN_ERR_UNAVAILABLE, "%s: the driver is of CUDA %d.%d, this library of %d.%d needs a newer one (%s)", what, driver / 1000,
         driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10, cudaGetErrorName(status));
  }
  fail(TERN_ERR_UNAVAILABLE, "%s: %s (%s)", what, cudaGetErrorString(status), cudaGetErrorName(status));
}

void release_device(void* data) { cudaFree(data); }
void release_pinned(void* data) { cudaFreeHost(data); }

std::string json_text(const char* text) {
  std::string out = "\"";
  for (const char* c = text; *c; c++) {
    if (*c == '"' || *c == '\\') out += '\\';
    if (static_cast<unsigned char>(*c) >= ' ') out += *c;
  }
  return out + "\"";
}

}  // namespace

Context::Context(int index) : index_(index) {
  int n = 0;
  unavailable(cudaGetDeviceCount(&n), "no GPU can be used");
  if (index >= n) fail(TERN_ERR_UNAVAILABLE, "cuda:%d: there %s %d GPU%s", index, n == 1 ? "is" : "are", n, n == 1 ? "" : "s");
  unavailable(cudaSetDevice(index), "the GPU cannot be used");
  unavailable(cudaGetDeviceProperties(&properties_, index), "the GPU cannot be used");
  info_.sm = properties_.major * 10 + properties_.minor;
  info_.n_sms = properties_.multiProcessorCount;
  info_.max_shared = static_cast<int>(properties_.sharedMemPerBlockOptin);
  if (info_.sm < kOldest)
    fail(TERN_ERR_UNAVAILABLE, "cuda:%d, %s, has compute capability %d.%d; this build has kernels for %s", index, properties_.name,
         properties_.major, properties_.minor, kBuiltFor);
  unavailable(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "the GPU cannot be used");
}

Context::~Context() {
  if (stream_) cudaStreamDestroy(stream_);
}

void Context::use() {
  if (!lost_.empty()) fail(TERN_ERR_DEVICE_LOST, "cuda:%d was lost earlier: %.400s", index_, lost_.c_str());
  check(cudaSetDevice(index_), "cudaSetDevice");
}

void Context::lose(const char* text) {
  if (lost_.empty()) lost_ = text;
}

Buffer Context::allocate(int64_t n_bytes, const char* purpose) {
  Buffer buffer;
  if (n_bytes == 0) return buffer;
  guarded(*this, [&] {
    void* data = nullptr;
    const cudaError_t status = cudaMalloc(&data, static_cast<size_t>(n_bytes));
    if (status == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      size_t free_bytes = 0, all_bytes = 0;
      check(cudaMemGetInfo(&free_bytes, &all_bytes), "cudaMemGetInfo");
      fail(TERN_ERR_OUT_OF_MEMORY, "%s needs %.1f MB, %.1f MB of the GPU's %.1f MB are free", purpose, n_bytes * 1e-6,
           free_bytes * 1e-6, all_bytes * 1e-6);
    }
    check(status, "cudaMalloc");
    buffer = Buffer::adopt(data, n_bytes, release_device);
  });
  return buffer;
}

Buffer Context::allocate_pinned(int64_t n_bytes, const char* purpose) {
  Buffer buffer;
  if (n_bytes == 0) return buffer;
  guarded(*this, [&] {
    void* data = nullptr;
    const cudaError_t status = cudaMallocHost(&data, static_cast<size_t>(n_bytes));
    if (status == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      fail(TERN_ERR_OUT_OF_MEMORY, "%s needs %.1f MB of page-locked memory and the system refused", purpose, n_bytes * 1e-6);
    }
    check(status, "cudaMallocHost");
    buffer = Buffer::adopt(data, n_bytes, release_pinned);
  });
  return buffer;
}

void Context::upload(void* to, const void* host, int64_t n_bytes) {
  if (n_bytes == 0) return;
  guarded(*this, [&] {
    check(cudaMemcpyAsync(to, host, static_cast<size_t>(n_bytes), cudaMemcpyHostToDevice, stream_), "copying to the GPU");
    check(cudaStreamSynchronize(stream_), "copying to the GPU");
  });
}

void Context::download(void* host, const void* from, int64_t n_bytes) {
  if (n_bytes == 0) return;
  guarded(*this, [&] {
    check(cudaMemcpyAsync(host, from, static_cast<size_t>(n_bytes), cudaMemcpyDeviceToHost, stream_), "copying from the GPU");
    check(cudaStreamSynchronize(stream_), "copying from the GPU");
  });
}

void Context::synchronize() {
  guarded(*this, [&] { check(cudaStreamSynchronize(stream_), "waiting for the GPU"); });
}

std::string Context::json() {
  int driver = 0, runtime = 0;
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  size_t free_bytes = 0, all_bytes = 0;
  if (cudaSetDevice(index_) == cudaSuccess) cudaMemGetInfo(&free_bytes, &all_bytes);  // of this thread's current device
  char numbers[400];
  std::snprintf(numbers, sizeof numbers,
                ", \"pci_bus_id\": \"%04x:%02x:%02x.0\", \"compute_capability\": \"%d.%d\", \"n_sms\": %d, "
                "\"memory_bytes\": %zu, \"memory_free_bytes\": %zu, "
                "\"driver\": \"%d.%d\", \"runtime\": \"%d.%d\", \"built_for\": ",
                properties_.pciDomainID, properties_.pciBusID, properties_.pciDeviceID, properties_.major, properties_.minor,
                info_.n_sms, all_bytes, free_bytes, driver / 1000, driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10);
  return "\"device\": " + json_text(properties_.name) + numbers + json_text(kBuiltFor);
}

}  // namespace tern::cuda
