// attention_prefill.cu on Hopper, for F16 and BF16 and heads of up to 128: the same tiles, masks and order of operations, computed by wgmma
// with what it reads of K and V brought by TMA (FlashAttention-3, arXiv 2407.08608).
//
// A block takes a tile of rows and the query heads of one kv head: 128 queries, packed row by row. One warpgroup asks for pages of K and V,
// a ring of stages ahead; two compute, 64 queries each, Q and the probabilities in registers as the A operand. Scores of the next page are
// issued before the product of the last one with V, so that softmax has a product to hide behind; where a segment names another rotation,
// Q is loaded anew.
//
// TMA brings whole pages: places that the segment does not hold may be NaN. Their scores are masked, and before V is used its rows there
// are zeroed, as 0 * NaN would be NaN; that is done for pages at a segment's ends only.
#include "attention_state.cuh"
#include "attention_tiles.cuh"
#include "hopper.cuh"
#include "mma_tile.cuh"
#include "tensor_map.h"

namespace tern::cuda {
namespace {

constexpr int kWarpgroup = 128, kConsumers = 2, kThreads = (1 + kConsumers) * kWarpgroup;
constexpr int kQueriesOfWarpgroup = 64, kQueries = kConsumers * kQueriesOfWarpgroup;
constexpr int kPanel = 64;                         // elements of a row in 128 bytes
constexpr int kPanelBytes = kPage * 128;
constexpr int kKeyTiles = kPage / 8;
constexpr int kVBarrier = 1;                       // of the consumers, before V with zeroed rows is read

// kDim: head_dim rounded up to whole panels.
template <class T_, int kDim_>
struct Shape {
  using T = T_;
  static constexpr int kDim = kDim_;
  static constexpr int kPanels = kDim / kPanel;
  static constexpr int kSteps = kDim / 16;         // of wgmma along head_dim
  static constexpr int kTileBytes = kPanels * kPanelBytes;
  static constexpr int kStages = 4;
};

template <int kStages>
struct Ring {
  uint64_t k_full[kStages];
  uint64_t v_full[kStages];
  uint64_t empty[kStages];  // both consumers have read K and V
};
template <class S>
constexpr int shared_bytes() {
  return 2 * S::kStages * S::kTileBytes + static_cast<int>(sizeof(Ring<S::kStages>));
}

template <class T, int kTransposed>
__device__ __forceinline__ void wgmma_n64(float (&d)[32], const uint32_t (&a)[4], uint64_t b, int add) {
  if constexpr (std::is_same_v<T, __half>)
    wgmma_f16_n64<kTransposed>(d, a, b, add);
  else
    wgmma_bf16_n64<kTransposed>(d, a, b, add);
}

template <class S>
struct Block {
  const AttentionArgs& args;
  const PrefillWork& work;
  int kv_head;
  int group;
  int n_queries;
  unsigned char* k;  // shared: [kStages, kPanels, kPage, 128 bytes], swizzled
  unsigned char* v;
  Ring<S::kStages>& ring;

