// Attention of sequences of several rows over the paged arena (FlashAttention-2, arXiv 2307.08691), for a row i and a query head:
//   out = sum_j p_j v_j / sum_j p_j,  p_j = 2^(c q . k_j - m),  c = scale * log2(e),  over the keys j that row i sees.
//
// A block takes a tile of rows and all query heads of one kv head, packed row by row: query = row * group + head of the group. Each
// warp owns 16 or 32 of the queries. Keys come 64 at a time, the part of one segment in one page, K and V each in one buffer: V is on
// its way while scores are computed, the next K during softmax and the product with V. A segment names the rotation of the query it is
// read with; where that changes, Q is fetched along with K, so that sinks with a rotation of their own cost one more load of Q.
//
// A row's bits depend on the row alone: tiles follow the keys' index, a tile that a row does not see leaves its state as it was to the
// bit (its factor is 2^0), and tiles with and without masks take the same steps.
#include "attention.h"
#include "attention_state.cuh"
#include "attention_tiles.cuh"
#include "mma_tile.cuh"

namespace tern::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kKeyTiles = kPage / 8;  // columns of mma tiles in a tile of scores

// kInt8: the arena is int8 with scales, T is __half. kRows: 16 or 32 queries a warp. kDim: head_dim rounded up. Beyond 128 two warps
// share their queries: both compute the scores, each half the columns of the output, which would not fit one warp's registers.
template <class T_, bool kInt8_, int kDim_, int kRows>
struct Shape {
  using T = T_;
  static constexpr bool kInt8 = kInt8_;
  static constexpr int kDim = kDim_;
  static constexpr int kRowTiles = kRows / 16;
  static constexpr int kColumnWarps = kDim > 128 ? 2 : 1;
  static constexpr int kColumns = kDim / kColumnWarps;            // of the output, a warp's
  static constexpr int kQueries = kThreads / kWarp / kColumnWarps * kRows;
  static constexpr int kQChunks = kDim / 8;                       // of 16 bytes, in a row of Q
  static constexpr int kElements = kInt8 ? 16 : 8;                // of a chunk of K and V
  static constexpr int kChunks = kDim / kElements;                // in a row of K and V
  static constexpr int kTileBytes = kPage * kChunks * 16;
  static constexpr int kScaleBytes = kInt8 ? kPage * 4 : 0;
  static constexpr int kQBytes = kQueries * kQChunks * 16;
  static constexpr int kSharedBytes = kQBytes + 2 * (kTileBytes + kScaleBytes);
  static_assert(kSharedBytes <= kPortableShared, "more than some GPUs have");
};

// One slice of a work item at one kv head.
template <class S>
struct Block {
  const AttentionArgs& args;
  const PrefillWork& work;
  int kv_head;
  int group;
  int first;      // query of the item that is the slice's first
  int n_queries;  // of the slice
  uint4* q;       // shared: [kQueries, kQChunks], swizzled
  uint4* k;       // shared: [kPage, kChunks], swizzled
  uint4* v;
  float* k_scale;  // shared: [kPage], int8 only
  float* v_scale;

  // Of the slice's query m: its row of the batch, and head.
  __device__ __forceinline__ int row(int m) const { return work.row + (first + m) / group; }
  __device__ __forceinline__ int64_t query_offset(int m) const {
    return (int64_t{row(m)} * args.n_heads + kv_head * group + (first + m) % group) * args.kv.head_dim;
  }
};

template <class S>
__device__ __forceinline__ void load_q(const Block<S>& b, int rotation) {
  const int head_dim = b.args.kv.head_dim;
  const typename S::T* q =
      static_cast<const typename S::T*>(b.args.q) + int64_t{rotation} * b.args.n_rows * b.args.n_heads * head_dim;
#pragma unroll 1
  for (int i = threadIdx.x; i < S::kQueries * S::kQChunks; i += kThreads) {
    const int m = i / S::kQChunks, chunk = i % S::kQChunks;
    const bool there = m < b.n_queries && chunk * 8 < head_dim;
    cp_async_16(b.q + swizzled<S::kQChunks>(m, chunk), there ? q + b.query_offset(m) + chunk * 8 : q, there ? 16 : 0);
  }
}

