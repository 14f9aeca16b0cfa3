// One token drawn from each row of logits (semantics: tern.h, tern_batch; docs/sampling.md), in two launches:
//   scan: maximum and mass of every span of 256 logits, raw and with penalty and temperature, one warp each;
//   pick: one block per row works with these. The largest token, or one drawn without filters, takes one span of logits more.
// Every filter keeps a prefix of the order of keys, hence all of them together are one threshold (sample_select.cuh). Options
// are read on the device: the launches are the same whatever they are.
#include "sample.h"

#include "device.cuh"
#include "sample_select.cuh"

namespace tern::cuda {
namespace {

constexpr int kScanWarps = 8;
constexpr int kTile = kScanWarps * kSpan;
constexpr float kExpLow = -87.f;  // weights below e^-87 are 0

// Sets the bits of this block's listed tokens and keeps them for pick.
template <bool aligned>
__device__ __forceinline__ void mark_listed(const Row<aligned>& row, unsigned* bits) {
  constexpr int kWords = kTile / 32;
  const int t = static_cast<int>(threadIdx.x), begin = static_cast<int>(blockIdx.y) * kTile;
  if (t < kWords) bits[t] = 0;
  __syncthreads();
  for (int i = t; i < row.n_listed; i += kScanWarps * kWarp) {
    const int id = __ldg(row.listed + i);
    if (id >= begin && id < row.n && id - begin < kTile) atomicOr(&bits[(id - begin) / 32], 1u << (id - begin) % 32);
  }
  __syncthreads();
  const int word = begin / 32 + t;
  if (t < kWords && word < row.n_spans * kSpanWords) row.spans.bits[word] = bits[t];
}

__device__ __forceinline__ float span_max(const float (&x)[kLaneLogits]) {
  float max = x[0];
#pragma unroll
  for (int j = 1; j < kLaneLogits; j++) max = fmaxf(max, x[j]);
  return warp_max(max);
}
__device__ __forceinline__ Mass span_mass(const float (&x)[kLaneLogits], float max, float inv_temperature) {
  Mass sum = 0;
#pragma unroll
  for (int j = 0; j < kLaneLogits; j++) sum += mass_in_span(x[j], max, inv_temperature);
  return warp_sum(sum);
}

// Grid: [rows, tiles]; a warp for each span.
template <bool aligned>
__global__ void __launch_bounds__(kScanWarps * kWarp) sample_scan_kernel(const __grid_constant__ SampleArgs a) {
  unsigned* const bits = reinterpret_cast<unsigned*>(dynamic_shared());
  const Row<aligned> row(a, blockIdx.x);
  const int span = static_cast<int>(blockIdx.y) * kScanWarps + warp_id();
  float x[kLaneLogits];
  row.load(span, x);
  if (row.n_listed) mark_listed(row, bits);
  if (span >= row.n_spans) return;

  bool bad = false;
#pragma unroll
  for (int j = 0; j < kLaneLogits; j++) bad |= !(x[j] < kInf);
  bad = __any_sync(kAllLanes, bad);
  float max = span_max(x);
  Mass mass = bad ? 0 : span_mass(x, max, 1);
  if (lane_id() == 0) {
    row.spans.raw_max[span] = bad ? kInf : max;
    row.spans.raw_mass[span] = mass;
  }
  if (row.target >= 0 || bad) return;
  if (row.n_listed) {
    row.penalise(bits + warp_id() * kSpanWords, x);
    max = span_max(x);
  }
  if (row.draws() && (row.n_listed || row.inv_temperature != 1)) mass = span_mass(x, max, row.inv_temperature);
  if (lane_id() == 0) {
    row.spans.max[span] = max;
    row.spans.mass[span] = mass;
  }
}

// A bijection of 64-bit words: two rounds of xor-shift and multiply (Stafford's variant 13, SplitMix64).
__device__ __forceinline__ uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}
// Uniform in [0, 1), times 2^53.
__device__ __forceinline__ uint64_t uniform(int64_t seed, int64_t draw) {
  constexpr uint64_t kGolden = 0x9e3779b97f4a7c15u;
  return mix(mix(static_cast<uint64_t>(seed) + kGolden) + static_cast<uint64_t>(draw) * kGolden) >> 11;
}

// Mass of all spans, fp64, in units of the largest weight.
template <bool aligned>
__device__ __forceinline__ double total_mass(const Row<aligned>& row, PickShared& s, const Mass* mass, const float* maxima,
                                             float max, float inv_temperature) {
  double sum = 0;
  for (int i = static_cast<int>(threadIdx.x); i < row.n_spans; i += static_cast<int>(blockDim.x))
    sum = __fma_rn(static_cast<double>(mass[i]), static_cast<double>(weight(maxima[i], max, inv_temperature)), sum);
  return __dmul_rn(block_sum(s, sum), 0x1p-53);
}
__device__ __forceinline__ float largest_of(PickShared& s, const float* maxima, int n_spans) {
  float max = -kInf;
  for (int i = static_cast<int>(threadIdx.x); i < n_spans; i += static_cast<int>(blockDim.x)) max = fmaxf(max, maxima[i]);
  return block_max(s, max);
}

template <bool aligned>
__device__ __forceinline__ int first_largest(const Row<aligned>& row, PickShared& s, float max) {
  if (threadIdx.x == 0) s.token = s.span = 0x7fffffff;
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < row.n_spans; i += static_cast<int>(blockDim.x))
    if (row.spans.max[i] == max) {
      atomicMin(&s.span, i);
      break;
    }
  __syncthreads();
  if (warp_id() == 0) {
    float x[kLaneLogits];
    row.load(s.span, x);
    if (row.n_listed) row.penalise(row.spans.bits + int64_t{s.span} * kSpanWords, x);
#pragma unroll
    for (int j = 0; j < kLaneLogits; j++)
      if (x[j] == max) atomicMin(&s.token, s.span * kSpan + Row<aligned>::place(j));
  }
  __syncthreads();
  return s.token;
}

