// Rotary position embedding (Su et al. 2021, arXiv 2104.09864) and what is written to the KV arena. A pair (a, b) of a head
// becomes
//   (a cos - b sin, b cos + a sin),  at the angle pos * inv_freq.
//
// A position times a frequency has more digits than fp64: at position 2^40 its rounding alone would be 1e-4 radians. The
// product is kept as hi + lo, exactly, and cos(hi + lo) = cos hi (1 - lo^2 / 2) - lo sin hi, likewise the sine; |lo| <= 2^-14.
//
// Heads are taken apart into items of kPairs pairs, one per thread. With kPairs = 4 an item is two loads of 16 bytes, and one
// store of 16 or two of 8 to a 16-bit head; kPairs = 1 serves a rope_dim that is no multiple of 8.
#include "rope.h"

#include "device.cuh"

namespace tern::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kElements = 8;  // of a head that a thread of the kernels without rotation takes

template <class T>
__device__ __forceinline__ uint32_t pack(float low, float high);
template <>
__device__ __forceinline__ uint32_t pack<__half>(float low, float high) {
  const __half2 x = __floats2half2_rn(low, high);
  uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  return bits;
}
template <>
__device__ __forceinline__ uint32_t pack<__nv_bfloat16>(float low, float high) {
  const __nv_bfloat162 x = __floats2bfloat162_rn(low, high);
  uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  return bits;
}
__device__ __forceinline__ uint32_t pack(int a, int b, int c, int d) {
  return (a & 0xffu) | (b & 0xffu) << 8 | (c & 0xffu) << 16 | static_cast<uint32_t>(d) << 24;
}

__device__ __forceinline__ void load4(const float* p, float* x) {
  const float4 v = *reinterpret_cast<const float4*>(p);
  x[0] = v.x, x[1] = v.y, x[2] = v.z, x[3] = v.w;
}
__device__ __forceinline__ void store4(float* p, const float* x) {
  *reinterpret_cast<float4*>(p) = make_float4(x[0], x[1], x[2], x[3]);
}

// Where the 2 kPairs elements of item t of a head lie: kPairs of them from first on, as many from second on.
template <int kPairs>
struct Place {
  int first;
  int second;
  bool rotated;

  __device__ Place(int t, int style, int half) {
    rotated = t * kPairs < half;
    const bool apart = rotated && style == TERN_ROPE_HALVES;
    first = apart ? t * kPairs : 2 * t * kPairs;
    second = apart ? half + first : first + kPairs;
  }
  __device__ bool contiguous() const { return second == first + kPairs; }
};

// head: [head_dim]. Of an odd head_dim the last item has one element.
template <int kPairs>
__device__ __forceinline__ void load_item(const float* head, const Place<kPairs>& at, int head_dim, float (&x)[2 * kPairs]) {
  if constexpr (kPairs == 4) {
    load4(head + at.first, x);
    load4(head + at.second, x + 4);
  } else {
    x[0] = head[at.first];
    x[1] = at.second < head_dim ? head[at.second] : 0.f;
  }
}
template <int kPairs>
__device__ __forceinline__ void store_item(const float (&x)[2 * kPairs], const Place<kPairs>& at, int head_dim, float* head) {
  if constexpr (kPairs == 4) {
    store4(head + at.first, x);
    store4(head + at.second, x + 4);
  } else {
    head[at.first] = x[0];
    if (at.second < head_dim) head[at.second] = x[1];
  }
}
template <class T, int kPairs>
__device__ __forceinline__ void store_item(const float (&x)[2 * kPairs], const Place<kPairs>& at, T* head) {
  if constexpr (kPairs == 4) {
    const uint2 low = {pack<T>(x[0], x[1]), pack<T>(x[2], x[3])}, high = {pack<T>(x[4], x[5]), pack<T>(x[6], x[7])};
    if (at.contiguous()) {
      *reinterpret_cast<uint4*>(head + at.first) = make_uint4(low.x, low.y, high.x, high.y);
    } else {
      *reinterpret_cast<uint2*>(head + at.first) = low;
      *reinterpret_cast<uint2*>(head + at.second) = high;
    }
  } else {
    head[at.first] = from_float<T>(x[0]);
    head[at.second] = from_float<T>(x[1]);
  }
}
template <int kPairs>
__device__ __forceinline__ void store_item(const int (&x)[2 * kPairs], const Place<kPairs>& at, int8_t* head) {
  if constexpr (kPairs == 4) {
    const uint32_t low = pack(x[0], x[1], x[2], x[3]), high = pack(x[4], x[5], x[6], x[7]);
    if (at.contiguous()) {
      *reinterpret_cast<uint2*>(head + at.first) = make_uint2(low, high);
    } else {
      *reinterpret_cast<uint32_t*>(head + at.first) = low;
      *reinterpret_cast<uint32_t*>(head + at.second) = high;
    }
  } else {
    head[at.first] = static_cast<int8_t>(x[0]);
    head[at.second] = static_cast<int8_t>(x[1]);
  }
}