// K or V of a tile; rows that are not of the segment and columns from head_dim on become zeros.
template <class S>
__device__ __forceinline__ void load_tile(const Block<S>& b, const Tile& tile, const void* data, const float* scale, uint4* to,
                                          float* scale_to) {
  const int head_dim = b.args.kv.head_dim;
  const int64_t first_row = (int64_t{tile.page} * b.args.kv.n_kv_heads + b.kv_head) * kPage;
  constexpr int kElementBytes = S::kInt8 ? 1 : 2;
  const unsigned char* from = static_cast<const unsigned char*>(data) + first_row * head_dim * kElementBytes;
  const bool halved = S::kInt8 && head_dim % 16 != 0;  // rows then start at multiples of 8 bytes only, too odd for cp.async
  constexpr int kSteps = kPage * S::kChunks / kThreads;
  static_assert(kPage * S::kChunks % kThreads == 0, "whole steps");
#pragma unroll
  for (int step = 0; step < kSteps; step++) {
    const int i = threadIdx.x + step * kThreads;
    const int key = i / S::kChunks, chunk = i % S::kChunks;
    const bool there = key >= tile.begin && key < tile.end && chunk * S::kElements < head_dim;
    const unsigned char* at = from + (key * head_dim + chunk * S::kElements) * kElementBytes;
    uint4* place = to + swizzled<S::kChunks>(key, chunk);
    if (!halved) {
      cp_async_16(place, there ? at : from, there ? 16 : 0);
    } else {
      const uint2 zero = make_uint2(0, 0), *half = reinterpret_cast<const uint2*>(at);
      const uint2 low = there ? half[0] : zero, high = there && chunk * 16 + 8 < head_dim ? half[1] : zero;
      *place = make_uint4(low.x, low.y, high.x, high.y);
    }
  }
  if (S::kInt8 && threadIdx.x < kPage / 4) cp_async_16(scale_to + threadIdx.x * 4, scale + first_row + threadIdx.x * 4);
}

template <class S>
__device__ __forceinline__ void load_k(const Block<S>& b, const Tile& tile) {
  load_tile(b, tile, b.args.kv.k, b.args.kv.k_scale, b.k, b.k_scale);
}
template <class S>
__device__ __forceinline__ void load_v(const Block<S>& b, const Tile& tile) {
  load_tile(b, tile, b.args.kv.v, b.args.kv.v_scale, b.v, b.v_scale);
}

// The warp's first query of the slice, and its first column of the output.
template <class S>
__device__ __forceinline__ int first_query() {
  return threadIdx.x / kWarp / S::kColumnWarps * S::kRowTiles * 16;
}
template <class S>
__device__ __forceinline__ int first_column() {
  return threadIdx.x / kWarp % S::kColumnWarps * S::kColumns;
}

// What a thread holds: of row tile r, rows g and g + 8 of the warp's 16 r + .. (g = lane / 4), of which s and o have columns as in the
// d of mma (ptx.cuh), and m and l the states; l sums the thread's own columns only.
template <class S>
struct Fragments {
  float s[S::kRowTiles][kKeyTiles][4];
  float o[S::kRowTiles][S::kColumns / 8][4];
  float m[S::kRowTiles][2];
  float l[S::kRowTiles][2];
};

