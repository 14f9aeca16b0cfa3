// Memory of the library: 64-byte aligned, zeroed, counted, on huge pages when large. Throws Error(OUT_OF_MEMORY) with what was
// needed, what is free, and the purpose; asks the system first, since Linux overcommits and would kill the process instead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace tern {

int64_t native_bytes();  // held by all Buffers now

// Throws OUT_OF_MEMORY if the system has less to give: for what is made of many small pieces, or not of Buffers.
void require_free(int64_t n_bytes, const char* purpose);

class Pool;

class Buffer {
 public:
  Buffer() = default;
  // pool: for weights. Its threads share the work of making a large buffer's pages, which is most of the time that loading a model's bytes
  // takes, and if it is neither tiny nor huge it lies in a slab (core/slab.h) with other weights.
  Buffer(int64_t n_bytes, const char* purpose, Pool* pool = nullptr);
  // Memory of another kind, counted here and given back with release(data).
  static Buffer adopt(void* data, int64_t n_bytes, void (*release)(void*));
  ~Buffer() {
    if (data_) free_(*this);
  }
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer(std::move(other)).swap(*this);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  template <class T>
  T* as() const {
    return static_cast<T*>(data_);
  }
  int64_t size() const { return size_; }
  explicit operator bool() const { return data_ != nullptr; }

 private:
  void swap(Buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(mapped_, other.mapped_);
    std::swap(free_, other.free_);
    std::swap(release_, other.release_);
  }
  static void free(Buffer& buffer) noexcept;

  void* data_ = nullptr;
  int64_t size_ = 0;
  int64_t mapped_ = 0;  // bytes obtained by mmap, 0 if by aligned_alloc, -1 if they are in a slab
  void (*free_)(Buffer&) noexcept = nullptr;  // of the library that made it, whose counter it is in
  void (*release_)(void*) = nullptr;
};

}  // namespace tern
