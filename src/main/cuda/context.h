// One GPU as the backend uses it: its stream, its memory, and whether it was lost.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <string>

#include "core/memory.h"
#include "core/status.h"
#include "launch.h"

namespace tern::cuda {

class Context {
 public:
  // Throws UNAVAILABLE: no driver, no such device, or none of the architectures this was built for.
  explicit Context(int index);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  // Makes the device the calling thread's. Throws DEVICE_LOST once the device has failed.
  void use();
  // Remembers a failure for good: the context of a process is of no use after it.
  void lose(const char* text);

  Buffer allocate(int64_t n_bytes, const char* purpose);
  Buffer allocate_pinned(int64_t n_bytes, const char* purpose);  // host memory that copies run from and to without the CPU
  void upload(void* to, const void* host, int64_t n_bytes);      // returns when host may be reused
  void download(void* host, const void* from, int64_t n_bytes);  // waits for all work before it
  void synchronize();

  const DeviceInfo& info() const { return info_; }
  int64_t l2_bytes() const { return properties_.l2CacheSize; }
  cudaStream_t stream() const { return stream_; }
  int index() const { return index_; }
  std::string json();  // members of a JSON object, without braces

 private:
  int index_;
  DeviceInfo info_{};
  cudaDeviceProp properties_{};
  cudaStream_t stream_ = nullptr;
  std::string lost_;
};

// Runs body on the context's device; a DEVICE_LOST that it throws marks the context.
template <class Body>
void guarded(Context& context, Body&& body) {
  context.use();
  try {
    body();
  } catch (const Error& e) {
    if (e.status() == TERN_ERR_DEVICE_LOST) context.lose(e.what());
    throw;
  }
}

}  // namespace tern::cuda
