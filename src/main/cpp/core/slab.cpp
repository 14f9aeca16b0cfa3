#include "core/slab.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <vector>

namespace tern {
namespace {

constexpr int64_t kHugePage = 2 << 20;
constexpr int64_t kSlabBytes = 256 << 20;  // of addresses: only what is taken becomes memory

struct Slab {
  uint8_t* base;
  int64_t taken;    // everything behind is free
  int64_t touched;  // everything behind was never taken, and is zero
  int n_live;
};

struct Slabs {
  std::mutex mutex;
  std::vector<Slab> all;
};

Slabs& slabs() {
  static Slabs* const it = new Slabs;  // never destroyed: weights may be freed while the process ends
  return *it;
}

int64_t round_to_line(int64_t n_bytes) { return (n_bytes + 63) / 64 * 64; }

uint8_t* map_slab() {
  void* const raw = mmap(nullptr, kSlabBytes + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (raw == MAP_FAILED) return nullptr;
  uint8_t* const begin = static_cast<uint8_t*>(raw);
  const int64_t head = (kHugePage - static_cast<int64_t>(reinterpret_cast<uintptr_t>(raw) % kHugePage)) % kHugePage;
  if (head > 0) munmap(begin, static_cast<size_t>(head));
  if (head < kHugePage) munmap(begin + head + kSlabBytes, static_cast<size_t>(kHugePage - head));
  madvise(begin + head, kSlabBytes, MADV_HUGEPAGE);  // advice only: fine where it is refused
  return begin + head;
}

}  // namespace

uint8_t* slab_take(int64_t n_bytes) {
  const int64_t n = round_to_line(n_bytes);
  Slabs& s = slabs();
  const std::lock_guard<std::mutex> lock(s.mutex);
  auto slab = std::find_if(s.all.begin(), s.all.end(), [n](const Slab& one) { return n <= kSlabBytes - one.taken; });
  if (slab == s.all.end()) {
    s.all.reserve(s.all.size() + 1);  // before the mapping: what throws here leaves nothing behind
    uint8_t* const base = map_slab();
    if (!base) return nullptr;
    slab = s.all.insert(s.all.end(), Slab{base, 0, 0, 0});
  }
  uint8_t* const data = slab->base + slab->taken;
  const int64_t dirty = std::min(slab->taken + n, slab->touched) - slab->taken;
  if (dirty > 0) std::memset(data, 0, static_cast<size_t>(dirty));
  slab->taken += n;
  slab->touched = std::max(slab->touched, slab->taken);
  slab->n_live++;
  return data;
}

void slab_give(uint8_t* data, int64_t n_bytes) noexcept {
  const int64_t n = round_to_line(n_bytes);
  Slabs& s = slabs();
  const std::lock_guard<std::mutex> lock(s.mutex);
  const auto slab = std::find_if(s.all.begin(), s.all.end(), [data](const Slab& one) { return data >= one.base && data < one.base + kSlabBytes; });
  if (--slab->n_live == 0) {
    munmap(slab->base, kSlabBytes);
    s.all.erase(slab);
    return;
  }
  if (data + n == slab->base + slab->taken) {  // the last, as of a weight that is loaded again in another type
    slab->taken -= n;
    return;
  }
  // A hole until its neighbours are gone too; its memory need not stay.
  const int64_t begin = (data - slab->base + kHugePage - 1) / kHugePage * kHugePage, end = (data + n - slab->base) / kHugePage * kHugePage;
  if (begin < end) madvise(slab->base + begin, static_cast<size_t>(end - begin), MADV_DONTNEED);
}

}  // namespace tern