// s = Q K^T of the warp's queries; int8: times k_scale.
//
// int8: ldmatrix hands a lane four neighbouring elements 4t.. of a key. The mma may take the 16 elements of a step in any order that
// both sides share: columns 2t, 2t+1, 2t+8, 2t+9 of the fragments stand for elements 4t.. of the step, and Q is read so too.
template <class S>
__device__ __forceinline__ void scores(const Block<S>& b, Fragments<S>& f) {
  const int lane = threadIdx.x % kWarp, first = first_query<S>();
#pragma unroll
  for (int r = 0; r < S::kRowTiles; r++)
#pragma unroll
    for (int j = 0; j < kKeyTiles; j++)
#pragma unroll
      for (int i = 0; i < 4; i++) f.s[r][j][i] = 0;
#pragma unroll 2  // more would keep as many addresses in registers, which head_dim 256 has none to spare for
  for (int step = 0; step < S::kDim / 16; step++) {
    uint32_t a[S::kRowTiles][4];
#pragma unroll
    for (int r = 0; r < S::kRowTiles; r++) {
      const int row = first + r * 16;
      if constexpr (S::kInt8) {
#pragma unroll
        for (int half = 0; half < 2; half++) {
          const uint4* chunk = b.q + swizzled<S::kQChunks>(row + half * 8 + lane / 4, step * 2 + lane % 4 / 2);
          const uint2 four = reinterpret_cast<const uint2*>(chunk)[lane % 2];
          a[r][half] = four.x, a[r][half + 2] = four.y;
        }
      } else {
        ldmatrix_x4(a[r], b.q + swizzled<S::kQChunks>(row + lane % 16, step * 2 + lane / 16));
      }
    }
    if constexpr (S::kInt8) {
#pragma unroll
      for (int j = 0; j < kKeyTiles; j += 4) {
        uint32_t keys[4];
        ldmatrix_x4(keys, b.k + swizzled<S::kChunks>(j * 8 + lane, step));
#pragma unroll
        for (int i = 0; i < 4; i++) {
          const uint32_t x = keys[i] ^ 0x80808080u;
          const uint32_t key[2] = {halves_from_int8(x, 0x4140), halves_from_int8(x, 0x4342)};
#pragma unroll
          for (int r = 0; r < S::kRowTiles; r++) mma<typename S::T>(f.s[r][j + i], a[r], key);
        }
      }
    } else {
#pragma unroll
      for (int j = 0; j < kKeyTiles; j += 2) {
        uint32_t keys[4];
        ldmatrix_x4(keys, b.k + swizzled<S::kChunks>(j * 8 + lane / 16 * 8 + lane % 8, step * 2 + lane / 8 % 2));
#pragma unroll
        for (int r = 0; r < S::kRowTiles; r++) {
          mma<typename S::T>(f.s[r][j], a[r], {keys[0], keys[1]});
          mma<typename S::T>(f.s[r][j + 1], a[r], {keys[2], keys[3]});
        }
      }
    }
  }
  if constexpr (S::kInt8) {
#pragma unroll
    for (int j = 0; j < kKeyTiles; j++) {
      const float2 scale = *reinterpret_cast<const float2*>(b.k_scale + j * 8 + lane % 4 * 2);
#pragma unroll
      for (int r = 0; r < S::kRowTiles; r++)
#pragma unroll
        for (int i = 0; i < 4; i++) f.s[r][j][i] = __fmul_rn(f.s[r][j][i], i % 2 ? scale.y : scale.x);
    }
  }
}

// Scores become probabilities in s, rounded later; states move on. Unseen keys get exactly 0.
template <bool kMasked, class S>
__device__ __forceinline__ void softmax(const Block<S>& b, const Tile& tile, float scale_log2, Fragments<S>& f) {
  const int lane = threadIdx.x % kWarp, first = first_query<S>();
#pragma unroll
  for (int r = 0; r < S::kRowTiles; r++)
#pragma unroll
    for (int half = 0; half < 2; half++) {
      if constexpr (kMasked) {
        const int m = first + r * 16 + half * 8 + lane / 4;
        uint64_t seen = 0;
        if (m < b.n_queries) {
          const int row = b.row(m);
          seen = seen_places(tile, b.args.sink_end[row], b.args.lo[row], b.args.hi[row]) >> (lane % 4 * 2);
        }
        const uint32_t low = static_cast<uint32_t>(seen), high = static_cast<uint32_t>(seen >> 32);
#pragma unroll
        for (int j = 0; j < kKeyTiles; j++)
#pragma unroll
          for (int i = 0; i < 2; i++) {
            const bool sees = (j < 4 ? low : high) & 1u << (j % 4 * 8 + i);
            if (!sees) f.s[r][j][half * 2 + i] = kMinusInfinity;
          }
      }
      float largest = f.s[r][0][half * 2];
#pragma unroll
      for (int j = 0; j < kKeyTiles; j++)
        largest = fmaxf(largest, fmaxf(f.s[r][j][half * 2], f.s[r][j][half * 2 + 1]));
      largest = fmaxf(largest, __shfl_xor_sync(kAllLanes, largest, 1));
      largest = fmaxf(largest, __shfl_xor_sync(kAllLanes, largest, 2));
      const float m = fmaxf(f.m[r][half], __fmul_rn(largest, scale_log2));
      const float base = softmax_base(m);
      const float rescale = softmax_rescale(f.m[r][half], base);
      f.m[r][half] = m;
      float sum = 0;
#pragma unroll
      for (int j = 0; j < kKeyTiles; j++)
#pragma unroll
        for (int i = 0; i < 2; i++) {
          float& s = f.s[r][j][half * 2 + i];
          s = exp2f(__fmaf_rn(s, scale_log2, -base));
          sum += s;
        }
      f.l[r][half] = __fmaf_rn(f.l[r][half], rescale, sum);
#pragma unroll
      for (int d = 0; d < S::kColumns / 8; d++) {
        f.o[r][d][half * 2] *= rescale;
        f.o[r][d][half * 2 + 1] *= rescale;
      }
    }
  if constexpr (S::kInt8) {
#pragma unroll
    for (int j = 0; j < kKeyTiles; j++) {
      const float2 scale = *reinterpret_cast<const float2*>(b.v_scale + j * 8 + lane % 4 * 2);
#pragma unroll
      for (int r = 0; r < S::kRowTiles; r++)
#pragma unroll
        for (int i = 0; i < 4; i++) {
          float& p = f.s[r][j][i];
          // The scale of a slot that is not of the segment may be NaN.
          if (!kMasked || p != 0) p = __fmul_rn(p, __fmul_rn(i % 2 ? scale.y : scale.x, kInt8Range));
        }
    }
  }
}