// Item t, rotated by the angles of its row; cos_sin [2 half]. Rounds as the CPU's tiers with fused multiply-add do.
template <int kPairs>
__device__ __forceinline__ void rotate(const float* cos_sin, int t, int style, int half, float (&x)[2 * kPairs]) {
  float c[kPairs], s[kPairs];
  if constexpr (kPairs == 4) {
    load4(cos_sin + 4 * t, c);
    load4(cos_sin + half + 4 * t, s);
  } else {
    c[0] = cos_sin[t];
    s[0] = cos_sin[half + t];
  }
  const auto turn = [](float& a, float& b, float cos, float sin) {
    const float turned = __fmaf_rn(-b, sin, __fmul_rn(a, cos));
    b = __fmaf_rn(a, sin, __fmul_rn(b, cos));
    a = turned;
  };
  if (style == TERN_ROPE_HALVES) {
#pragma unroll
    for (int i = 0; i < kPairs; i++) turn(x[i], x[kPairs + i], c[i], s[i]);
  } else {
#pragma unroll
    for (int i = 0; i < kPairs; i++) turn(x[2 * i], x[2 * i + 1], c[i], s[i]);
  }
}

__global__ void __launch_bounds__(kThreads)
rope_table_kernel(const int64_t* __restrict__ pos, int64_t n, const double* __restrict__ inv_freq, int half,
                  float* __restrict__ cos_sin) {
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i >= n) return;
  const int64_t row = i / half;
  const int j = static_cast<int>(i - row * half);
  const double p = static_cast<double>(pos[row]), f = inv_freq[j];
  const double hi = __dmul_rn(p, f), lo = __fma_rn(p, f, -hi);
  double s, c;
  sincos(hi, &s, &c);
  const double shrink = 1 - 0.5 * lo * lo;
  float* const out = cos_sin + row * 2 * half + j;
  out[0] = static_cast<float>(c * shrink - lo * s);
  out[half] = static_cast<float>(s * shrink + lo * c);
}

// A block takes kThreads items of one row.
template <int kPairs>
__global__ void __launch_bounds__(kThreads)
rope_kernel(const float* x, const float* __restrict__ cos_sin, int style, int n_heads, int head_dim, int rope_dim, float* out) {
  const int items = (head_dim + 2 * kPairs - 1) / (2 * kPairs);
  const int i = static_cast<int>(blockIdx.y * kThreads + threadIdx.x), h = i / items, t = i - h * items;
  if (h >= n_heads) return;
  const Place<kPairs> at(t, style, rope_dim / 2);
  const int64_t head = (int64_t{blockIdx.x} * n_heads + h) * head_dim;
  float v[2 * kPairs];
  load_item<kPairs>(x + head, at, head_dim, v);
  if (at.rotated) rotate<kPairs>(cos_sin + int64_t{blockIdx.x} * rope_dim, t, style, rope_dim / 2, v);
  store_item<kPairs>(v, at, head_dim, out + head);
}

