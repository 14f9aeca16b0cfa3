// Memory of the fake device: every allocation is a mapping of its own whose end, rounded up to 256 bytes, meets a page that cannot be
// touched, filled with 0xff; and between calls the host cannot touch it either. Copies and fills.
#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "fiber.h"
#include "runtime.h"

namespace simt {
namespace {

constexpr size_t kGranule = 256;
constexpr unsigned char kCanary = 0xfb;

size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

bool protecting() {
  static const bool on = [] {
    const char* text = std::getenv("SIMT_PROTECT");
    return !text || std::strcmp(text, "0") != 0;
  }();
  return on;
}

void protect(const Memory& m, int access) {
  if (protecting()) mprotect(m.map + kPageBytes, m.map_bytes - 2 * kPageBytes, access);
}

// Whether nothing wrote between the end of an allocation and the page behind it.
bool intact(char* pointer, const Memory& m) {
  const size_t end = round_up(m.n_bytes, kGranule);
  ASAN_UNPOISON_MEMORY_REGION(pointer, end);
  for (size_t i = m.n_bytes; i < end; i++)
    if (static_cast<unsigned char>(pointer[i]) != kCanary) return false;
  return true;
}

}  // namespace

void set_memory(size_t n_bytes) { runtime().memory_bytes = n_bytes; }
size_t live_bytes() { return runtime().device_bytes; }
size_t live_pinned_bytes() { return runtime().pinned_bytes; }
size_t live_allocations() { return runtime().device_memory.size() + runtime().pinned_memory.size(); }

void Runtime::open_memory() {
  if (n_open_++ == 0)
    for (auto& entry : device_memory) protect(entry.second, PROT_READ | PROT_WRITE);
}
void Runtime::close_memory() {
  if (--n_open_ == 0)
    for (auto& entry : device_memory) protect(entry.second, PROT_NONE);
}

bool Runtime::inside(const std::map<char*, Memory>& memory, const void* pointer, size_t n_bytes) {
  char* const p = const_cast<char*>(static_cast<const char*>(pointer));
  auto it = memory.upper_bound(p);
  if (it == memory.begin()) return false;
  --it;
  return p + n_bytes <= it->first + it->second.n_bytes && p < it->first + it->second.n_bytes;
}

cudaError_t Runtime::allocate(void** pointer, size_t n_bytes) {
  *pointer = nullptr;
  if (n_bytes == 0) return cudaSuccess;
  if (n_bytes > memory_bytes || device_bytes + n_bytes > memory_bytes) return cudaErrorMemoryAllocation;
  Memory m;
  const size_t end = round_up(n_bytes, kGranule);
  m.n_bytes = n_bytes;
  m.map_bytes = round_up(end, kPageBytes) + 2 * kPageBytes;
  void* const map = mmap(nullptr, m.map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (map == MAP_FAILED) return cudaErrorMemoryAllocation;
  m.map = static_cast<char*>(map);
  char* const data = m.map + m.map_bytes - kPageBytes - end;
  mprotect(m.map + kPageBytes, m.map_bytes - 2 * kPageBytes, PROT_READ | PROT_WRITE);
  std::memset(data, 0xff, n_bytes);
  std::memset(data + n_bytes, kCanary, end - n_bytes);
  ASAN_POISON_MEMORY_REGION(data + n_bytes, end - n_bytes);
  if (n_open_ == 0) protect(m, PROT_NONE);
  device_memory[data] = m;
  device_bytes += n_bytes;
  *pointer = data;
  return cudaSuccess;
}

cudaError_t Runtime::release(void* pointer) {
  if (!pointer) return cudaSuccess;
  const auto it = device_memory.find(static_cast<char*>(pointer));
  if (it == device_memory.end()) return cudaErrorInvalidValue;
  const Memory m = it->second;
  protect(m, PROT_READ | PROT_WRITE);
  const bool whole = intact(it->first, m);
  device_memory.erase(it);
  device_bytes -= m.n_bytes;
  munmap(m.map, m.map_bytes);
  if (whole) return cudaSuccess;
  Grid none;
  none.name = "cudaFree";
  report_fault(none, {}, nullptr, "a kernel wrote behind the end of this allocation");
  return cudaErrorIllegalAddress;
}

cudaError_t Runtime::allocate_pinned(void** pointer, size_t n_bytes) {
  *pointer = nullptr;
  if (n_bytes == 0) return cudaSuccess;
  void* const data = std::aligned_alloc(kGranule, round_up(n_bytes, kGranule));
  if (!data) return cudaErrorMemoryAllocation;
  std::memset(data, 0xff, n_bytes);
  Memory m;
  m.n_bytes = n_bytes;
  pinned_memory[static_cast<char*>(data)] = m;
  pinned_bytes += n_bytes;
  *pointer = data;
  return cudaSuccess;
}

cudaError_t Runtime::release_pinned(void* pointer) {
  if (!pointer) return cudaSuccess;
  const auto it = pinned_memory.find(static_cast<char*>(pointer));
  if (it == pinned_memory.end()) return cudaErrorInvalidValue;
  pinned_bytes -= it->second.n_bytes;
  std::free(it->first);
  pinned_memory.erase(it);
  return cudaSuccess;
}

namespace {

struct Plane {
  char* to;
  size_t to_pitch;
  const char* from;
  size_t from_pitch;
  size_t width, height;
};
void copy(const Plane& p) {
  for (size_t i = 0; i < p.height; i++) std::memmove(p.to + i * p.to_pitch, p.from + i * p.from_pitch, p.width);
}

// Whether the ends are where kind says; cudaMemcpyDefault goes by the pointers.
cudaError_t check_copy(const Runtime& r, const Plane& p, cudaMemcpyKind kind) {
  const bool to = kind == cudaMemcpyDefault ? r.begins_on_device(p.to) : kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from = kind == cudaMemcpyDefault ? r.begins_on_device(p.from) : kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  const size_t to_bytes = (p.height - 1) * p.to_pitch + p.width, from_bytes = (p.height - 1) * p.from_pitch + p.width;
  if (to ? !r.on_device(p.to, to_bytes) : r.begins_on_device(p.to) || !p.to) return cudaErrorInvalidValue;
  if (from ? !r.on_device(p.from, from_bytes) : r.begins_on_device(p.from) || !p.from) return cudaErrorInvalidValue;
  return cudaSuccess;
}

cudaError_t copy_async(Runtime& r, Plane p, cudaMemcpyKind kind, cudaStream_t stream) {
  if (p.width == 0 || p.height == 0) return cudaSuccess;
  const cudaError_t status = check_copy(r, p, kind);
  if (status != cudaSuccess) return status;
  const auto run = [p] {
    copy(p);
    return cudaSuccess;
  };
  if (r.capture(stream)) return r.put(stream, {run});
  const size_t from_bytes = (p.height - 1) * p.from_pitch + p.width;
  const bool to_device = r.begins_on_device(p.to), from_device = r.begins_on_device(p.from);
  if ((!from_device && !r.is_pinned(p.from, from_bytes)) || (!to_device && !r.is_pinned(p.to, p.width))) r.calls["pageable copy"]++;
  if (!from_device && !r.is_pinned(p.from, from_bytes)) {  // the source may be reused when the call returns
    const auto bytes = std::make_shared<std::vector<char>>(p.from, p.from + from_bytes);
    return r.put(stream, {[p, bytes]() mutable {
                   p.from = bytes->data();
                   copy(p);
                   return cudaSuccess;
                 }});
  }
  cudaError_t queued = r.put(stream, {run});
  if (queued == cudaSuccess && !to_device && !r.is_pinned(p.to, p.width)) queued = r.drain(*r.queue(stream));
  return queued;
}

}  // namespace
}  // namespace simt

using simt::api;
using simt::Runtime;

cudaError_t cudaMalloc(void** pointer, size_t n_bytes) {
  return api("cudaMalloc", [&](Runtime& r) {
    const cudaError_t status = r.unsafe();
    return status != cudaSuccess ? status : r.allocate(pointer, n_bytes);
  });
}
// Waits for all work, as the real one does.
cudaError_t cudaFree(void* pointer) {
  return api("cudaFree", [&](Runtime& r) {
    cudaError_t status = r.unsafe();
    if (status == cudaSuccess) status = r.drain_all();
    return status != cudaSuccess ? status : r.release(pointer);
  });
}
cudaError_t cudaMallocHost(void** pointer, size_t n_bytes) {
  return api("cudaMallocHost", [&](Runtime& r) {
    const cudaError_t status = r.unsafe();
    return status != cudaSuccess ? status : r.allocate_pinned(pointer, n_bytes);
  });
}
cudaError_t cudaHostAlloc(void** pointer, size_t n_bytes, unsigned) { return cudaMallocHost(pointer, n_bytes); }
cudaError_t cudaFreeHost(void* pointer) {
  return api("cudaFreeHost", [&](Runtime& r) {
    cudaError_t status = r.unsafe();
    if (status == cudaSuccess) status = r.drain_all();
    return status != cudaSuccess ? status : r.release_pinned(pointer);
  });
}
cudaError_t cudaMemGetInfo(size_t* free_bytes, size_t* all_bytes) {
  return api("cudaMemGetInfo", [&](Runtime& r) {
    *all_bytes = r.memory_bytes;
    *free_bytes = r.memory_bytes - std::min(r.memory_bytes, r.device_bytes);
    return cudaSuccess;
  });
}
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* pointer) {
  return api("cudaPointerGetAttributes", [&](Runtime& r) {
    void* const p = const_cast<void*>(pointer);
    const bool device = r.begins_on_device(p), pinned = r.is_pinned(p, 1);
    *attributes = {device ? cudaMemoryTypeDevice : pinned ? cudaMemoryTypeHost : cudaMemoryTypeUnregistered, 0,
                   device || pinned ? p : nullptr, device ? nullptr : p};
    return cudaSuccess;
  });
}