  __device__ __forceinline__ int row(int m) const { return work.row + m / group; }
  __device__ __forceinline__ int64_t query_offset(int m) const {
    return (int64_t{row(m)} * args.n_heads + kv_head * group + m % group) * args.kv.head_dim;
  }
};

// One thread: brings the pages, stage after stage.
template <class S>
__device__ __forceinline__ void produce(const Block<S>& b, const CUtensorMap& k_map, const CUtensorMap& v_map) {
  Tiles tiles(b.args, b.work);
  Tile tile{};
  for (int n = 0; tiles.next(tile); n++) {
    const int s = n % S::kStages, first_row = (tile.page * b.args.kv.n_kv_heads + b.kv_head) * kPage;
    barrier_wait(&b.ring.empty[s], (n / S::kStages + 1) % 2);
    barrier_expect(&b.ring.k_full[s], S::kTileBytes);
    for (int p = 0; p < S::kPanels; p++)
      tma_load_2d(b.k + s * S::kTileBytes + p * kPanelBytes, &k_map, &b.ring.k_full[s], p * kPanel, first_row);
    barrier_expect(&b.ring.v_full[s], S::kTileBytes);
    for (int p = 0; p < S::kPanels; p++)
      tma_load_2d(b.v + s * S::kTileBytes + p * kPanelBytes, &v_map, &b.ring.v_full[s], p * kPanel, first_row);
  }
}

// What a consumer's thread holds; rows g and g + 8 of its warp's 16, columns as in d of wgmma (hopper.cuh). l sums its own columns only.
template <class S>
struct Fragments {
  uint32_t q[S::kSteps][4];
  float s[32];
  uint32_t p[kPage / 16][4];
  float o[S::kPanels][32];
  float m[2];
  float l[2];
};

// Q as the A operand: registers of columns 16 step + 2t, rows g and g + 8, then of columns + 8. Zeros beyond head_dim and the last query.
template <class S>
__device__ __forceinline__ void load_q(const Block<S>& b, int first, int rotation, Fragments<S>& f) {
  const int head_dim = b.args.kv.head_dim, lane = threadIdx.x % kWarp;
  const typename S::T* const q = static_cast<const typename S::T*>(b.args.q) + int64_t{rotation} * b.args.n_rows * b.args.n_heads * head_dim;
#pragma unroll
  for (int half = 0; half < 2; half++) {
    const int m = first + half * 8 + lane / 4;
    const bool there = m < b.n_queries;
    const typename S::T* const row = q + (there ? b.query_offset(m) : 0);
#pragma unroll
    for (int step = 0; step < S::kSteps; step++)
#pragma unroll
      for (int i = 0; i < 2; i++) {
        const int column = step * 16 + i * 8 + lane % 4 * 2;
        f.q[step][i * 2 + half] = there && column < head_dim ? *reinterpret_cast<const uint32_t*>(row + column) : 0;
      }
  }
}

template <class S>
__device__ __forceinline__ void before_products(Fragments<S>& f) {
  settle(f.q);
  settle(f.p);
  settle(f.s);
#pragma unroll
  for (int panel = 0; panel < S::kPanels; panel++) settle(f.o[panel]);
  wgmma_fence();
}
template <class S>
__device__ __forceinline__ void after_weighing(Fragments<S>& f) {
#pragma unroll
  for (int panel = 0; panel < S::kPanels; panel++) settle(f.o[panel]);
}

// Issues s = Q K^T with the K of a stage.
template <class S>
__device__ __forceinline__ void issue_scores(const Block<S>& b, int stage, Fragments<S>& f) {
#pragma unroll
  for (int step = 0; step < S::kSteps; step++)
    wgmma_n64<typename S::T, 0>(f.s, f.q[step], wgmma_matrix(b.k + stage * S::kTileBytes + step / 4 * kPanelBytes) + step % 4 * 2, step != 0);
  wgmma_commit();
}

// Issues o += P V with the V of a stage.
template <class S>
__device__ __forceinline__ void issue_weighing(const Block<S>& b, int stage, Fragments<S>& f) {
#pragma unroll
  for (int panel = 0; panel < S::kPanels; panel++)
#pragma unroll
    for (int step = 0; step < kPage / 16; step++)
      wgmma_n64<typename S::T, 1>(f.o[panel], f.p[step],
                                  wgmma_matrix(b.v + stage * S::kTileBytes + panel * kPanelBytes) + step * (2048 >> 4), 1);
  wgmma_commit();
}

// Scores become probabilities in s; states move on, o is not rescaled yet. Unseen keys get exactly 0.
template <bool kMasked, class S>
__device__ __forceinline__ void softmax_of(const Block<S>& b, int first, const Tile& tile, float scale_log2, Fragments<S>& f, float (&rescale)[2]) {
  const int lane = threadIdx.x % kWarp;
#pragma unroll
  for (int half = 0; half < 2; half++) {
    if constexpr (kMasked) {
      const int m = first + half * 8 + lane / 4;
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
          if (!sees) f.s[j * 4 + half * 2 + i] = kMinusInfinity;
        }
    }
    float largest = f.s[half * 2];
#pragma unroll
    for (int j = 0; j < kKeyTiles; j++) largest = fmaxf(largest, fmaxf(f.s[j * 4 + half * 2], f.s[j * 4 + half * 2 + 1]));
    largest = fmaxf(largest, __shfl_xor_sync(kAllLanes, largest, 1));
    largest = fmaxf(largest, __shfl_xor_sync(kAllLanes, largest, 2));
    const float m = fmaxf(f.m[half], __fmul_rn(largest, scale_log2));
    const float base = softmax_base(m);
    rescale[half] = softmax_rescale(f.m[half], base);
    f.m[half] = m;
    float sum = 0;
#pragma unroll
    for (int j = 0; j < kKeyTiles; j++)
#pragma unroll
      for (int i = 0; i < 2; i++) {
        float& s = f.s[j * 4 + half * 2 + i];
        s = exp2f(__fmaf_rn(s, scale_log2, -base));
        sum += s;
      }
    f.l[half] = __fmaf_rn(f.l[half], rescale[half], sum);
  }
}

template <class S>
__device__ __forceinline__ void softmax(const Block<S>& b, int first, const Tile& tile, float scale_log2, Fragments<S>& f, float (&rescale)[2]) {
  if (seen_by_all(b.work, tile)) softmax_of<false>(b, first, tile, scale_log2, f, rescale);
  else softmax_of<true>(b, first, tile, scale_log2, f, rescale);
}

// After the products before: o takes the new maximum, P the new probabilities.
template <class S>
__device__ __forceinline__ void move_on(const float (&rescale)[2], Fragments<S>& f) {
#pragma unroll
  for (int panel = 0; panel < S::kPanels; panel++)
#pragma unroll
    for (int j = 0; j < 32; j++) f.o[panel][j] *= rescale[j % 4 / 2];
#pragma unroll
  for (int step = 0; step < kPage / 16; step++)
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const float* const s = f.s + (step * 2 + i / 2) * 4 + i % 2 * 2;
      f.p[step][i] = pack<typename S::T>(s[0], s[1]);
    }
}

