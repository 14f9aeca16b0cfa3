// Barriers, shuffles and votes.
#pragma once

#include "block.h"

#define threadIdx (::simt::thread().index)
#define blockIdx (::simt::block().index())
#define blockDim (::simt::block().grid().block)
#define gridDim (::simt::block().grid().grid)
constexpr int warpSize = 32;

namespace simt {

template <class T>
struct Shuffle {
  T value;
  int from;
};

// A lane that is not there gives bytes of 0xff.
template <class T>
void shuffle_lanes(void* const* args, uint32_t lanes) {
  T out[kWarpLanes];
  for (uint32_t rest = lanes; rest; rest &= rest - 1) {
    const int lane = __builtin_ctz(rest), from = static_cast<Shuffle<T>*>(args[lane])->from;
    if (lanes >> from & 1)
      out[lane] = static_cast<Shuffle<T>*>(args[from])->value;
    else
      __builtin_memset(static_cast<void*>(&out[lane]), 0xff, sizeof(T));
  }
  for (uint32_t rest = lanes; rest; rest &= rest - 1) {
    const int lane = __builtin_ctz(rest);
    static_cast<Shuffle<T>*>(args[lane])->value = out[lane];
  }
}

template <class T>
T shuffle(unsigned mask, T value, int from, const Site& site) {
  Shuffle<T> io{value, from};
  block().collective(mask, &io, shuffle_lanes<T>, site);
  return io.value;
}

// Lane j of this thread's section of width lanes; the thread's own beyond its ends.
inline int section_lane(int j, int width) {
  const int lane = thread().lane;
  return j < 0 || j >= width ? lane : (lane & ~(width - 1)) + j;
}
inline int in_section(int width) { return thread().lane & (width - 1); }

void ballot_lanes(void* const* args, uint32_t lanes);  // in: unsigned predicates; out: the mask
void meet_lanes(void* const* args, uint32_t lanes);
void match_any_lanes(void* const* args, uint32_t lanes);  // in, out: uint64_t
void add_lanes(void* const* args, uint32_t lanes);  // unsigned
void max_lanes(void* const* args, uint32_t lanes);
void min_lanes(void* const* args, uint32_t lanes);
void max_signed_lanes(void* const* args, uint32_t lanes);
void min_signed_lanes(void* const* args, uint32_t lanes);

template <class T>
T reduce(unsigned mask, T value, WarpOp op, const Site& site) {
  block().collective(mask, &value, op, site);
  return value;
}

}  // namespace simt

#define SIMT_HERE(name) ::simt::Site{name, site_file, site_line}

inline void __syncthreads(SIMT_SITE_ARGS) { ::simt::block().barrier(0, 0, 0, SIMT_HERE("__syncthreads")); }
inline int __syncthreads_or(int x, SIMT_SITE_ARGS) { return ::simt::block().barrier(0, 0, x, SIMT_HERE("__syncthreads_or")).last_any; }
inline int __syncthreads_and(int x, SIMT_SITE_ARGS) {
  return ::simt::block().barrier(0, 0, x, SIMT_HERE("__syncthreads_and")).last_all;
}
inline int __syncthreads_count(int x, SIMT_SITE_ARGS) {
  return ::simt::block().barrier(0, 0, x, SIMT_HERE("__syncthreads_count")).last_count;
}
inline void __syncwarp(unsigned mask = ~0u, SIMT_SITE_ARGS) {
  ::simt::block().collective(mask, nullptr, ::simt::meet_lanes, SIMT_HERE("__syncwarp"));
}

template <class T>
T __shfl_sync(unsigned mask, T value, int lane, int width = 32, SIMT_SITE_ARGS) {
  return ::simt::shuffle(mask, value, ::simt::section_lane(lane & (width - 1), width), SIMT_HERE("__shfl_sync"));
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32, SIMT_SITE_ARGS) {
  // As on a GPU, a lane of an earlier section can be read, one of a later section cannot.
  const int lane = ::simt::thread().lane, from = lane ^ bits;
  return ::simt::shuffle(mask, value, from > (lane | (width - 1)) ? lane : from & 31, SIMT_HERE("__shfl_xor_sync"));
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned n, int width = 32, SIMT_SITE_ARGS) {
  const int from = ::simt::in_section(width) - static_cast<int>(n);
  return ::simt::shuffle(mask, value, ::simt::section_lane(from, width), SIMT_HERE("__shfl_up_sync"));
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned n, int width = 32, SIMT_SITE_ARGS) {
  const int from = ::simt::in_section(width) + static_cast<int>(n);
  return ::simt::shuffle(mask, value, ::simt::section_lane(from, width), SIMT_HERE("__shfl_down_sync"));
}

inline unsigned __ballot_sync(unsigned mask, int x, SIMT_SITE_ARGS) {
  return ::simt::reduce<unsigned>(mask, x != 0, ::simt::ballot_lanes, SIMT_HERE("__ballot_sync"));
}
inline int __any_sync(unsigned mask, int x, SIMT_SITE_ARGS) {
  return ::simt::reduce<unsigned>(mask, x != 0, ::simt::ballot_lanes, SIMT_HERE("__any_sync")) != 0;
}
inline int __all_sync(unsigned mask, int x, SIMT_SITE_ARGS) {
  return ::simt::reduce<unsigned>(mask, x == 0, ::simt::ballot_lanes, SIMT_HERE("__all_sync")) == 0;
}
template <class T>
unsigned __match_any_sync(unsigned mask, T x, SIMT_SITE_ARGS) {
  uint64_t bits = 0;
  __builtin_memcpy(&bits, &x, sizeof x);
  return static_cast<unsigned>(::simt::reduce<uint64_t>(mask, bits, ::simt::match_any_lanes, SIMT_HERE("__match_any_sync")));
}
inline unsigned __reduce_add_sync(unsigned mask, unsigned x, SIMT_SITE_ARGS) {
  return ::simt::reduce(mask, x, ::simt::add_lanes, SIMT_HERE("__reduce_add_sync"));
}
inline int __reduce_add_sync(unsigned mask, int x, SIMT_SITE_ARGS) {
  return static_cast<int>(::simt::reduce(mask, static_cast<unsigned>(x), ::simt::add_lanes, SIMT_HERE("__reduce_add_sync")));
}
inline unsigned __reduce_max_sync(unsigned mask, unsigned x, SIMT_SITE_ARGS) {
  return ::simt::reduce(mask, x, ::simt::max_lanes, SIMT_HERE("__reduce_max_sync"));
}
inline int __reduce_max_sync(unsigned mask, int x, SIMT_SITE_ARGS) {
  return ::simt::reduce(mask, x, ::simt::max_signed_lanes, SIMT_HERE("__reduce_max_sync"));
}
inline unsigned __reduce_min_sync(unsigned mask, unsigned x, SIMT_SITE_ARGS) {
  return ::simt::reduce(mask, x, ::simt::min_lanes, SIMT_HERE("__reduce_min_sync"));
}
inline int __reduce_min_sync(unsigned mask, int x, SIMT_SITE_ARGS) {
  return ::simt::reduce(mask, x, ::simt::min_signed_lanes, SIMT_HERE("__reduce_min_sync"));
}
inline unsigned __activemask() { return ::simt::thread().warp->alive; }
inline void __nanosleep(unsigned, SIMT_SITE_ARGS) { ::simt::block().spin(SIMT_HERE("__nanosleep")); }