// A group of threads, a power of two up to 32, takes one head of one row: of q, of k or of v. kItems: of a thread.
template <class T, bool kInt8, int kPairs, int kItems>
__global__ void __launch_bounds__(kThreads, 1) rope_append_kernel(const __grid_constant__ RopeAppendArgs args, int group) {
  const KvArena& kv = args.kv;
  const int dim = kv.head_dim, items = dim / (2 * kPairs), lane = static_cast<int>(threadIdx.x) & (group - 1);
  const int unit = static_cast<int>(blockIdx.y * (kThreads / group) + threadIdx.x / group);
  const int64_t row = blockIdx.x;
  float x[kItems][2 * kPairs];

  if (unit < args.n_heads) {
    const int half = args.rope_dim / 2;
    const float* const head = args.q + (row * args.n_heads + unit) * dim;
#pragma unroll
    for (int j = 0; j < kItems; j++)
      if (const int t = lane + j * group; t < items) load_item<kPairs>(head, {t, args.style, half}, dim, x[j]);
    for (int r = 0; r < args.n_rotations; r++) {
      const int64_t at_row = int64_t{r} * args.n_rows + row;
      T* const out = static_cast<T*>(args.q_out) + (at_row * args.n_heads + unit) * dim;
#pragma unroll
      for (int j = 0; j < kItems; j++)
        if (const int t = lane + j * group; t < items) {
          const Place<kPairs> at(t, args.style, half);
          float y[2 * kPairs];
#pragma unroll
          for (int e = 0; e < 2 * kPairs; e++) y[e] = x[j][e];
          if (at.rotated) rotate<kPairs>(args.q_table + at_row * args.rope_dim, t, args.style, half, y);
          store_item<T, kPairs>(y, at, out);
        }
    }
    if (!kInt8) return;  // int8: the warp's other heads may be of k or v, which meet at the shuffles below
  }

  const bool is_k = unit < args.n_heads + kv.n_kv_heads;
  const int h = unit - args.n_heads - (is_k ? 0 : kv.n_kv_heads), half = is_k ? args.rope_dim / 2 : 0;
  const int slot = args.slot[row];
  const bool writes = unit >= args.n_heads && h < kv.n_kv_heads && slot >= 0;
  if (!kInt8 && !writes) return;
  const int64_t at_slot = writes ? kv_row(slot, h, kv.n_kv_heads) : 0;
  unsigned largest = 0;
#pragma unroll
  for (int j = 0; j < kItems; j++) {
    const int t = lane + j * group;
    if (!writes || t >= items) continue;
    const Place<kPairs> at(t, args.style, half);
    load_item<kPairs>((is_k ? args.k : args.v) + (row * kv.n_kv_heads + h) * dim, at, dim, x[j]);
    if (at.rotated) rotate<kPairs>(args.k_table + row * args.rope_dim, t, args.style, half, x[j]);
    if constexpr (kInt8) {
#pragma unroll
      for (int e = 0; e < 2 * kPairs; e++) largest = max(largest, __float_as_uint(x[j][e]) & 0x7fffffffu);
    } else {
      store_item<T, kPairs>(x[j], at, static_cast<T*>(is_k ? kv.k : kv.v) + at_slot * dim);
    }
  }
  if constexpr (kInt8) {
    // Bit patterns of magnitudes are ordered as the numbers are, with NaN above all: it reaches the scale, and so the head's
    // values.
    for (int step = group / 2; step > 0; step >>= 1) largest = max(largest, __shfl_xor_sync(kAllLanes, largest, step));
    if (!writes) return;
    float scale = __fdiv_rn(__uint_as_float(largest), 127.f);
    if (scale == 0.f) scale = 1.f;
#pragma unroll
    for (int j = 0; j < kItems; j++) {
      const int t = lane + j * group;
      if (t >= items) continue;
      int q[2 * kPairs];  // beyond 127 where the scale is a denormal
#pragma unroll
      for (int e = 0; e < 2 * kPairs; e++) q[e] = max(-127, min(127, __float2int_rn(__fdiv_rn(x[j][e], scale))));
      store_item<kPairs>(q, {t, args.style, half}, static_cast<int8_t*>(is_k ? kv.k : kv.v) + at_slot * dim);
    }
    if (lane == 0) (is_k ? kv.k_scale : kv.v_scale)[at_slot] = scale;
  }
}

