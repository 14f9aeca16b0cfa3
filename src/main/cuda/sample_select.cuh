// The threshold of a filter: the largest key such that the keys from it on count, or weigh, what the filter asks for. Found by
// bins between two keys, then of the bin in which the running sum gets there, until that bin holds few keys, which are ranked
// by comparing each with each. Nothing is sorted.
#pragma once

#include "sample_bins.cuh"
#include "sample_row.cuh"

namespace tern::cuda {

// The weight of a token in the row's units.
struct RowMass {
  float max;
  float inv_temperature;
  float unit;  // a power of two: weight 1

  __device__ __forceinline__ Mass operator()(float x) const {
    return __float2ull_rn(__fmul_rn(weight(x, max, inv_temperature), unit));
  }
};

// A lower bound of the k-th largest key by the maxima of spans, k different ones of which reach it.
template <bool aligned>
__device__ __forceinline__ Key top_k_bound(const Row<aligned>& row, PickShared& s, Key lowest, Key highest, int k) {
  if (k > row.n_spans) return lowest;
  clear_bins(s);
  const BinRange range(lowest, highest);
  for (int i = static_cast<int>(threadIdx.x); i < row.n_spans; i += static_cast<int>(blockDim.x)) {
    const Key key = key_of(row.spans.max[i], 0);
    if (key >= lowest) atomicAdd(&s.count[range.slot_of(key)], 1u);
  }
  __syncthreads();
  if (warp_id() == 0) find_bin<false>(s, range, static_cast<Mass>(k));
  __syncthreads();
  return s.reached ? s.lowest : lowest;
}

// The threshold between bound and highest. by_mass: of the smallest prefix that holds the share p of the mass of all keys from
// `from` on, or else of the first k keys. All threads get it.
template <bool by_mass, bool aligned>
__device__ __forceinline__ Key find_threshold(const Row<aligned>& row, PickShared& s, const RowMass& mass, Key from, Key bound,
                                              Key highest, float p, int k) {
  Key lowest = bound;
  for (bool first = true;; first = false) {
    clear_bins(s);
    const BinRange range(lowest, highest);
    Mass all = 0;
    row.each_key(by_mass && first ? from : lowest, [&](Key key, float x) {
      const Mass m = by_mass ? mass(x) : 1;
      all += m;
      if (key < lowest || key > highest) return;
      const int slot = range.slot_of(key);
      atomicAdd(&s.count[slot], 1u);
      if (by_mass) add_mass(s, slot, m);
    });
    if (by_mass && first) all = block_sum(s, all);
    __syncthreads();
    if (warp_id() == 0) {
      Mass need = s.need;
      if (first) need = by_mass ? __double2ull_ru(static_cast<double>(fmaxf(p, 0.f)) * static_cast<double>(all)) : Mass(k);
      find_bin<by_mass>(s, range, need ? need : 1);
      if (lane_id() == 0) {
        s.n_candidates = 0;
        s.threshold = ~Key{0};
      }
    }
    __syncthreads();
    lowest = s.lowest;
    highest = s.highest;
    if (s.n_in_bin <= kCandidates) break;
  }

  row.each_key(lowest, [&](Key key, float x) {
    if (key > highest) return;
    const int i = atomicAdd(&s.n_candidates, 1);
    s.candidate[i] = key;
    s.measure[i] = by_mass ? mass(x) : 1;
  });
  __syncthreads();
  // A token belongs to the prefix if those before it do not reach what is asked for.
  const int n = s.n_in_bin;
  for (int i = static_cast<int>(threadIdx.x); i < n; i += static_cast<int>(blockDim.x)) {
    const Key key = s.candidate[i];
    Mass before = 0;
#pragma unroll 4
    for (int j = 0; j < n; j++) before += s.candidate[j] > key ? s.measure[j] : 0;
    if (before < s.need) atomicMin(&s.threshold, key);
  }
  __syncthreads();
  return s.threshold;
}

}  // namespace tern::cuda