// Makes V of a stage ready to be read. All consumers call.
template <class S>
__device__ __forceinline__ void take_v(const Block<S>& b, int n, const Tile& tile) {
  const int stage = n % S::kStages;
  barrier_wait(&b.ring.v_full[stage], n / S::kStages % 2);
  if (tile.end - tile.begin == kPage) return;
  for (int i = threadIdx.x - kWarpgroup; i < S::kPanels * kPage * 8; i += kConsumers * kWarpgroup) {
    const int key = i / 8 % kPage;
    if (key < tile.begin || key >= tile.end) reinterpret_cast<uint4*>(b.v + stage * S::kTileBytes)[i] = make_uint4(0, 0, 0, 0);
  }
  fence_async();
  sync_threads(kVBarrier, kConsumers * kWarpgroup);
}

template <class S>
__device__ __forceinline__ void consume(const Block<S>& b) {
  const int thread = threadIdx.x % kWarpgroup, warpgroup = threadIdx.x / kWarpgroup - 1;
  const int first = warpgroup * kQueriesOfWarpgroup + thread / kWarp * 16;  // the warp's first query
  const float scale_log2 = b.args.scale * kLog2e;
  Fragments<S> f;
#pragma unroll
  for (int half = 0; half < 2; half++) {
    f.m[half] = kMinusInfinity;
    f.l[half] = 0;
  }
#pragma unroll
  for (int panel = 0; panel < S::kPanels; panel++)
#pragma unroll
    for (int j = 0; j < 32; j++) f.o[panel][j] = 0;
#pragma unroll
  for (int j = 0; j < 32; j++) f.s[j] = 0;
#pragma unroll
  for (int step = 0; step < kPage / 16; step++)
#pragma unroll
    for (int i = 0; i < 4; i++) f.p[step][i] = 0;

  Tiles tiles(b.args, b.work);
  Tile tile{}, last{};
  if (tiles.next(tile)) {
    int rotation = tile.rotation, n = 1;
    float rescale[2];
    load_q(b, first, rotation, f);
    barrier_wait(&b.ring.k_full[0], 0);
    before_products(f);
    issue_scores(b, 0, f);
    wgmma_wait<0>();
    settle(f.s);
    softmax(b, first, tile, scale_log2, f, rescale);
    move_on(rescale, f);
    for (last = tile; tiles.next(tile); last = tile, n++) {
      if (tile.rotation != rotation) load_q(b, first, rotation = tile.rotation, f);
      barrier_wait(&b.ring.k_full[n % S::kStages], n / S::kStages % 2);
      take_v(b, n - 1, last);
      before_products(f);
      issue_scores(b, n % S::kStages, f);
      issue_weighing(b, (n - 1) % S::kStages, f);
      wgmma_wait<1>();
      settle(f.s);
      softmax(b, first, tile, scale_log2, f, rescale);
      wgmma_wait<0>();
      after_weighing(f);
      if (thread == 0) barrier_arrive(&b.ring.empty[(n - 1) % S::kStages]);
      move_on(rescale, f);
    }
    take_v(b, n - 1, last);
    before_products(f);
    issue_weighing(b, (n - 1) % S::kStages, f);
    wgmma_wait<0>();
    after_weighing(f);
  }

  // Adding 0 makes -0, which an underflow on the way can leave, +0, as it is for a row that skipped a tile there.
#pragma unroll
  for (int half = 0; half < 2; half++) {
    float l = f.l[half];
    l += __shfl_xor_sync(kAllLanes, l, 1);
    l += __shfl_xor_sync(kAllLanes, l, 2);
    const float inverse = softmax_inverse(l);
    const int m = first + half * 8 + threadIdx.x % kWarp / 4;
    if (m >= b.n_queries) continue;
    float* const out = b.args.out + b.query_offset(m);
#pragma unroll
    for (int d = 0; d < S::kDim / 8; d++) {
      const float* const o = f.o[d / 8] + d % 8 * 4 + half * 2;
      if (d * 8 < b.args.kv.head_dim)
        *reinterpret_cast<float2*>(out + d * 8 + threadIdx.x % 4 * 2) = make_float2(o[0] * inverse + 0.f, o[1] * inverse + 0.f);
    }
  }
}