// The 16-byte or, of int8, 8-byte piece of a slot that a thread takes. A block takes kThreads pieces of one slot.
struct Piece {
  int head;
  int first;  // element
  __device__ Piece(int head_dim) {
    const int n = head_dim / kElements, i = static_cast<int>(blockIdx.y * kThreads + threadIdx.x);
    head = i / n;
    first = (i - head * n) * kElements;
  }
};
dim3 piece_grid(const KvArena& kv, int n) {
  return {static_cast<unsigned>(n), static_cast<unsigned>(ceil_div(kv.n_kv_heads * (kv.head_dim / kElements), kThreads))};
}

__global__ void __launch_bounds__(kThreads) kv_fill_kernel(const KvArena kv, int slot, float value) {
  const Piece piece(kv.head_dim);
  if (piece.head >= kv.n_kv_heads) return;
  const int64_t row = kv_row(slot + static_cast<int>(blockIdx.x), piece.head, kv.n_kv_heads);
  const int64_t at = row * kv.head_dim + piece.first;
  if (kv.type == TERN_TYPE_I8) {
    const uint2 ones = {0x01010101u, 0x01010101u};
    *reinterpret_cast<uint2*>(static_cast<int8_t*>(kv.k) + at) = ones;
    *reinterpret_cast<uint2*>(static_cast<int8_t*>(kv.v) + at) = ones;
    if (piece.first == 0) kv.k_scale[row] = kv.v_scale[row] = value;
    return;
  }
  const uint32_t pair = kv.type == TERN_TYPE_F16 ? pack<__half>(value, value) : pack<__nv_bfloat16>(value, value);
  const uint4 values = {pair, pair, pair, pair};
  *reinterpret_cast<uint4*>(static_cast<uint16_t*>(kv.k) + at) = values;
  *reinterpret_cast<uint4*>(static_cast<uint16_t*>(kv.v) + at) = values;
}

// Elements [at, at + 8) of K or V as floats.
__device__ __forceinline__ void widen(const void* data, const float* scale, int type, int64_t at, int64_t row, float* out) {
  float x[kElements];
  if (type == TERN_TYPE_I8) {
#pragma unroll
    for (int e = 0; e < kElements; e++) x[e] = static_cast<float>(static_cast<const int8_t*>(data)[at + e]) * scale[row];
  } else {
#pragma unroll
    for (int e = 0; e < kElements; e++)
      x[e] = type == TERN_TYPE_F16 ? to_float(static_cast<const __half*>(data)[at + e])
                                   : to_float(static_cast<const __nv_bfloat16*>(data)[at + e]);
  }
  store4(out, x);
  store4(out + 4, x + 4);
}

__global__ void __launch_bounds__(kThreads)
kv_read_kernel(const KvArena kv, const int32_t* __restrict__ slot, float* __restrict__ k, float* __restrict__ v) {
  const Piece piece(kv.head_dim);
  if (piece.head >= kv.n_kv_heads) return;
  const int64_t row = kv_row(slot[blockIdx.x], piece.head, kv.n_kv_heads), at = row * kv.head_dim + piece.first;
  const int64_t out = (int64_t{blockIdx.x} * kv.n_kv_heads + piece.head) * kv.head_dim + piece.first;
  widen(kv.k, kv.k_scale, kv.type, at, row, k + out);
  widen(kv.v, kv.v_scale, kv.type, at, row, v + out);
}

template <class T>
__global__ void __launch_bounds__(kThreads) q_write_kernel(const float* __restrict__ q, int64_t n, T* __restrict__ out) {
  const int64_t i = (int64_t{blockIdx.x} * kThreads + threadIdx.x) * kElements;
  if (i + kElements <= n) {
    float x[kElements];
    load4(q + i, x);
    load4(q + i + 4, x + 4);
    store_item<T, 4>(x, {0, TERN_ROPE_ADJACENT, 0}, out + i);
    return;
  }
  for (int64_t j = i; j < n; j++) out[j] = from_float<T>(q[j]);
}

