// What stands between two matmuls. Row by row, of x [dim] and, with up, u [dim]:
//   y = act(x) * u         act(x) = x / (1 + e^-x) or max(x, 0)^2
//   z = y * norm / sqrt(mean(y^2) + eps)                                              (RMSNorm, Zhang & Sennrich 2019)
//   s = 127 / max(|z|max, 1e-5), q = clamp(round half even(z s), -128, 127), scale = 1 / s, sum of q   (BitNet b1.58)
//
// A block takes a row, 4 elements a thread at a time. Rows of up to 12288 elements stay in registers, longer ones are read
// twice. How a row is shared among threads depends on dim alone, so its bits do too.
//
// z is taken as (y * norm) * inverse: then |z|max is |y * norm|max * inverse to the bit, rounding being monotonic, and one
// exchange between the warps finds both it and the sum. Squares are summed in fp32. A row whose sum, or y * norm, leaves the
// range where that is accurate, or that has a NaN, is done over in fp64, as the CPU does it.
#include "activations.h"

#include <cfloat>

#include "device.cuh"
#include "tern.h"

namespace tern::cuda {
namespace {

constexpr int kQuad = 4;
constexpr int kMaxWarps = 32;
constexpr int kMaxThreads = kMaxWarps * kWarp;
constexpr int kLookupThreads = 256;
// Threads of a row that stays in registers, by the quads of each: 4 quads of y, up and norm spill in the 64 registers that
// 1024 threads leave.
constexpr int max_threads(int quads) { return quads == 1 ? 256 : quads == 2 ? 512 : 768; }
constexpr float kLeastMean = 0x1p-100f;  // a mean of squares above it has lost less than 2^-50 of itself to denormals
constexpr unsigned kInfinityBits = 0x7f800000u;

struct Quad {
  float e[kQuad];
};

// Elements [4 v, 4 v + 4) of p [n]; zeros beyond n. aligned: n is a multiple of 4 and p of 16 bytes.
template <bool aligned>
__device__ __forceinline__ Quad load_quad(const float* p, int v, int n) {
  const int begin = v * kQuad;
  Quad x = {};
  if constexpr (aligned) {
    if (begin >= n) return x;
    const float4 all = *reinterpret_cast<const float4*>(p + begin);
    x = {{all.x, all.y, all.z, all.w}};
  } else {
#pragma unroll
    for (int e = 0; e < kQuad; e++)
      if (begin + e < n) x.e[e] = p[begin + e];
  }
  return x;
}
template <bool aligned>
__device__ __forceinline__ void store_quad(float* p, int v, int n, const Quad& x) {
  const int begin = v * kQuad;
  if constexpr (aligned) {
    if (begin < n) *reinterpret_cast<float4*>(p + begin) = make_float4(x.e[0], x.e[1], x.e[2], x.e[3]);
  } else {
#pragma unroll
    for (int e = 0; e < kQuad; e++)
      if (begin + e < n) p[begin + e] = x.e[e];
  }
}

// With e^-|x| nothing overflows. -inf is taken as the lowest float: -inf * 0 is NaN and the limit is 0. fmaxf drops a NaN,
// t keeps it.
__device__ __forceinline__ float silu(float x) {
  const float t = expf(-fabsf(x));
  return __fmul_rn(fmaxf(x, -FLT_MAX), __fdiv_rn(x < 0.f ? t : 1.f, __fadd_rn(1.f, t)));
}
__device__ __forceinline__ float relu2(float x) {
  const float r = x < 0.f ? 0.f : x;  // a NaN stays
  return __fmul_rn(r, r);
}
__device__ __forceinline__ float gated(int kind, float x, float up) {
  return __fmul_rn(kind == TERN_GATE_SILU ? silu(x) : relu2(x), up);
}

// Ordered as |x| is, then NaN.
__device__ __forceinline__ unsigned magnitude_bits(float x) { return __float_as_uint(x) & 0x7fffffffu; }
__device__ __forceinline__ float quant_scale(float largest) { return __fdiv_rn(127.f, largest < 1e-5f ? 1e-5f : largest); }
// 0 for NaN: such a row shows in its scale.
__device__ __forceinline__ int quantized(float z, float s) { return max(-128, min(127, __float2int_rn(__fmul_rn(z, s)))); }

// What warps exchange. Every reduction has its own array: one barrier each.
struct Exchange {
  float sum[kMaxWarps];
  unsigned largest[kMaxWarps];
  int quants[kMaxWarps];
  double wide_sum[kMaxWarps];
};
__device__ __forceinline__ Exchange& exchange() { return *reinterpret_cast<Exchange*>(dynamic_shared()); }
__device__ __forceinline__ int warp_id() { return static_cast<int>(threadIdx.x) / kWarp; }
__device__ __forceinline__ int lane_id() { return static_cast<int>(threadIdx.x) % kWarp; }
__device__ __forceinline__ bool lane_of_warp() { return lane_id() < static_cast<int>(blockDim.x) / kWarp; }

// One row, and where it goes.
struct Row {
  const float* x;
  const float* up;
  float* f32;
  int8_t* int8;
  int stride;  // of int8

