// What a block that picks a token shares, and bins of equal width between two keys, which count or weigh the keys in them. No
// sum depends on the order of threads.
#pragma once

#include "sample_span.cuh"

namespace tern::cuda {

constexpr int kBinBits = 10;
constexpr int kBins = 1 << kBinBits;
constexpr int kCandidates = 256;  // each thread compares with as many; twice as many cost more than another pass saves
constexpr int kMaxWarps = 16;

struct PickShared {
  unsigned low[kBins];  // masses in halves: a 64-bit addition to shared memory would be a loop of compare and swap
  unsigned high[kBins];
  unsigned count[kBins];
  Key candidate[kCandidates];
  Mass measure[kCandidates];
  Mass mass_part[kMaxWarps];
  double double_part[kMaxWarps];
  float float_part[kMaxWarps];
  // Told by one thread to all.
  Key lowest, highest, threshold;
  Key cutoff, top_p_bound, min_p_threshold;
  Mass need, rest;
  Mass span_total;
  int n_in_bin, n_candidates, span, token;
  bool reached;
};

template <class T, class Join>
__device__ __forceinline__ T block_join(T x, T nothing, T* part, const Join& join) {
#pragma unroll
  for (int step = 16; step > 0; step >>= 1) x = join(x, __shfl_xor_sync(kAllLanes, x, step));
  __syncthreads();  // part may still be read from the last time
  if (lane_id() == 0) part[warp_id()] = x;
  __syncthreads();
  x = lane_id() < n_warps() ? part[lane_id()] : nothing;
#pragma unroll
  for (int step = 16; step > 0; step >>= 1) x = join(x, __shfl_xor_sync(kAllLanes, x, step));
  return x;
}
__device__ __forceinline__ float block_max(PickShared& s, float x) {
  return block_join(x, -kInf, s.float_part, [](float a, float b) { return fmaxf(a, b); });
}
__device__ __forceinline__ double block_sum(PickShared& s, double x) {
  return block_join(x, 0.0, s.double_part, [](double a, double b) { return __dadd_rn(a, b); });
}
__device__ __forceinline__ Mass block_sum(PickShared& s, Mass x) {
  return block_join(x, Mass{0}, s.mass_part, [](Mass a, Mass b) { return a + b; });
}

// Bin 0 holds the highest keys. The first search reads bins lane * 32 + j: transposed, these are in different banks.
struct BinRange {
  Key lowest, highest;
  int shift;

  __device__ BinRange(Key from, Key to) : lowest(from), highest(to) {
    shift = max(0, 64 - __clzll(static_cast<long long>(to - from)) - kBinBits);
  }
  static __device__ __forceinline__ int slot(int bin) { return bin % 32 * 32 + bin / 32; }
  __device__ __forceinline__ int slot_of(Key key) const { return slot(static_cast<int>((highest - key) >> shift)); }
};

__device__ __forceinline__ void clear_bins(PickShared& s) {
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < kBins; i += static_cast<int>(blockDim.x))
    s.low[i] = s.high[i] = s.count[i] = 0;
  __syncthreads();
}
__device__ __forceinline__ void add_mass(PickShared& s, int slot, Mass x) {
  const unsigned low = static_cast<unsigned>(x);
  const unsigned carry = atomicAdd(&s.low[slot], low) > ~low;
  const unsigned high = static_cast<unsigned>(x >> 32) + carry;
  if (high) atomicAdd(&s.high[slot], high);
}

// One warp: the bin, from the highest on, at which the running sum reaches need: its keys become the new range, need what is
// still missing. reached: whether any did; else the lowest bin that holds anything.
template <bool by_mass>
__device__ __forceinline__ void find_bin(PickShared& s, const BinRange& range, Mass need) {
  const auto measure = [&](int slot) { return by_mass ? Mass{s.high[slot]} << 32 | s.low[slot] : Mass{s.count[slot]}; };
  Mass own = 0;
#pragma unroll 8
  for (int j = 0; j < 32; j++) own += measure(BinRange::slot(lane_id() * 32 + j));
  Mass running = warp_running_sum(own);
  const Mass total = __shfl_sync(kAllLanes, running, kWarp - 1);
  const bool reached = total >= need;
  need = reached ? need : total;
  const int group = __ffs(static_cast<int>(__ballot_sync(kAllLanes, running >= need))) - 1;
  const Mass before = __shfl_sync(kAllLanes, running - own, group);
  const int bin = group * 32 + lane_id();
  own = measure(BinRange::slot(bin));
  running = before + warp_running_sum(own);
  const int of_bin = __ffs(static_cast<int>(__ballot_sync(kAllLanes, running >= need))) - 1;
  __syncwarp();  // all lanes have read what one of them now writes
  if (lane_id() != of_bin) return;
  const Key width = (Key{1} << range.shift) - 1;
  s.highest = range.highest - (Key(bin) << range.shift);
  s.lowest = s.highest - range.lowest > width ? s.highest - width : range.lowest;
  s.need = need - (running - own);
  s.n_in_bin = static_cast<int>(s.count[BinRange::slot(bin)]);
  s.reached = reached;
}

}  // namespace tern::cuda