cudaError_t cudaMemcpy(void* to, const void* from, size_t n_bytes, cudaMemcpyKind kind) {
  return api("cudaMemcpy", [&](Runtime& r) {
    cudaError_t status = r.unsafe();
    if (status == cudaSuccess)
      status = simt::copy_async(r, {static_cast<char*>(to), 0, static_cast<const char*>(from), 0, n_bytes, 1}, kind, nullptr);
    return status != cudaSuccess ? status : r.drain(*r.legacy);
  });
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t n_bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  return api("cudaMemcpyAsync", [&](Runtime& r) {
    return simt::copy_async(r, {static_cast<char*>(to), 0, static_cast<const char*>(from), 0, n_bytes, 1}, kind, stream);
  });
}
cudaError_t cudaMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width, size_t height,
                              cudaMemcpyKind kind, cudaStream_t stream) {
  return api("cudaMemcpy2DAsync", [&](Runtime& r) {
    if (width > to_pitch || width > from_pitch) return cudaErrorInvalidPitchValue;
    return simt::copy_async(r, {static_cast<char*>(to), to_pitch, static_cast<const char*>(from), from_pitch, width, height}, kind, stream);
  });
}
cudaError_t cudaMemsetAsync(void* to, int value, size_t n_bytes, cudaStream_t stream) {
  return api("cudaMemsetAsync", [&](Runtime& r) {
    if (n_bytes == 0) return cudaSuccess;
    if (!r.on_device(to, n_bytes)) return cudaErrorInvalidValue;
    return r.put(stream, {[=] {
                   std::memset(to, value, n_bytes);
                   return cudaSuccess;
                 }});
  });
}
cudaError_t cudaMemset(void* to, int value, size_t n_bytes) {
  return api("cudaMemset", [&](Runtime& r) {
    const cudaError_t status = r.unsafe();
    return status != cudaSuccess ? status : cudaMemsetAsync(to, value, n_bytes, nullptr);
  });
}