// o += P V. int8: ldmatrix.trans hands a lane elements 2g, 2g + 1 of two keys: the even ones go to one mma, the odd ones to the next,
// and so o's columns g of tiles 2i and 2i + 1 are elements 16 i + 2g and 16 i + 2g + 1.
template <class S>
__device__ __forceinline__ void weigh(const Block<S>& b, Fragments<S>& f) {
  const int lane = threadIdx.x % kWarp, columns = first_column<S>() / S::kElements;
#pragma unroll
  for (int step = 0; step < kPage / 16; step++) {
    uint32_t p[S::kRowTiles][4];
#pragma unroll
    for (int r = 0; r < S::kRowTiles; r++)
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const float* s = f.s[r][step * 2 + i / 2] + i % 2 * 2;
        p[r][i] = pack<typename S::T>(s[0], s[1]);
      }
    const int key = step * 16 + lane % 16;
    if constexpr (S::kInt8) {
#pragma unroll
      for (int d = 0; d < S::kColumns / 8; d += 4) {
        uint32_t values[4];
        ldmatrix_x4_trans(values, b.v + swizzled<S::kChunks>(key, columns + d / 2 + lane / 16));
#pragma unroll
        for (int i = 0; i < 4; i++) {
          const uint32_t x = values[i / 2 * 2] ^ 0x80808080u, y = values[i / 2 * 2 + 1] ^ 0x80808080u;
          const uint32_t select = i % 2 ? 0x4341 : 0x4240;
          const uint32_t value[2] = {halves_from_int8(x, select), halves_from_int8(y, select)};
#pragma unroll
          for (int r = 0; r < S::kRowTiles; r++) mma<typename S::T>(f.o[r][d + i], p[r], value);
        }
      }
    } else {
#pragma unroll
      for (int d = 0; d < S::kColumns / 8; d += 2) {
        uint32_t values[4];
        ldmatrix_x4_trans(values, b.v + swizzled<S::kChunks>(key, columns + d + lane / 16));
#pragma unroll
        for (int r = 0; r < S::kRowTiles; r++) {
          mma<typename S::T>(f.o[r][d], p[r], {values[0], values[1]});
          mma<typename S::T>(f.o[r][d + 1], p[r], {values[2], values[3]});
        }
      }
    }
  }
}

// Adding 0 makes -0, which an underflow on the way can leave, +0, as it is for a row that skipped a tile there.
template <class S>
__device__ __forceinline__ void store(const Block<S>& b, const Fragments<S>& f) {
  const int lane = threadIdx.x % kWarp, first = first_query<S>();
#pragma unroll
  for (int r = 0; r < S::kRowTiles; r++)
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float l = f.l[r][half];
      l += __shfl_xor_sync(kAllLanes, l, 1);
      l += __shfl_xor_sync(kAllLanes, l, 2);
      const float inverse = softmax_inverse(l) * (S::kInt8 ? 1 / kInt8Range : 1.f);
      const int m = first + r * 16 + half * 8 + lane / 4;
      if (m >= b.n_queries) continue;
      float* out = b.args.out + b.query_offset(m);
      const int columns = first_column<S>();
      if constexpr (S::kInt8) {
#pragma unroll
        for (int d = 0; d < S::kColumns / 8; d += 2) {
          const float *even = f.o[r][d] + half * 2, *odd = f.o[r][d + 1] + half * 2;
          const int at = columns + d * 8 + lane % 4 * 4;
          if (at < b.args.kv.head_dim)
            *reinterpret_cast<float4*>(out + at) = make_float4(even[0] * inverse + 0.f, odd[0] * inverse + 0.f,
                                                               even[1] * inverse + 0.f, odd[1] * inverse + 0.f);
        }
      } else {
#pragma unroll
        for (int d = 0; d < S::kColumns / 8; d++)
          if (columns + d * 8 < b.args.kv.head_dim)
            *reinterpret_cast<float2*>(out + columns + d * 8 + lane % 4 * 2) =
                make_float2(f.o[r][d][half * 2] * inverse + 0.f, f.o[r][d][half * 2 + 1] * inverse + 0.f);
      }
    }
}

