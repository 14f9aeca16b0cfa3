#include "core/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "core/checked.h"
#include "core/pool.h"
#include "core/slab.h"

namespace tern {
namespace {

// From here on what is in no slab has its own mapping, of huge pages if it has any whole one, which goes back to the system when it is freed: the
// allocator would keep what the kernels are timed on, some 10 MB, beside a model that no longer comes from there.
constexpr int64_t kLarge = 1 << 20;
constexpr int64_t kSlabLeast = 128 << 10;  // of a weight: less is read from a cache
constexpr int64_t kPage = 4 << 10;
constexpr int64_t kAskFirst = 1 << 20;   // from here on: compare with what the system says is free

constexpr int64_t kInSlab = -1;  // as mapped_

std::atomic<int64_t> live_bytes{0};

int64_t read_number(const char* path, const char* key) {  // key null: the file is the number; -1: none
  std::FILE* file = std::fopen(path, "re");
  if (!file) return -1;
  char line[256];
  long long value = -1;
  while (std::fgets(line, sizeof line, file)) {
    if (!key) {
      if (std::sscanf(line, "%lld", &value) != 1) value = -1;
      break;
    }
    if (!std::strncmp(line, key, std::strlen(key))) {
      char unit[4] = "";
      if (std::sscanf(line + std::strlen(key), " %lld %2s", &value, unit) == 2 && !std::strcmp(unit, "kB")) value *= 1024;
      break;
    }
  }
  std::fclose(file);
  return value;
}

// What one version of control groups calls its files, and the field of /proc/self/cgroup that marks its line.
struct CgroupNames {
  const char* mark;   // in a line "id:controllers:path"
  const char* root;
  const char* limit;  // no number, or a huge one, where there is none
  const char* used;
  const char* active;
  const char* inactive;
};
constexpr CgroupNames kCgroups[] = {
    {"0::", "/sys/fs/cgroup", "memory.max", "memory.current", "active_file", "inactive_file"},
    {":memory:", "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_active_file",
     "total_inactive_file"},
};

// Every control group from this process's own up to the root may set a limit. In a container the path of the first version is the
// host's and is not there inside: then its root is the container's own group, which the way up ends at.
int64_t cgroup_available(const CgroupNames& names) {
  int64_t available = std::numeric_limits<int64_t>::max();
  char path[512] = "";
  std::FILE* list = std::fopen("/proc/self/cgroup", "re");
  if (!list) return available;
  char line[400];
  while (std::fgets(line, sizeof line, list)) {
    const char* mark = std::strstr(line, names.mark);
    if (!mark) continue;
    line[std::strcspn(line, "\n")] = 0;
    std::snprintf(path, sizeof path, "%s%s", names.root, mark + std::strlen(names.mark));
  }
  std::fclose(list);
  for (size_t end = std::strlen(path); end >= std::strlen(names.root);) {
    path[end] = 0;
    char file[560];
    const auto read = [&](const char* name, const char* key) {
      std::snprintf(file, sizeof file, "%s/%s", path, name);
      return read_number(file, key);
    };
    const int64_t limit = read(names.limit, nullptr), used = read(names.used, nullptr);
    if (limit >= 0 && used >= 0) {
      // Cached files count as used, but give way.
      const int64_t cached = std::max<int64_t>(0, read("memory.stat", names.active)) +
                             std::max<int64_t>(0, read("memory.stat", names.inactive));
      available = std::min(available, std::max<int64_t>(0, limit - used + cached));
    }
    while (end > 0 && path[--end] != '/') {
    }
  }
  return available;
}

int64_t available_bytes() {
  int64_t available = read_number("/proc/meminfo", "MemAvailable:");
  if (available < 0) available = std::numeric_limits<int64_t>::max();
  for (const CgroupNames& names : kCgroups) available = std::min(available, cgroup_available(names));
  return available;
}

// Makes the pages of zeroed bytes real now: a page that is not there when a kernel first writes to it ends the process.
bool populate(uint8_t* data, int64_t n_bytes) {
#ifdef MADV_POPULATE_WRITE
  uint8_t* const page = data - reinterpret_cast<uintptr_t>(data) % kPage;
  if (madvise(page, static_cast<size_t>(data + n_bytes - page), MADV_POPULATE_WRITE) == 0) return true;
  if (errno != EINVAL) return false;
#endif
  for (int64_t i = 0; i < n_bytes; i += kPage) static_cast<volatile uint8_t*>(data)[i] = 0;
  static_cast<volatile uint8_t*>(data)[n_bytes - 1] = 0;
  return true;
}

bool populate(uint8_t* data, int64_t n_bytes, Pool* pool) {
  if (!pool) return populate(data, n_bytes);
  std::atomic<bool> all{true};
  uint8_t* const page = data - reinterpret_cast<uintptr_t>(data) % kHugePage;  // a huge page is a task
  pool->run(static_cast<int>((data + n_bytes - page + kHugePage - 1) / kHugePage), [&](int i, int) {
    uint8_t* const begin = std::max(data, page + i * kHugePage);
    if (!populate(begin, std::min(data + n_bytes, page + (i + 1) * kHugePage) - begin)) all = false;
  });
  return all;
}

[[noreturn]] void out_of_memory(int64_t n_bytes, const char* purpose) {
  const double mb = 1e-6;
  const int64_t available = available_bytes();
  if (available == std::numeric_limits<int64_t>::max())
    fail(TERN_ERR_OUT_OF_MEMORY, "%s needs %.1f MB and the system refused", purpose, n_bytes * mb);
  fail(TERN_ERR_OUT_OF_MEMORY, "%s needs %.1f MB, %.1f MB are free", purpose, n_bytes * mb, available * mb);
}

}  // namespace

int64_t native_bytes() { return live_bytes.load(std::memory_order_relaxed); }

void require_free(int64_t n_bytes, const char* purpose) {
  if (n_bytes < 0) fail(TERN_ERR_INVALID_ARGUMENT, "%s: a negative size", purpose);
  if (n_bytes >= kAskFirst && n_bytes > available_bytes()) out_of_memory(n_bytes, purpose);
}

Buffer::Buffer(int64_t n_bytes, const char* purpose, Pool* pool) {
  if (n_bytes == 0) return;
  require_free(n_bytes, purpose);
  uint8_t* const in_slab = pool && n_bytes >= kSlabLeast && n_bytes <= kSlabMost ? slab_take(n_bytes) : nullptr;
  if (in_slab) {
    if (!populate(in_slab, n_bytes, pool)) {
      slab_give(in_slab, n_bytes, false);
      out_of_memory(n_bytes, purpose);
    }
    data_ = in_slab;
    mapped_ = kInSlab;
  } else if (n_bytes >= kLarge) {
    const int64_t rounded = round_up(n_bytes, kPage);  // it ends with small pages
    checked_add(rounded, kHugePage);
    data_ = map_huge(rounded);
    if (!data_) out_of_memory(n_bytes, purpose);
    if (!populate(static_cast<uint8_t*>(data_), rounded, pool)) {
      munmap(data_, static_cast<size_t>(rounded));
      out_of_memory(n_bytes, purpose);
    }
    mapped_ = rounded;
  } else {
    const size_t rounded = static_cast<size_t>(round_up(n_bytes, 64));
    data_ = std::aligned_alloc(64, rounded);
    if (!data_) out_of_memory(n_bytes, purpose);
    std::memset(data_, 0, rounded);
  }
  size_ = n_bytes;
  free_ = free;
  live_bytes.fetch_add(size_, std::memory_order_relaxed);
}

Buffer Buffer::adopt(void* data, int64_t n_bytes, void (*release)(void*)) {
  Buffer buffer;
  buffer.data_ = data;
  buffer.size_ = n_bytes;
  buffer.free_ = free;
  buffer.release_ = release;
  live_bytes.fetch_add(n_bytes, std::memory_order_relaxed);
  return buffer;
}

void Buffer::free(Buffer& buffer) noexcept {
  if (buffer.release_)
    buffer.release_(buffer.data_);
  else if (buffer.mapped_ == kInSlab)
    slab_give(buffer.as<uint8_t>(), buffer.size_, true);
  else if (buffer.mapped_)
    munmap(buffer.data_, static_cast<size_t>(buffer.mapped_));
  else
    std::free(buffer.data_);
  live_bytes.fetch_sub(buffer.size_, std::memory_order_relaxed);
}

}  // namespace tern