  __device__ Row(const ActivationsArgs& a) {
    const int64_t row = blockIdx.x, at = row * a.dim;
    stride = (a.dim + kInt8Align - 1) / kInt8Align * kInt8Align;
    x = a.x + at;
    up = a.up ? a.up + at : nullptr;
    f32 = a.f32 ? a.f32 + at : nullptr;
    int8 = a.int8 ? a.int8 + row * stride : nullptr;
  }
};

// Padding beyond the last quad, the row's scale and sum. sum: this thread's part.
__device__ __forceinline__ void finish_int8(const ActivationsArgs& a, const Row& row, float s, int sum) {
  const int n_quads = (a.dim + kQuad - 1) / kQuad;
  for (int v = n_quads + static_cast<int>(threadIdx.x); v < row.stride / kQuad; v += static_cast<int>(blockDim.x))
    reinterpret_cast<uint32_t*>(row.int8)[v] = 0;
  sum = __reduce_add_sync(kAllLanes, sum);
  if (lane_id() == 0) exchange().quants[warp_id()] = sum;
  __syncthreads();
  if (warp_id() != 0) return;
  sum = __reduce_add_sync(kAllLanes, lane_of_warp() ? exchange().quants[lane_id()] : 0);
  if (lane_id() != 0) return;
  a.scale[blockIdx.x] = __fdiv_rn(1.f, s);
  a.sum[blockIdx.x] = sum;
}

// The row in fp64. Each thread reads and writes the same elements in all passes: f32 may be x.
__device__ __noinline__ void normed_in_double(const ActivationsArgs& a) {
  const Row row(a);
  const int first = static_cast<int>(threadIdx.x), step = static_cast<int>(blockDim.x);
  const auto element = [&](int j) { return static_cast<double>(row.up ? gated(a.gate_kind, row.x[j], row.up[j]) : row.x[j]); };
  double sum = 0;
  for (int j = first; j < a.dim; j += step) {
    const double y = element(j);
    sum = __fma_rn(y, y, sum);
  }
  for (int lanes = 16; lanes > 0; lanes >>= 1) sum += __shfl_xor_sync(kAllLanes, sum, lanes);
  if (lane_id() == 0) exchange().wide_sum[warp_id()] = sum;
  __syncthreads();
  sum = lane_of_warp() ? exchange().wide_sum[lane_id()] : 0;
  for (int lanes = 16; lanes > 0; lanes >>= 1) sum += __shfl_xor_sync(kAllLanes, sum, lanes);
  const double inverse = 1 / sqrt(sum / a.dim + static_cast<double>(a.eps));
  const auto normed = [&](int j) { return static_cast<float>(element(j) * inverse * static_cast<double>(a.norm[j])); };

  float s = 0;
  if (row.int8) {
    unsigned largest = 0;
    for (int j = first; j < a.dim; j += step) largest = max(largest, magnitude_bits(normed(j)));
    largest = __reduce_max_sync(kAllLanes, largest);
    if (lane_id() == 0) exchange().largest[warp_id()] = largest;
    __syncthreads();
    s = quant_scale(__uint_as_float(__reduce_max_sync(kAllLanes, lane_of_warp() ? exchange().largest[lane_id()] : 0)));
  }
  int quants = 0;
  for (int j = first; j < a.dim; j += step) {
    const float z = normed(j);
    if (row.f32) row.f32[j] = z;
    if (!row.int8) continue;
    const int q = quantized(z, s);
    row.int8[j] = static_cast<int8_t>(q);
    quants += q;
  }
  if (!row.int8) return;
  if (a.dim + first < (a.dim + kQuad - 1) / kQuad * kQuad) row.int8[a.dim + first] = 0;
  finish_int8(a, row, s, quants);
}

// y * norm of kQuads quads a thread, from quad `base` of the row on; largest: its largest magnitude, sums: of y^2.
template <int kQuads, bool aligned>
__device__ __forceinline__ void load_tile(const ActivationsArgs& a, const Row& row, int base, Quad (&y)[kQuads],
                                          Quad& sums, unsigned& largest) {
  Quad up[kQuads], norm[kQuads];
  // All loads go out before any is waited for.
#pragma unroll
  for (int i = 0; i < kQuads; i++) y[i] = load_quad<aligned>(row.x, base + i * static_cast<int>(blockDim.x), a.dim);
  if (row.up) {
#pragma unroll
    for (int i = 0; i < kQuads; i++) up[i] = load_quad<aligned>(row.up, base + i * static_cast<int>(blockDim.x), a.dim);
  }
  if (a.norm) {
#pragma unroll
    for (int i = 0; i < kQuads; i++) norm[i] = load_quad<aligned>(a.norm, base + i * static_cast<int>(blockDim.x), a.dim);
  }
  if (row.up) {
#pragma unroll
    for (int i = 0; i < kQuads; i++)
#pragma unroll
      for (int e = 0; e < kQuad; e++) y[i].e[e] = gated(a.gate_kind, y[i].e[e], up[i].e[e]);
  }
  if (a.norm) {
#pragma unroll
    for (int i = 0; i < kQuads; i++)
#pragma unroll
      for (int e = 0; e < kQuad; e++) {
        sums.e[e] = __fmaf_rn(y[i].e[e], y[i].e[e], sums.e[e]);
        y[i].e[e] = __fmul_rn(y[i].e[e], norm[i].e[e]);
      }
  }
#pragma unroll
  for (int i = 0; i < kQuads; i++)
#pragma unroll
    for (int e = 0; e < kQuad; e++) largest = max(largest, magnitude_bits(y[i].e[e]));
}

// kept: one tile holds the row, and stays in registers.
template <int kQuads, bool aligned, bool kept>
__global__ void __launch_bounds__(kept ? max_threads(kQuads) : kMaxThreads, 1)
activations_kernel(const __grid_constant__ ActivationsArgs a) {
  const Row row(a);
  const int n_quads = (a.dim + kQuad - 1) / kQuad, step = kQuads * static_cast<int>(blockDim.x);
  Quad y[kQuads], sums = {};
  unsigned largest = 0;
  int base = static_cast<int>(threadIdx.x);
  float inverse = 1, s = 0;
  if (kept || a.norm || row.int8) {
    do {
      load_tile<kQuads, aligned>(a, row, base, y, sums, largest);
    } while (!kept && (base += step) < n_quads);
  }
  if (a.norm || row.int8) {
    float sum = warp_sum(__fadd_rn(__fadd_rn(sums.e[0], sums.e[1]), __fadd_rn(sums.e[2], sums.e[3])));
    largest = __reduce_max_sync(kAllLanes, largest);
    if (lane_id() == 0) {
      exchange().sum[warp_id()] = sum;
      exchange().largest[warp_id()] = largest;
    }
    __syncthreads();
    sum = warp_sum(lane_of_warp() ? exchange().sum[lane_id()] : 0.f);
    largest = __reduce_max_sync(kAllLanes, lane_of_warp() ? exchange().largest[lane_id()] : 0);
    if (a.norm) {
      const float mean = __fadd_rn(__fdiv_rn(sum, static_cast<float>(a.dim)), a.eps);
      if (!(mean >= kLeastMean && mean <= FLT_MAX) || largest >= kInfinityBits) {
        normed_in_double(a);
        return;
      }
      inverse = __frsqrt_rn(mean);
    }
    s = quant_scale(__fmul_rn(__uint_as_float(largest), inverse));
  }

  int quants = 0;
  base = static_cast<int>(threadIdx.x);
  do {
    if (!kept) load_tile<kQuads, aligned>(a, row, base, y, sums, largest);
#pragma unroll
    for (int i = 0; i < kQuads; i++) {
      const int v = base + i * static_cast<int>(blockDim.x);
      if (v >= n_quads) continue;
      if (a.norm) {
#pragma unroll
        for (int e = 0; e < kQuad; e++) y[i].e[e] = __fmul_rn(y[i].e[e], inverse);
      }
      if (row.f32) store_quad<aligned>(row.f32, v, a.dim, y[i]);
      if (!row.int8) continue;
      uint32_t bytes = 0;  // elements beyond dim are 0, and stay so: what NaN * 0 gives is quantised to 0
#pragma unroll
      for (int e = 0; e < kQuad; e++) {
        const int q = quantized(y[i].e[e], s);
        quants += q;
        bytes |= (static_cast<uint32_t>(q) & 0xffu) << 8 * e;
      }
      reinterpret_cast<uint32_t*>(row.int8)[v] = bytes;
    }
  } while (!kept && (base += step) < n_quads);
  if (row.int8) finish_int8(a, row, s, quants);
}

// The row and first element that a thread of the kernels below takes: blocks lie row by row.
struct Lookup {
  int64_t row;
  int quad;
  __device__ Lookup(int blocks_per_row) {
    row = blockIdx.x / static_cast<unsigned>(blocks_per_row);
    quad = static_cast<int>((blockIdx.x - row * blocks_per_row) * kLookupThreads + threadIdx.x);
  }
};
int lookup_blocks(int dim) { return ceil_div(ceil_div(dim, kQuad), kLookupThreads); }

template <int kType>
__device__ __forceinline__ Quad widen(const DenseMatrix& table, int64_t at) {
  Quad x;
  if constexpr (kType == TERN_TYPE_F32) {
    const float4 w = *reinterpret_cast<const float4*>(static_cast<const float*>(table.data) + at);
    x = {{w.x, w.y, w.z, w.w}};
  } else if constexpr (kType == TERN_TYPE_Q8_0 || kType == TERN_TYPE_Q6_K) {
    const uint32_t w = *reinterpret_cast<const uint32_t*>(static_cast<const int8_t*>(table.data) + at);
    const float scale = kType == TERN_TYPE_Q8_0 ? __half2float(static_cast<const __half*>(table.block_scale)[at / 32])
                                                : static_cast<const float*>(table.block_scale)[at / 16];
#pragma unroll
    for (int e = 0; e < kQuad; e++) x.e[e] = __fmul_rn(static_cast<float>(static_cast<int8_t>(w >> 8 * e)), scale);
  } else {
    const uint2 w = *reinterpret_cast<const uint2*>(static_cast<const uint16_t*>(table.data) + at);
#pragma unroll
    for (int e = 0; e < kQuad; e++) {
      const uint16_t bits = static_cast<uint16_t>((e < 2 ? w.x : w.y) >> 16 * (e % 2));
      x.e[e] = kType == TERN_TYPE_F16 ? __half2float(__ushort_as_half(bits)) : __bfloat162float(__ushort_as_bfloat16(bits));
    }
  }
  return x;
}

template <int kType, bool aligned>
__global__ void __launch_bounds__(kLookupThreads)
embed_kernel(const DenseMatrix table, const int32_t* __restrict__ ids, int blocks_per_row, float* __restrict__ out) {
  const Lookup at(blocks_per_row);
  if (at.quad * kQuad >= table.n_cols) return;
  const int id = ids[at.row];
  Quad x = {};
  if (id >= 0 && id < table.n_rows) x = widen<kType>(table, int64_t{id} * table.stride + at.quad * kQuad);
  store_quad<aligned>(out + at.row * table.n_cols, at.quad, table.n_cols, x);
}

template <bool aligned>
__global__ void __launch_bounds__(kLookupThreads)
gather_kernel(const float* __restrict__ x, const int32_t* __restrict__ rows, int dim, int blocks_per_row,
              float* __restrict__ out) {
  const Lookup at(blocks_per_row);
  if (at.quad * kQuad >= dim) return;
  store_quad<aligned>(out + at.row * dim, at.quad, dim, load_quad<aligned>(x + int64_t{rows[at.row]} * dim, at.quad, dim));
}

bool aligned16(const void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; }

template <int kType>
void embed(const DenseMatrix& table, const int32_t* ids, int n, float* out, cudaStream_t stream) {
  const int blocks = lookup_blocks(table.n_cols);
  const bool aligned = table.n_cols % kQuad == 0 && aligned16(out);
  launch("embed_kernel", aligned ? embed_kernel<kType, true> : embed_kernel<kType, false>, static_cast<unsigned>(n) * blocks,
         kLookupThreads, 0, stream, table, ids, blocks, out);
}

template <int kQuads, bool kept>
void activations(const ActivationsArgs& a, int n_threads, cudaStream_t stream) {
  const bool aligned = a.dim % kQuad == 0 && aligned16(a.x) && aligned16(a.up) && aligned16(a.norm) && aligned16(a.f32);
  launch("activations_kernel", aligned ? activations_kernel<kQuads, true, kept> : activations_kernel<kQuads, false, kept>,
         static_cast<unsigned>(a.n_rows), static_cast<unsigned>(n_threads), sizeof(Exchange), stream, a);
}

}  // namespace

void launch_activations(const ActivationsArgs& args, cudaStream_t stream) {
  const int n_quads = ceil_div(args.dim, kQuad);
  const auto threads = [&](int quads) { return ceil_div(ceil_div(n_quads, quads), kWarp) * kWarp; };
  if (n_quads <= max_threads(1)) return activations<1, true>(args, threads(1), stream);
  if (n_quads <= 2 * max_threads(2)) return activations<2, true>(args, threads(2), stream);
  if (n_quads <= 4 * max_threads(4)) return activations<4, true>(args, threads(4), stream);
  activations<2, false>(args, kMaxThreads, stream);
}

void launch_embed(const DenseMatrix& table, const int32_t* ids, int n, float* out, cudaStream_t stream) {
  switch (table.type) {
    case TERN_TYPE_F32: return embed<TERN_TYPE_F32>(table, ids, n, out, stream);
    case TERN_TYPE_F16: return embed<TERN_TYPE_F16>(table, ids, n, out, stream);
    case TERN_TYPE_BF16: return embed<TERN_TYPE_BF16>(table, ids, n, out, stream);
    case TERN_TYPE_Q6_K: return embed<TERN_TYPE_Q6_K>(table, ids, n, out, stream);
    default: return embed<TERN_TYPE_Q8_0>(table, ids, n, out, stream);
  }
}

void launch_gather(const float* x, const int32_t* rows, int n, int dim, float* out, cudaStream_t stream) {
  const int blocks = lookup_blocks(dim);
  const bool aligned = dim % kQuad == 0 && aligned16(x) && aligned16(out);
  launch("gather_kernel", aligned ? gather_kernel<true> : gather_kernel<false>, static_cast<unsigned>(n) * blocks,
         kLookupThreads, 0, stream, x, rows, dim, blocks, out);
}

}  // namespace tern::cuda
