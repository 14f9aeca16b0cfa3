// Dense GEMM with F16 or BF16 weights for many activation rows on Hopper. A block makes 128 activation rows x 64, 128 or 192 weight rows; of its
// three warpgroups one asks for tiles by TMA, 64 columns a stage, and two compute, 64 activation rows each, both operands of wgmma in
// shared memory. Sums run as in dense_halves_tiles.cu: chunks of 256 columns from 0, added up in order.
//
// Width: wide blocks read less, narrow ones leave fewer SMs idle. What takes the fewest waves times width is launched.
#include "dense_halves.cuh"
#include "tensor_map.h"
#include "wgmma_shared.cuh"

namespace tern::cuda {
namespace {

constexpr int kWarpgroup = 128, kConsumers = 2, kThreads = (1 + kConsumers) * kWarpgroup;
constexpr int kActsOfWarpgroup = 64, kActs = kConsumers * kActsOfWarpgroup;
constexpr int kCols = 64;                          // of a stage: 128 bytes
constexpr int kStages = 5;
constexpr int kActsBytes = kActs * kCols * 2;
constexpr int kSteps = kCols / 16;                 // of wgmma in a stage
constexpr int kStagesOfChunk = kDenseChunk / kCols;

template <int kRows>
constexpr int kStageBytes = kActsBytes + kRows * kCols * 2;

struct Ring {
  uint64_t full[kStages];   // the stage's bytes have come
  uint64_t empty[kStages];  // both consumers have read it
};

struct Batch {
  CUtensorMap weights[kMaxProducts];
  CUtensorMap activations;
  DenseProduct product[kMaxProducts];
  int end[kMaxProducts];  // blocks of weight rows up to product i's last
  int n;
  HalfActs acts;
};

// One thread: brings the stages, one after another.
template <int kRows>
__device__ __forceinline__ void produce(const CUtensorMap* weights, const CUtensorMap* activations, unsigned char* stages, Ring& ring,
                                        int first_row, int first_act, int n_stages) {
  for (int n = 0; n < n_stages; n++) {
    const int s = n % kStages;
    unsigned char* const stage = stages + s * kStageBytes<kRows>;
    barrier_wait(&ring.empty[s], (n / kStages + 1) % 2);
    barrier_expect(&ring.full[s], kStageBytes<kRows>);
    tma_load_2d(stage, activations, &ring.full[s], n * kCols, first_act);
    tma_load_2d(stage + kActsBytes, weights, &ring.full[s], n * kCols, first_row);
  }
}

// A warpgroup: total = its activation rows x all weight rows of the block.
template <class T, int kRows>
__device__ __forceinline__ void consume(unsigned char* stages, Ring& ring, int warpgroup, int n_stages, float (&total)[kRows / 2]) {
  float sum[kRows / 2];
#pragma unroll
  for (int i = 0; i < kRows / 2; i++) total[i] = sum[i] = 0;
  for (int first = 0; first < n_stages; first += kStagesOfChunk) {
    const int end = min(first + kStagesOfChunk, n_stages);
    for (int n = first; n < end; n++) {
      const int s = n % kStages;
      unsigned char* const stage = stages + s * kStageBytes<kRows>;
      barrier_wait(&ring.full[s], n / kStages % 2);
      const uint64_t a = wgmma_matrix(stage + warpgroup * (kActsOfWarpgroup * kCols * 2)), b = wgmma_matrix(stage + kActsBytes);
      settle(sum);
      wgmma_fence();
#pragma unroll
      for (int k = 0; k < kSteps; k++) wgmma_shared<T, kRows>(sum, a + 2 * k, b + 2 * k, n > first || k > 0);
      wgmma_commit();
      if (n == first) continue;
      wgmma_wait<1>();  // the stage before has been read
      if (threadIdx.x % kWarpgroup == 0) barrier_arrive(&ring.empty[(n - 1) % kStages]);
    }
    wgmma_wait<0>();
    settle(sum);
    if (threadIdx.x % kWarpgroup == 0) barrier_arrive(&ring.empty[(end - 1) % kStages]);
#pragma unroll
    for (int i = 0; i < kRows / 2; i++) total[i] = __fadd_rn(total[i], sum[i]);
  }
}

template <class T, int kRows>
__global__ void __launch_bounds__(kThreads, 1) dense_halves_sm90_kernel(const __grid_constant__ Batch batch) {
  int unit = blockIdx.x, i = 0;
  while (i + 1 < batch.n && unit >= batch.end[i]) i++;
  if (i > 0) unit -= batch.end[i - 1];
  const DenseProduct& p = batch.product[i];
  const int first_row = unit * kRows, first_act = blockIdx.y * kActs, n_stages = p.w.stride / kCols;
  unsigned char* const stages = dynamic_shared();
  Ring& ring = *reinterpret_cast<Ring*>(stages + kStages * kStageBytes<kRows>);
  if (threadIdx.x == 0) {
    prefetch_map(&batch.weights[i]);
    prefetch_map(&batch.activations);
    for (int s = 0; s < kStages; s++) {
      barrier_init(&ring.full[s], 1);
      barrier_init(&ring.empty[s], kConsumers);
    }
    fence_barrier_init();
  }
  __syncthreads();
  if (threadIdx.x < kWarpgroup) {
    give_registers<40>();
    if (threadIdx.x == 0) produce<kRows>(&batch.weights[i], &batch.activations, stages, ring, first_row, first_act, n_stages);
    return;
  }
  take_registers<232>();
  const int warpgroup = threadIdx.x / kWarpgroup - 1, lane = threadIdx.x % kWarp;
  float total[kRows / 2];
  consume<T, kRows>(stages, ring, warpgroup, n_stages, total);
#pragma unroll
  for (int half = 0; half < 2; half++) {
    const int act = first_act + warpgroup * kActsOfWarpgroup + threadIdx.x % kWarpgroup / kWarp * 16 + lane / 4 + half * 8;
    if (act >= batch.acts.n_rows) continue;
#pragma unroll
    for (int j = 0; j < kRows / 8; j++)
#pragma unroll
      for (int e = 0; e < 2; e++) {
        const int row = first_row + j * 8 + lane % 4 * 2 + e;
        if (row < p.w.n_rows) store_dense(p, batch.acts, act, row, total[j * 4 + half * 2 + e]);
      }
  }
}

int blocks_of(const DenseProduct* products, int n, int rows) {
  int blocks = 0;
  for (int i = 0; i < n; i++) blocks += ceil_div(products[i].w.n_rows, rows);
  return blocks;
}

template <class T, int kRows>
void launch_rows(const DenseProduct* products, int n, const HalfActs& acts, cudaStream_t stream) {
  Batch batch = {};
  for (int i = 0; i < n; i++) {
    const DenseMatrix& w = products[i].w;
    batch.weights[i] = tensor_map(2, w.data, w.n_rows, w.stride, int64_t{w.stride} * 2, kRows);
    batch.product[i] = products[i];
    batch.end[i] = blocks_of(products, i + 1, kRows);
  }
  batch.activations = tensor_map(2, acts.x, acts.n_rows, acts.stride, int64_t{acts.stride} * 2, kActs);
  batch.n = n;
  batch.acts = acts;
  launch("dense_halves_sm90_kernel", dense_halves_sm90_kernel<T, kRows>, dim3(batch.end[n - 1], ceil_div(acts.n_rows, kActs)), dim3(kThreads),
         kStages * kStageBytes<kRows> + sizeof(Ring), stream, batch);
}

template <class T>
void launch_type(const DenseProduct* products, int n, const HalfActs& acts, int width, cudaStream_t stream) {
  if (width == 64) launch_rows<T, 64>(products, n, acts, stream);
  else if (width == 128) launch_rows<T, 128>(products, n, acts, stream);
  else launch_rows<T, 192>(products, n, acts, stream);
}

}  // namespace

int dense_halves_sm90_width(const DenseProduct* products, int n, int n_act_rows, const DeviceInfo& device) {
  int best = 0, least = 0;
  for (const int width : {192, 128, 64}) {
    const int waves = ceil_div(blocks_of(products, n, width) * ceil_div(n_act_rows, kActs), device.n_sms);
    if (best && waves * width >= least) continue;
    best = width;
    least = waves * width;
  }
  return best;
}

void launch_dense_halves_sm90(int type, const DenseProduct* products, int n, const HalfActs& acts, int width, cudaStream_t stream) {
  if (type == TERN_TYPE_F16) launch_type<__half>(products, n, acts, width, stream);
  else launch_type<__nv_bfloat16>(products, n, acts, width, stream);
}

}  // namespace tern::cuda