// Bounds on keys that need logarithms: one thread computes them, in fp64, which most GPUs have little of.
//   cutoff: tokens below weigh nothing.
//   min_p_threshold: the least logit with weight >= min_p.
//   top_p_bound: a token with w < (1 - p) total / n is not in the nucleus, as the mass from it on would be less than (1 - p)
//   total; nor if only the k first tokens count, as their mean weight is no less. Loosened by far more than the roundings.
__device__ __forceinline__ void find_bounds(PickShared& s, double total, float largest, float temperature, int n, float p,
                                            float min_p) {
  const double t = static_cast<double>(fminf(temperature, FLT_MAX)), top = static_cast<double>(largest);
  const auto at_most_max = [&](double x) {
    return static_cast<float>(fmin(fmax(x, -static_cast<double>(FLT_MAX)), top));
  };
  s.cutoff = key_of(at_most_max(__fma_rn(static_cast<double>(kExpLow), t, top)), kLastId);
  s.min_p_threshold = s.top_p_bound = s.cutoff;
  if (min_p > 0) {
    const double cut = min_p < 1 ? __fma_rn(t, log(static_cast<double>(min_p)), top) : top;
    const float logit = static_cast<float>(cut);
    const unsigned order = order_of(logit) + (static_cast<double>(logit) < cut ? 1 : 0);
    s.min_p_threshold = max(s.cutoff, Key{order} << kIdBits);
  }
  if (p < 1) {
    const double share = 1 - fmax(static_cast<double>(p), 0.0);
    const double bound = __fma_rn(log(share * total / n) - 1e-3, t, top);
    s.top_p_bound = max(s.cutoff, key_of(at_most_max(bound - 1e-6 * fabs(bound)), kLastId));
  }
}