template <class T, bool kInt8>
void append(const RopeAppendArgs& args, cudaStream_t stream) {
  const bool vectors = args.rope_dim % 8 == 0;
  const int items = args.kv.head_dim / (vectors ? 8 : 2);
  int group = 1;
  while (group < items && group < kWarp) group *= 2;
  const int n_units = args.n_heads + 2 * args.kv.n_kv_heads;
  const dim3 grid(static_cast<unsigned>(args.n_rows), static_cast<unsigned>(ceil_div(n_units, kThreads / group)));
  if (vectors)
    launch("rope_append_kernel", rope_append_kernel<T, kInt8, 4, 1>, grid, kThreads, 0, stream, args, group);
  else
    launch("rope_append_kernel", rope_append_kernel<T, kInt8, 1, 4>, grid, kThreads, 0, stream, args, group);
}

}  // namespace

void launch_rope_table(const int64_t* pos, int n_rows, const double* inv_freq, int rope_dim, float* cos_sin,
                       cudaStream_t stream) {
  const int64_t n = int64_t{n_rows} * (rope_dim / 2);
  launch("rope_table_kernel", rope_table_kernel, static_cast<unsigned>(ceil_div(n, int64_t{kThreads})), kThreads, 0, stream,
         pos, n, inv_freq, rope_dim / 2, cos_sin);
}

void launch_rope(const float* x, const float* cos_sin, int style, int n_rows, int n_heads, int head_dim, int rope_dim,
                 float* out, cudaStream_t stream) {
  const bool vectors = head_dim % 8 == 0 && rope_dim % 8 == 0;
  const int items = vectors ? head_dim / 8 : ceil_div(head_dim, 2);
  const dim3 grid(static_cast<unsigned>(n_rows), static_cast<unsigned>(ceil_div(n_heads * items, kThreads)));
  launch("rope_kernel", vectors ? rope_kernel<4> : rope_kernel<1>, grid, kThreads, 0, stream, x, cos_sin, style, n_heads,
         head_dim, rope_dim, out);
}

void launch_rope_append(const RopeAppendArgs& args, cudaStream_t stream) {
  switch (args.kv.type) {
    case TERN_TYPE_I8: return append<__half, true>(args, stream);
    case TERN_TYPE_BF16: return append<__nv_bfloat16, false>(args, stream);
    default: return append<__half, false>(args, stream);
  }
}

void launch_kv_fill(const KvArena& kv, int slot, int len, float value, cudaStream_t stream) {
  launch("kv_fill_kernel", kv_fill_kernel, piece_grid(kv, len), kThreads, 0, stream, kv, slot, value);
}

void launch_kv_write(const KvArena& kv, const float* k, const float* v, const int32_t* slot, int n, cudaStream_t stream) {
  launch_rope_append({kv, nullptr, k, v, nullptr, nullptr, slot, n, 0, 0, TERN_ROPE_ADJACENT, 0, nullptr}, stream);
}

void launch_kv_read(const KvArena& kv, const int32_t* slot, int n, float* k, float* v, cudaStream_t stream) {
  launch("kv_read_kernel", kv_read_kernel, piece_grid(kv, n), kThreads, 0, stream, kv, slot, k, v);
}

void launch_q_write(const float* q, int64_t n, bool bf16, void* out, cudaStream_t stream) {
  const unsigned grid = static_cast<unsigned>(ceil_div(n, int64_t{kThreads} * kElements));
  if (bf16)
    launch("q_write_kernel", q_write_kernel<__nv_bfloat16>, grid, kThreads, 0, stream, q, n, static_cast<__nv_bfloat16*>(out));
  else
    launch("q_write_kernel", q_write_kernel<__half>, grid, kThreads, 0, stream, q, n, static_cast<__half*>(out));
}

}  // namespace tern::cuda