template <class S>
__global__ void __launch_bounds__(kThreads, 1)
    attention_prefill_sm90_kernel(const AttentionArgs args, const __grid_constant__ CUtensorMap k_map, const __grid_constant__ CUtensorMap v_map) {
  const int n_work = args.counts->n_prefill;
  if (static_cast<int>(blockIdx.x) >= n_work) return;
  const PrefillWork work = args.prefill[n_work - 1 - blockIdx.x];  // later rows of a prompt see more: longest first
  const int group = args.n_heads / args.kv.n_kv_heads;
  unsigned char* const shared = dynamic_shared();
  auto& ring = *reinterpret_cast<Ring<S::kStages>*>(shared + 2 * S::kStages * S::kTileBytes);
  const Block<S> b = {args, work, static_cast<int>(blockIdx.y), group, work.n_rows * group, shared, shared + S::kStages * S::kTileBytes, ring};
  if (threadIdx.x == 0) {
    prefetch_map(&k_map);
    prefetch_map(&v_map);
    for (int s = 0; s < S::kStages; s++) {
      barrier_init(&ring.k_full[s], 1);
      barrier_init(&ring.v_full[s], 1);
      barrier_init(&ring.empty[s], kConsumers);
    }
    fence_barrier_init();
  }
  __syncthreads();
  if (threadIdx.x < kWarpgroup) {
    give_registers<40>();
    if (threadIdx.x == 0) produce(b, k_map, v_map);
  } else {
    take_registers<232>();
    consume(b);
  }
}

template <class T, int kDim>
void launch_shape(const AttentionArgs& args, int max_work, cudaStream_t stream) {
  using S = Shape<T, kDim>;
  const KvArena& kv = args.kv;
  const int64_t n_rows = int64_t(kv.n_pages) * kv.n_kv_heads * kPage;
  const CUtensorMap k_map = tensor_map(2, kv.k, n_rows, kv.head_dim, int64_t(kv.head_dim) * 2, kPage),
                    v_map = tensor_map(2, kv.v, n_rows, kv.head_dim, int64_t(kv.head_dim) * 2, kPage);
  launch("attention_prefill_sm90_kernel", attention_prefill_sm90_kernel<S>, dim3(max_work, kv.n_kv_heads), dim3(kThreads), shared_bytes<S>(),
         stream, args, k_map, v_map);
}

template <class T>
void launch_type(const AttentionArgs& args, int max_work, cudaStream_t stream) {
  if (args.kv.head_dim <= 64) launch_shape<T, 64>(args, max_work, stream);
  else launch_shape<T, 128>(args, max_work, stream);
}

}  // namespace

bool launch_attention_prefill_sm90(const AttentionArgs& args, int max_work, const DeviceInfo& device, cudaStream_t stream) {
  const KvArena& kv = args.kv;
  const bool fits = device.sm == 90 && kv.type != TERN_TYPE_I8 && kv.head_dim <= 128 && args.n_heads / kv.n_kv_heads <= kQueries &&
                    int64_t(kv.n_pages) * kv.n_kv_heads * kPage < int64_t{1} << 31;  // TMA's coordinates are int
  if (!fits) return false;
  if (kv.type == TERN_TYPE_BF16) launch_type<__nv_bfloat16>(args, max_work, stream);
  else launch_type<__half>(args, max_work, stream);
  return true;
}

}  // namespace tern::cuda