// Leaves in spans.mass the mass of what the filters keep, and returns the lowest key of that.
template <bool aligned>
__device__ __forceinline__ Key filter(const Row<aligned>& row, PickShared& s, const RowMass& mass, double total, int top_k,
                                      float top_p, float min_p) {
  if (threadIdx.x == 0) find_bounds(s, total, mass.max, row.temperature, row.n, top_p, min_p);
  __syncthreads();
  const Key cutoff = s.cutoff, top_p_bound = s.top_p_bound, highest = key_of(mass.max, 0);
  Key threshold = cutoff;
  if (top_k > 0 && top_k < row.n) {
    const Key bound = top_k_bound(row, s, cutoff, highest, top_k);
    threshold = find_threshold<false>(row, s, mass, bound, bound, highest, 0.f, top_k);
  }
  if (top_p < 1) threshold = find_threshold<true>(row, s, mass, threshold, max(threshold, top_p_bound), highest, top_p, 0);
  threshold = max(threshold, s.min_p_threshold);

  const float low = logit_of(threshold);
  for (int i = static_cast<int>(threadIdx.x); i < row.n_spans; i += static_cast<int>(blockDim.x))
    if (!(row.spans.max[i] >= low)) row.spans.mass[i] = 0;
  row.each_span(low, [&](int span, const float (&x)[kLaneLogits]) {
    const float max = row.spans.max[span];
    Mass sum = 0;
#pragma unroll
    for (int j = 0; j < kLaneLogits; j++)
      if (key_of(x[j], span * kSpan + Row<aligned>::place(j)) >= threshold)
        sum += mass_in_span(x[j], max, row.inv_temperature);
    sum = warp_sum(sum);
    if (lane_id() == 0) row.spans.mass[span] = sum;
  });
  __syncthreads();
  return threshold;
}

// The first token, in order of ids, of those from threshold on, at which the running sum of masses exceeds u of the total.
template <bool aligned>
__device__ __forceinline__ int draw(const Row<aligned>& row, PickShared& s, const RowMass& mass, Key threshold, uint64_t u) {
  const auto mass_of = [&](int span) {
    const double m = __dmul_rn(static_cast<double>(row.spans.mass[span]), static_cast<double>(mass.unit) * 0x1p-53);
    return __double2ull_rn(__dmul_rn(m, static_cast<double>(weight(row.spans.max[span], mass.max, mass.inv_temperature))));
  };
  const int share = ceil_div(row.n_spans, static_cast<int>(blockDim.x));
  const int begin = min(static_cast<int>(threadIdx.x) * share, row.n_spans), end = min(begin + share, row.n_spans);
  Mass own = 0;
  for (int i = begin; i < end; i++) own += mass_of(i);
  const Mass running = warp_running_sum(own);
  __syncthreads();
  if (lane_id() == kWarp - 1) s.mass_part[warp_id()] = running;
  __syncthreads();
  const Mass of_warps = warp_running_sum(lane_id() < n_warps() ? s.mass_part[lane_id()] : 0);
  const Mass total = __shfl_sync(kAllLanes, of_warps, kWarp - 1);
  const Mass of_earlier = __shfl_sync(kAllLanes, of_warps, max(warp_id() - 1, 0));
  Mass before = running - own + (warp_id() ? of_earlier : 0);
  // A sum of integers exceeds u total if it exceeds the whole part. One thread has this place: it is below the total.
  const Mass place = __umul64hi(u, total) << 11 | u * total >> 53;
  if (before <= place && place - before < own) {
    int span = begin;
    Mass m = mass_of(span);
    for (; place - before >= m; m = mass_of(++span)) before += m;
    s.span = span;
    s.rest = place - before;
    s.span_total = m;
  }
  __syncthreads();
  if (warp_id() == 0) {
    // Within the span by its own masses, of which this lane has eight in a row.
    const int first = s.span * kSpan + lane_id() * kLaneLogits;
    const float max = row.spans.max[s.span];
    Mass m[kLaneLogits], sum = 0;
#pragma unroll
    for (int j = 0; j < kLaneLogits; j++) {
      const int id = first + j;
      float x = id < row.n ? __ldg(row.logits + id) : -kInf;
      if (row.n_listed && row.spans.bits[id / 32] >> id % 32 & 1) x = row.penalised(x);
      m[j] = id < row.n && key_of(x, id) >= threshold ? mass_in_span(x, max, mass.inv_temperature) : 0;
      sum += m[j];
    }
    Mass here = warp_running_sum(sum);
    const Mass all = __shfl_sync(kAllLanes, here, kWarp - 1);
    const double share_of = __ddiv_rn(static_cast<double>(s.rest), static_cast<double>(s.span_total));
    const Mass in_span = min(__double2ull_rd(__dmul_rn(share_of, static_cast<double>(all))), all - 1);
    here -= sum;
    if (here <= in_span && in_span - here < sum) {
      int j = 0;
#pragma unroll
      for (int i = 0; i < kLaneLogits; i++) {
        here += m[i];
        j += here <= in_span;
      }
      s.token = first + j;
    }
  }
  __syncthreads();
  return s.token;
}

