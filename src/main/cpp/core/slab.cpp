#include "core/slab.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>
#include <vector>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TERN_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define TERN_ASAN 1
#endif
#ifdef TERN_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(data, n_bytes) ((void)(data), (void)(n_bytes))
#define ASAN_UNPOISON_MEMORY_REGION(data, n_bytes) ((void)(data), (void)(n_bytes))
#endif

namespace tern {
namespace {

constexpr int64_t kPage = 4 << 10;
constexpr int64_t kLine = 64;
// Of addresses: only what is taken becomes memory, though some limits count the others too. Each is as large as all before it, up to
// kMostSlab: up to a huge page at the end of what is taken of a slab is for nobody.
constexpr int64_t kLeastSlab = 128 << 20, kMostSlab = 256 << 20;

struct Slab {
  uint8_t* base;
  int64_t size;
  std::map<int64_t, int64_t> blocks;  // taken: offset, bytes. All between them is zero
};

struct Slabs {
  std::mutex mutex;
  std::vector<Slab> all;
};

Slabs& slabs() {
  static Slabs* const it = new Slabs;  // never destroyed: weights may be freed while the process ends
  return *it;
}

int64_t up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

int64_t block_bytes(int64_t n_bytes) { return up(n_bytes, kLine) + kLine; }

// Where n bytes are free, or -1.
int64_t gap(const Slab& slab, int64_t n) {
  int64_t at = 0;
  for (const auto& block : slab.blocks) {
    if (n <= block.first - at) return at;
    at = block.first + block.second;
  }
  return n <= slab.size - at ? at : -1;
}

Slab* new_slab(Slabs& s, int64_t n) {
  int64_t mapped = 0;
  for (const Slab& slab : s.all) mapped += slab.size;
  const int64_t size = std::max(std::min(std::max(mapped, kLeastSlab), kMostSlab), up(n, kHugePage));
  s.all.push_back({nullptr, 0, {}});  // before the mapping: what throws here leaves nothing behind
  uint8_t* const base = map_huge(size);
  if (!base) {
    s.all.pop_back();
    return nullptr;
  }
  ASAN_POISON_MEMORY_REGION(base, size);
  s.all.back().base = base;
  s.all.back().size = size;
  return &s.all.back();
}

}  // namespace

uint8_t* map_huge(int64_t n_bytes) {
  void* const raw = mmap(nullptr, static_cast<size_t>(n_bytes + kHugePage), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) return nullptr;
  uint8_t* const begin = static_cast<uint8_t*>(raw);
  const int64_t head = (kHugePage - static_cast<int64_t>(reinterpret_cast<uintptr_t>(raw) % kHugePage)) % kHugePage;
  if (head > 0) munmap(begin, static_cast<size_t>(head));
  if (head < kHugePage) munmap(begin + head + n_bytes, static_cast<size_t>(kHugePage - head));
  madvise(begin + head, static_cast<size_t>(n_bytes), MADV_HUGEPAGE);  // advice only: fine where it is refused
  return begin + head;
}

uint8_t* slab_take(int64_t n_bytes) {
  if (n_bytes < 1 || n_bytes > kSlabMost) return nullptr;
  const int64_t n = block_bytes(n_bytes);
  Slabs& s = slabs();
  const std::lock_guard<std::mutex> lock(s.mutex);
  Slab* slab = nullptr;
  int64_t at = -1;
  for (size_t i = 0; at < 0 && i < s.all.size(); i++) slab = &s.all[i], at = gap(*slab, n);
  if (at < 0) {
    slab = new_slab(s, n);
    if (!slab) return nullptr;
    at = 0;
  }
  slab->blocks.emplace(at, n);
  ASAN_UNPOISON_MEMORY_REGION(slab->base + at, n_bytes);
  return slab->base + at;
}

void slab_give(uint8_t* data, int64_t n_bytes, bool populated) noexcept {
  Slabs& s = slabs();
  const std::lock_guard<std::mutex> lock(s.mutex);
  const auto slab = std::find_if(s.all.begin(), s.all.end(), [data](const Slab& one) { return data >= one.base && data < one.base + one.size; });
  if (slab == s.all.end()) return;
  const auto block = slab->blocks.find(data - slab->base);
  if (block == slab->blocks.end()) return;
  const int64_t begin = block->first, end = begin + n_bytes;
  const auto next = std::next(block);
  const int64_t free_begin = block == slab->blocks.begin() ? 0 : std::prev(block)->first + std::prev(block)->second;
  const int64_t free_end = next == slab->blocks.end() ? slab->size : next->first;
  slab->blocks.erase(block);
  if (slab->blocks.empty()) {
    ASAN_UNPOISON_MEMORY_REGION(slab->base, slab->size);
    if (munmap(slab->base, static_cast<size_t>(slab->size)) == 0) {
      s.all.erase(slab);
      return;
    }
    // The process has as many mappings as it may, and this one is a part of another's: it stays, empty.
    ASAN_POISON_MEMORY_REGION(slab->base, slab->size);
    ASAN_UNPOISON_MEMORY_REGION(slab->base + begin, n_bytes);
  }
  // Pages go back whole, huge ones as such; what is left of others is zeroed for who comes next. Pages that are not there were not written.
  const int64_t page = populated ? kHugePage : kPage;
  int64_t first = up(free_begin, page), last = free_end / page * page;
  const bool back = first < last && madvise(slab->base + first, static_cast<size_t>(last - first), MADV_DONTNEED) == 0;
  if (!back) first = last = begin;  // none, or locked memory
  const auto zero = [&](int64_t from, int64_t to) {
    if (populated && from < to) std::memset(slab->base + from, 0, static_cast<size_t>(to - from));
  };
  zero(begin, std::min(first, end));
  zero(std::max(last, begin), end);
  ASAN_POISON_MEMORY_REGION(slab->base + begin, n_bytes);
}

}  // namespace tern
