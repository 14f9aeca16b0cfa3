// Attention of sequences of one row: split-KV (Flash-Decoding). A block takes one split, at most 128 keys of one segment, and one kv
// head, with the query heads of its group packed into the 16 rows of an mma: K and V are read once for all of them. Memory is the
// bound, so the whole chunk, K and V, is asked for before anything is computed. Each warp takes a quarter of the keys; the states of
// warps, and then those of the splits, are merged in ascending order, so that a row's bits depend on its own stream alone.
//
// Partial state of a split and head: acc = sum 2^(x_j - m) v_j [head_dim], m in base 2, l = sum 2^(x_j - m); (0, -inf, 0) if nothing of
// it is seen.
#include "attention.h"
#include "attention_state.cuh"
#include "mma_tile.cuh"

namespace tern::cuda {
namespace {

constexpr int kWarps = 4, kThreads = kWarps * kWarp;
constexpr int kRows = 16;  // query heads of a block

template <class Type, bool int8, int dim, int keys>
struct Shape {
  using T = Type;
  static constexpr bool kInt8 = int8;
  static constexpr int kDim = dim;              // head_dim rounded up
  static constexpr int kKeys = keys;            // of a chunk
  static constexpr int kWarpKeys = kKeys / kWarps;
  static constexpr int kElements = int8 ? 16 : 8;  // of K or V in 16 bytes
  static constexpr int kPieces = kDim / kElements;
  static constexpr int kQPieces = kDim / 8;
  static constexpr int kQBytes = kRows * kQPieces * 16;
  static constexpr int kTileBytes = kKeys * kPieces * 16;
  static constexpr int kAccBytes = kWarps * kRows * kDim * 4;  // of the warps' states, where K and V were
  static constexpr int kDataBytes = 2 * kTileBytes > kAccBytes ? 2 * kTileBytes : kAccBytes;
  static constexpr int kScaleBytes = int8 ? 2 * kKeys * 4 : 0;
  static constexpr int kStateBytes = 2 * kWarps * kRows * 4;
  static constexpr int kSharedBytes = kQBytes + kDataBytes + kScaleBytes + kStateBytes;
  static_assert(kSharedBytes <= kPortableShared, "more than some GPUs have");
};

// 16-byte pieces of kKeys rows of K or V from key `first` of the split on, zeros beyond its end and beyond head_dim.
template <class S>
__device__ __forceinline__ void load_tile(const KvArena& kv, const DecodeWork& work, int first, int kv_head, const void* data, uint4* to) {
  constexpr int kBytes = S::kInt8 ? 1 : 2;
  const unsigned char* const from = static_cast<const unsigned char*>(data);
  const bool halved = S::kInt8 && kv.head_dim % 16 != 0;  // rows then start at multiples of 8 bytes only, too odd for cp.async
  for (int i = threadIdx.x; i < S::kKeys * S::kPieces; i += kThreads) {
    const int key = i / S::kPieces, piece = i % S::kPieces;
    const bool there = first + key < work.len && piece * S::kElements < kv.head_dim;
    const int64_t row = kv_row(work.slot + (there ? first + key : 0), kv_head, kv.n_kv_heads);
    const unsigned char* const at = from + (row * kv.head_dim + (there ? piece * S::kElements : 0)) * kBytes;
    uint4* const place = to + swizzled<S::kPieces>(key, piece);
    if (!halved) {
      cp_async_16(place, at, there ? 16 : 0);
    } else {
      const uint2 zero = make_uint2(0, 0), *half = reinterpret_cast<const uint2*>(at);
      const uint2 low = there ? half[0] : zero, high = there && piece * 16 + 8 < kv.head_dim ? half[1] : zero;
      *place = make_uint4(low.x, low.y, high.x, high.y);
    }
  }
}

template <class S>
__device__ __forceinline__ void load_scale(const KvArena& kv, const DecodeWork& work, int first, int kv_head, const float* scale,
                                           float* to) {
  for (int key = threadIdx.x; key < S::kKeys; key += kThreads)
    to[key] = first + key < work.len ? scale[kv_row(work.slot + first + key, kv_head, kv.n_kv_heads)] : 0.f;
}

template <class S>
struct Fragments {
  float s[S::kWarpKeys / 8][4];
  float o[S::kDim / 8][4];
  float m[2], l[2];  // of rows g and g + 8; l sums the thread's own columns only
};

// s = Q K^T for the warp's keys. int8: ldmatrix hands a lane four neighbouring elements of a key; Q is read in the same order.
template <class S>
__device__ __forceinline__ void scores(const uint4* q, const uint4* k, const float* k_scale, Fragments<S>& f) {
  const int lane = threadIdx.x % kWarp, first = threadIdx.x / kWarp * S::kWarpKeys;
#pragma unroll
  for (int j = 0; j < S::kWarpKeys / 8; j++)
#pragma unroll
    for (int i = 0; i < 4; i++) f.s[j][i] = 0;
#pragma unroll 2  // more would keep as many addresses in registers
  for (int step = 0; step < S::kDim / 16; step++) {
    uint32_t a[4];
    if constexpr (S::kInt8) {
#pragma unroll
      for (int half = 0; half < 2; half++) {
        const uint4* const piece = q + swizzled<S::kQPieces>(half * 8 + lane / 4, step * 2 + lane % 4 / 2);
        const uint2 four = reinterpret_cast<const uint2*>(piece)[lane % 2];
        a[half] = four.x, a[half + 2] = four.y;
      }
#pragma unroll
      for (int j = 0; j < S::kWarpKeys / 8; j += 2) {
        uint32_t keys[4];  // only two matrices are wanted: the lanes of the others point at the same rows
        ldmatrix_x4(keys, k + swizzled<S::kPieces>(first + j * 8 + lane % 16, step));
#pragma unroll
        for (int i = 0; i < 2; i++) {
          const uint32_t x = keys[i] ^ 0x80808080u;
          mma<typename S::T>(f.s[j + i], a, {halves_from_int8(x, 0x4140), halves_from_int8(x, 0x4342)});
        }
      }
    } else {
      ldmatrix_x4(a, q + swizzled<S::kQPieces>(lane % 16, step * 2 + lane / 16));
#pragma unroll
      for (int j = 0; j < S::kWarpKeys / 8; j += 2) {
        uint32_t keys[4];
        ldmatrix_x4(keys, k + swizzled<S::kPieces>(first + j * 8 + lane / 16 * 8 + lane % 8, step * 2 + lane / 8 % 2));
        mma<typename S::T>(f.s[j], a, {keys[0], keys[1]});
        mma<typename S::T>(f.s[j + 1], a, {keys[2], keys[3]});
      }
    }
  }
  if constexpr (S::kInt8) {
#pragma unroll
    for (int j = 0; j < S::kWarpKeys / 8; j++)
#pragma unroll
      for (int i = 0; i < 4; i++) f.s[j][i] = __fmul_rn(f.s[j][i], k_scale[first + j * 8 + lane % 4 * 2 + i % 2]);
  }
}

// Scores become probabilities, unseen keys exactly 0. Every head of the row has the row's mask.
template <class S>
__device__ __forceinline__ void softmax(const AttentionArgs& args, const DecodeWork& work, int chunk, float scale_log2,
                                        const float* v_scale, Fragments<S>& f) {
  const int lane = threadIdx.x % kWarp, first = threadIdx.x / kWarp * S::kWarpKeys;
  const int64_t sink_end = args.sink_end[work.row], lo = args.lo[work.row], hi = args.hi[work.row];
#pragma unroll
  for (int j = 0; j < S::kWarpKeys / 8; j++)
#pragma unroll
    for (int i = 0; i < 2; i++) {
      const int key = chunk + first + j * 8 + lane % 4 * 2 + i;
      const int64_t index = work.index + key;
      const bool sees = key < work.len && (index < sink_end || (lo <= index && index <= hi));
      if (!sees) f.s[j][i] = f.s[j][i + 2] = kMinusInfinity;
    }
#pragma unroll
  for (int half = 0; half < 2; half++) {
    float largest = kMinusInfinity;
#pragma unroll
    for (int j = 0; j < S::kWarpKeys / 8; j++) largest = fmaxf(largest, fmaxf(f.s[j][half * 2], f.s[j][half * 2 + 1]));
    largest = fmaxf(largest, __shfl_xor_sync(kAllLanes, largest, 1));
    largest = fmaxf(largest, __shfl_xor_sync(kAllLanes, largest, 2));
    const float m = fmaxf(f.m[half], __fmul_rn(largest, scale_log2));
    const float base = softmax_base(m), rescale = softmax_rescale(f.m[half], base);
    f.m[half] = m;
    float sum = 0;
#pragma unroll
    for (int j = 0; j < S::kWarpKeys / 8; j++)
#pragma unroll
      for (int i = 0; i < 2; i++) {
        float& s = f.s[j][half * 2 + i];
        s = exp2f(__fmaf_rn(s, scale_log2, -base));
        sum = __fadd_rn(sum, s);
      }
    f.l[half] = __fmaf_rn(f.l[half], rescale, sum);
#pragma unroll
    for (int d = 0; d < S::kDim / 8; d++) {
      f.o[d][half * 2] = __fmul_rn(f.o[d][half * 2], rescale);
      f.o[d][half * 2 + 1] = __fmul_rn(f.o[d][half * 2 + 1], rescale);
    }
  }
  if constexpr (S::kInt8) {
#pragma unroll
    for (int j = 0; j < S::kWarpKeys / 8; j++)
#pragma unroll
      for (int i = 0; i < 4; i++)
        f.s[j][i] = __fmul_rn(f.s[j][i], __fmul_rn(v_scale[first + j * 8 + lane % 4 * 2 + i % 2], kInt8Range));
  }
}

// o += P V. int8: as in attention_prefill.cu, columns g of tiles 2i and 2i + 1 are elements 16 i + 2g and 16 i + 2g + 1.
template <class S>
__device__ __forceinline__ void weigh(const uint4* v, Fragments<S>& f) {
  const int lane = threadIdx.x % kWarp, first = threadIdx.x / kWarp * S::kWarpKeys;
#pragma unroll
  for (int step = 0; step < S::kWarpKeys / 16; step++) {
    uint32_t p[4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const float* const s = f.s[step * 2 + i / 2] + i % 2 * 2;
      p[i] = pack<typename S::T>(s[0], s[1]);
    }
    const int key = first + step * 16 + lane % 16;
    if constexpr (S::kInt8) {
#pragma unroll
      for (int d = 0; d < S::kDim / 8; d += 4) {
        uint32_t values[4];
        ldmatrix_x4_trans(values, v + swizzled<S::kPieces>(key, d / 2 + lane / 16));
#pragma unroll
        for (int i = 0; i < 4; i++) {
          const uint32_t x = values[i / 2 * 2] ^ 0x80808080u, y = values[i / 2 * 2 + 1] ^ 0x80808080u;
          const uint32_t select = i % 2 ? 0x4341 : 0x4240;
          mma<typename S::T>(f.o[d + i], p, {halves_from_int8(x, select), halves_from_int8(y, select)});
        }
      }
    } else {
#pragma unroll
      for (int d = 0; d < S::kDim / 8; d += 2) {
        uint32_t values[4];
        ldmatrix_x4_trans(values, v + swizzled<S::kPieces>(key, d + lane / 16));
        mma<typename S::T>(f.o[d], p, {values[0], values[1]});
        mma<typename S::T>(f.o[d + 1], p, {values[2], values[3]});
      }
    }
  }
}

// The warps' states, in shared memory, merged in ascending order of keys and written out.
template <class S>
__device__ __forceinline__ void merge_warps(const AttentionArgs& args, int n_heads, float* partial, float* acc, float* state,
                                            Fragments<S>& f) {
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp, head_dim = args.kv.head_dim;
  float* const m_of = state;                   // [kWarps, kRows]
  float* const l_of = state + kWarps * kRows;  // [kWarps, kRows]
  __syncthreads();  // all have read K and V, which acc replaces
#pragma unroll
  for (int half = 0; half < 2; half++) {
    const int row = half * 8 + lane / 4;
    float l = f.l[half];
    l = __fadd_rn(l, __shfl_xor_sync(kAllLanes, l, 1));
    l = __fadd_rn(l, __shfl_xor_sync(kAllLanes, l, 2));
    if (lane % 4 == 0) m_of[warp * kRows + row] = f.m[half], l_of[warp * kRows + row] = l;
#pragma unroll
    for (int d = 0; d < S::kDim / 8; d++)
#pragma unroll
      for (int i = 0; i < 2; i++) {
        const int column = S::kInt8 ? d / 2 * 16 + (lane % 4 * 2 + i) * 2 + d % 2 : d * 8 + lane % 4 * 2 + i;
        acc[(warp * kRows + row) * S::kDim + column] = f.o[d][half * 2 + i];
      }
  }
  __syncthreads();
  for (int at = threadIdx.x; at < kRows * S::kDim; at += kThreads) {
    const int row = at / S::kDim, d = at % S::kDim;
    if (row >= n_heads || d >= head_dim) continue;
    SoftmaxState all = {m_of[row], l_of[row]};
    float sum = acc[at];
#pragma unroll
    for (int w = 1; w < kWarps; w++) {
      const SoftmaxFactors factors = softmax_merge(all, {m_of[w * kRows + row], l_of[w * kRows + row]});
      sum = __fmaf_rn(acc[w * kRows * S::kDim + at], factors.part, __fmul_rn(sum, factors.into));
    }
    float* const to = partial + static_cast<int64_t>(row) * (head_dim + 2);
    to[d] = S::kInt8 ? sum * (1 / kInt8Range) : sum;
    if (d == 0) to[head_dim] = all.m, to[head_dim + 1] = all.l;
  }
}

template <class S>
__global__ void __launch_bounds__(kThreads, 1) attention_decode_kernel(const AttentionArgs args) {
  if (static_cast<int>(blockIdx.x) >= args.counts->n_decode) return;
  const DecodeWork work = args.decode[blockIdx.x];
  const int kv_head = blockIdx.y, group = args.n_heads / args.kv.n_kv_heads, head_dim = args.kv.head_dim;
  const int first_head = kv_head * group + blockIdx.z * kRows, n_heads = min(kRows, group - static_cast<int>(blockIdx.z) * kRows);

  unsigned char* const shared = dynamic_shared();
  uint4* const q = reinterpret_cast<uint4*>(shared);
  uint4* const k = reinterpret_cast<uint4*>(shared + S::kQBytes);
  uint4* const v = reinterpret_cast<uint4*>(shared + S::kQBytes + S::kTileBytes);
  float* const acc = reinterpret_cast<float*>(shared + S::kQBytes);
  float* const k_scale = reinterpret_cast<float*>(shared + S::kQBytes + S::kDataBytes);
  float* const v_scale = k_scale + S::kKeys;
  float* const state = reinterpret_cast<float*>(shared + S::kQBytes + S::kDataBytes + S::kScaleBytes);

  const uint16_t* const q_from = static_cast<const uint16_t*>(args.q) +
      ((static_cast<int64_t>(work.rotation) * args.n_rows + work.row) * args.n_heads + first_head) * head_dim;
  for (int i = threadIdx.x; i < kRows * S::kQPieces; i += kThreads) {
    const int row = i / S::kQPieces, piece = i % S::kQPieces;
    const bool there = row < n_heads && piece * 8 < head_dim;
    cp_async_16(q + swizzled<S::kQPieces>(row, piece), q_from + (there ? static_cast<int64_t>(row) * head_dim + piece * 8 : 0),
                there ? 16 : 0);
  }

  Fragments<S> f;
#pragma unroll
  for (int half = 0; half < 2; half++) f.m[half] = kMinusInfinity, f.l[half] = 0;
#pragma unroll
  for (int d = 0; d < S::kDim / 8; d++)
#pragma unroll
    for (int i = 0; i < 4; i++) f.o[d][i] = 0;
  const float scale_log2 = args.scale * kLog2e;
  for (int chunk = 0; chunk < work.len; chunk += S::kKeys) {
    if (chunk) __syncthreads();  // the chunk before has been read
    load_tile<S>(args.kv, work, chunk, kv_head, args.kv.k, k);
    if constexpr (S::kInt8) load_scale<S>(args.kv, work, chunk, kv_head, args.kv.k_scale, k_scale);
    cp_async_commit();
    load_tile<S>(args.kv, work, chunk, kv_head, args.kv.v, v);
    if constexpr (S::kInt8) load_scale<S>(args.kv, work, chunk, kv_head, args.kv.v_scale, v_scale);
    cp_async_commit();
    cp_async_wait<1>();
    __syncthreads();  // Q and K are there
    scores<S>(q, k, k_scale, f);
    softmax<S>(args, work, chunk, scale_log2, v_scale, f);
    cp_async_wait<0>();
    __syncthreads();  // V is there
    weigh<S>(v, f);
  }
  float* const partial = args.partial + (static_cast<int64_t>(blockIdx.x) * args.n_heads + first_head) * (head_dim + 2);
  merge_warps<S>(args, n_heads, partial, acc, state, f);
}

// 32 elements of one row and head a block: the largest m of its splits, then their weighted sum in ascending order. A long stream has
// hundreds of splits, so 32 of them are on their way at once: a lane has the factor of one.
__global__ void __launch_bounds__(kWarp) attention_combine_kernel(const AttentionArgs args) {
  if (static_cast<int>(blockIdx.x) >= args.counts->n_combine) return;
  const CombineWork work = args.combine[blockIdx.x];
  const int head = blockIdx.y, head_dim = args.kv.head_dim, lane = threadIdx.x, d = blockIdx.z * kWarp + lane;
  const int64_t stride = static_cast<int64_t>(args.n_heads) * (head_dim + 2);
  const float* const part = args.partial + work.first * stride + static_cast<int64_t>(head) * (head_dim + 2);
  float m = kMinusInfinity;
  for (int i = lane; i < work.n; i += kWarp) m = fmaxf(m, part[i * stride + head_dim]);
  const float base = softmax_base(warp_max(m));
  float sum = 0, l = 0;
  for (int first = 0; first < work.n; first += kWarp) {
    float x[kWarp];
#pragma unroll
    for (int i = 0; i < kWarp; i++) x[i] = first + i < work.n && d < head_dim ? part[(first + i) * stride + d] : 0;
    const float* const mine = part + (first + lane) * stride + head_dim;
    const float factor_mine = first + lane < work.n ? softmax_rescale(mine[0], base) : 0;
    const float l_mine = first + lane < work.n ? mine[1] : 0;
#pragma unroll
    for (int i = 0; i < kWarp; i++) {
      const float factor = __shfl_sync(kAllLanes, factor_mine, i), l_of = __shfl_sync(kAllLanes, l_mine, i);
      if (first + i >= work.n) continue;
      l = __fmaf_rn(l_of, factor, l);
      sum = __fmaf_rn(x[i], factor, sum);
    }
  }
  if (d < head_dim) args.out[(static_cast<int64_t>(work.row) * args.n_heads + head) * head_dim + d] = sum * softmax_inverse(l);
}

template <class T, bool kInt8, int kDim, int kKeys>
void launch_shape(const AttentionArgs& args, int max_work, cudaStream_t stream) {
  using S = Shape<T, kInt8, kDim, kKeys>;
  const int group = args.n_heads / args.kv.n_kv_heads;
  launch("attention_decode_kernel", attention_decode_kernel<S>, dim3(max_work, args.kv.n_kv_heads, ceil_div(group, kRows)),
         dim3(kThreads), S::kSharedBytes, stream, args);
}

template <class T, bool kInt8>
void launch_type(const AttentionArgs& args, int max_work, cudaStream_t stream) {
  const int head_dim = args.kv.head_dim;
  if (head_dim <= 64)
    launch_shape<T, kInt8, 64, 128>(args, max_work, stream);
  else if (head_dim <= 96)
    launch_shape<T, kInt8, 96, 128>(args, max_work, stream);
  else if (head_dim <= 128)
    launch_shape<T, kInt8, 128, 128>(args, max_work, stream);
  else
    launch_shape<T, kInt8, 256, 64>(args, max_work, stream);
}

}  // namespace

void launch_attention_decode(const AttentionArgs& args, int max_work, int max_rows, const DeviceInfo&, cudaStream_t stream) {
  if (max_work > 0) {
    if (args.kv.type == TERN_TYPE_I8)
      launch_type<__half, true>(args, max_work, stream);
    else if (args.kv.type == TERN_TYPE_BF16)
      launch_type<__nv_bfloat16, false>(args, max_work, stream);
    else
      launch_type<__half, false>(args, max_work, stream);
  }
  launch("attention_combine_kernel", attention_combine_kernel, dim3(max_rows, args.n_heads, ceil_div(args.kv.head_dim, kWarp)), dim3(kWarp), 0,
         stream, args);
}

}  // namespace tern::cuda