template <bool aligned>
__device__ __forceinline__ int choose(const SampleArgs& a, const Row<aligned>& row, PickShared& s, float max) {
  const int top_k = a.top_k[blockIdx.x];
  const float top_p = a.top_p[blockIdx.x], min_p = a.min_p[blockIdx.x];
  const double total = total_mass(row, s, row.spans.mass, row.spans.max, max, row.inv_temperature);
  // The power of two that takes the total, at least 1, into [2^61, 2^62).
  const int exponent = (__double2hiint(total) >> 20) - 1023;
  const RowMass mass = {max, row.inv_temperature, __int_as_float((61 - exponent + 127) << 23)};
  Key threshold = 0;
  if ((top_k > 0 && top_k < row.n) || top_p < 1 || min_p > 0) threshold = filter(row, s, mass, total, top_k, top_p, min_p);
  return draw(row, s, mass, threshold, uniform(a.seed[blockIdx.x], a.draw[blockIdx.x]));
}

template <bool aligned>
__global__ void __launch_bounds__(kMaxWarps * kWarp, 1) sample_pick_kernel(const __grid_constant__ SampleArgs a) {
  PickShared& s = *reinterpret_cast<PickShared*>(dynamic_shared());
  const Row<aligned> row(a, blockIdx.x);
  const float raw_max = largest_of(s, row.spans.raw_max, row.n_spans);
  int token = row.target;
  double mass = 1;
  if (!(raw_max > -kInf && raw_max < kInf) || token >= row.n) {
    token = -1;
  } else {
    mass = total_mass(row, s, row.spans.raw_mass, row.spans.raw_max, raw_max, 1);
    if (token < 0) {
      const float max = row.n_listed ? largest_of(s, row.spans.max, row.n_spans) : raw_max;
      token = row.draws() ? choose(a, row, s, max) : first_largest(row, s, max);
    }
  }
  if (threadIdx.x != 0) return;
  a.out_token[blockIdx.x] = token;
  a.out_logprob[blockIdx.x] =
      token < 0 ? __builtin_nanf("")
                : static_cast<float>(static_cast<double>(row.logits[token]) - static_cast<double>(raw_max) - log(mass));
}

template <bool aligned>
void launch_sample(const SampleArgs& a, cudaStream_t stream) {
  const int n_spans = ceil_div(a.vocab_size, kSpan);
  const dim3 tiles(static_cast<unsigned>(a.n_outputs), static_cast<unsigned>(ceil_div(n_spans, kScanWarps)));
  launch("sample_scan_kernel", sample_scan_kernel<aligned>, tiles, kScanWarps * kWarp, kTile / 8, stream, a);
  const int n_warps = n_spans < kMaxWarps ? n_spans : kMaxWarps;
  launch("sample_pick_kernel", sample_pick_kernel<aligned>, tiles.x, static_cast<unsigned>(n_warps * kWarp), sizeof(PickShared),
         stream, a);
}

}  // namespace

int64_t sample_scratch_bytes(int vocab_size, int max_outputs) {
  return int64_t{ceil_div(vocab_size, kSpan)} * Spans::kBytes * max_outputs;
}

void launch_sample(const SampleArgs& args, const DeviceInfo&, cudaStream_t stream) {
  if (args.n_outputs <= 0) return;
  if (args.vocab_size % 4 == 0 && reinterpret_cast<uintptr_t>(args.logits) % 16 == 0) {
    launch_sample<true>(args, stream);
  } else {
    launch_sample<false>(args, stream);
  }
}

}  // namespace tern::cuda