template <class S>
__global__ void __launch_bounds__(kThreads, 1) attention_prefill_kernel(const AttentionArgs args) {
  const int n_work = args.counts->n_prefill;
  if (static_cast<int>(blockIdx.x) >= n_work) return;
  const PrefillWork work = args.prefill[n_work - 1 - blockIdx.x];  // later rows of a prompt see more: longest first
  const int group = args.n_heads / args.kv.n_kv_heads;
  const int first = blockIdx.z * S::kQueries;
  const int n_queries = min(work.n_rows * group - first, S::kQueries);
  if (n_queries <= 0) return;

  unsigned char* shared = dynamic_shared();
  uint4* q = reinterpret_cast<uint4*>(shared);
  uint4* k = reinterpret_cast<uint4*>(shared + S::kQBytes);
  uint4* v = reinterpret_cast<uint4*>(shared + S::kQBytes + S::kTileBytes);
  float* scale = reinterpret_cast<float*>(shared + S::kQBytes + 2 * S::kTileBytes);
  const Block<S> b = {args, work, static_cast<int>(blockIdx.y), group, first, n_queries, q, k, v, scale, scale + kPage};

  Fragments<S> f;
#pragma unroll
  for (int r = 0; r < S::kRowTiles; r++)
#pragma unroll
    for (int half = 0; half < 2; half++) {
      f.m[r][half] = kMinusInfinity;
      f.l[r][half] = 0;
#pragma unroll
      for (int d = 0; d < S::kColumns / 8; d++) f.o[r][d][half * 2] = f.o[r][d][half * 2 + 1] = 0;
    }

  const bool works = first_query<S>() < n_queries;  // the warp has queries
  const float scale_log2 = args.scale * kLog2e;
  Tiles tiles(args, work);
  Tile tile{}, next{};
  bool more = tiles.next(tile);
  if (more) {
    load_q(b, tile.rotation);
    load_k(b, tile);
    cp_async_commit();
  }
  while (more) {
    cp_async_wait<0>();
    __syncthreads();  // K is there; V of the tile before has been read
    load_v(b, tile);
    cp_async_commit();
    if (works) scores(b, f);
    more = tiles.next(next);
    cp_async_wait<0>();
    __syncthreads();  // V is there; K and Q have been read
    if (more) {
      if (next.rotation != tile.rotation) load_q(b, next.rotation);
      load_k(b, next);
      cp_async_commit();
    }
    if (works) {
      if (seen_by_all(work, tile)) softmax<false>(b, tile, scale_log2, f);
      else softmax<true>(b, tile, scale_log2, f);
      weigh(b, f);
    }
    tile = next;
  }
  store(b, f);
}

// ---- launchers ------------------------------------------------------------------------------------------------------

template <class T, bool kInt8, int kDim, int kRows>
void launch_shape(const AttentionArgs& args, int max_work, cudaStream_t stream) {
  using S = Shape<T, kInt8, kDim, kRows>;
  const int group = args.n_heads / args.kv.n_kv_heads;
  const int n_slices = ceil_div(attention_prefill_rows(args.n_heads, args.kv.n_kv_heads) * group, S::kQueries);
  launch("attention_prefill_kernel", attention_prefill_kernel<S>, dim3(max_work, args.kv.n_kv_heads, n_slices), dim3(kThreads),
         S::kSharedBytes, stream, args);
}

template <class T, bool kInt8>
void launch_type(const AttentionArgs& args, int max_work, cudaStream_t stream) {
  const int head_dim = args.kv.head_dim;
  // 32 queries a warp halve what is read from shared memory per mma; beyond 64 dimensions they would spill.
  if (head_dim <= 64) launch_shape<T, kInt8, 64, 32>(args, max_work, stream);
  else if (head_dim <= 96) launch_shape<T, kInt8, 96, 16>(args, max_work, stream);
  else if (head_dim <= 128) launch_shape<T, kInt8, 128, 16>(args, max_work, stream);
  else launch_shape<T, kInt8, 256, 16>(args, max_work, stream);
}

}  // namespace

void launch_attention_prefill(const AttentionArgs& args, int max_work, const DeviceInfo& device, cudaStream_t stream) {
  if (launch_attention_prefill_sm90(args, max_work, device, stream)) return;
  if (args.kv.type == TERN_TYPE_I8) launch_type<__half, true>(args, max_work, stream);
  else if (args.kv.type == TERN_TYPE_BF16) launch_type<__nv_bfloat16, false>(args, max_work, stream);
  else launch_type<__half, false>(args, max_work, stream);
}

}  // namespace tern::cuda
