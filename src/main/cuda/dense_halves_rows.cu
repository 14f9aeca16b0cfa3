// Dense matmul with F16 or BF16 weights for up to 64 activation rows. Reading the weights is the bound: a block takes 16 weight rows, and each
// of its eight warps one chunk of 256 columns at a time, all of whose 8 KB it asks for at once; it asks for the next before the chunks'
// sums are added up. Products are made by mma, the activations' fragments come from the cache.
#include "dense_halves.cuh"
#include "mma_tile.cuh"

namespace tern::cuda {
namespace {

constexpr int kWarps = 8, kThreads = kWarps * kWarp;
constexpr int kRows = 16;
constexpr int kPieces = kDenseChunk / 8;                 // of 16 bytes in a row of a chunk
constexpr int kQuarters = 4;                             // of a chunk, waited for one by one
constexpr int kQuarterPieces = kPieces / kQuarters;
constexpr int kChunkBytes = kRows * kPieces * 16;

struct DenseRowsBatch {
  DenseProduct product[kMaxProducts];
  int end[kMaxProducts];  // blocks up to product i's last
  int n;
  HalfActs acts;
};

// kN8: tiles of 8 activation rows.
template <class T, int kN8>
__global__ void __launch_bounds__(kThreads, 1) dense_halves_rows_kernel(const DenseRowsBatch batch) {
  int unit = blockIdx.x, i = 0;
  while (i + 1 < batch.n && unit >= batch.end[i]) i++;
  if (i > 0) unit -= batch.end[i - 1];
  const DenseProduct& p = batch.product[i];
  const HalfActs& acts = batch.acts;
  [[maybe_unused]] constexpr int kUnroll = kN8 > 4 ? 2 : kQuarterPieces / 2;  // more would spill
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp, first_row = unit * kRows;
  const int n_chunks = ceil_div(p.w.stride, kDenseChunk);
  uint4* const weights = reinterpret_cast<uint4*>(dynamic_shared()) + warp * (kChunkBytes / 16);                // the warp's chunk
  float* const sums = reinterpret_cast<float*>(dynamic_shared() + kWarps * kChunkBytes);  // [kWarps, kN8, 32 lanes, 4]

  const auto fetch = [&](int chunk) {
#pragma unroll
    for (int q = 0; q < kQuarters; q++) {
#pragma unroll
      for (int j = 0; j < kRows * kQuarterPieces / kWarp; j++) {
        const int at = j * kWarp + lane, row = at / kQuarterPieces, piece = q * kQuarterPieces + at % kQuarterPieces;
        const int col = chunk * kDenseChunk + piece * 8;
        const bool there = first_row + row < p.w.n_rows && chunk < n_chunks && col < p.w.stride;
        const T* const from = static_cast<const T*>(p.w.data) + (there ? static_cast<int64_t>(first_row + row) * p.w.stride + col : 0);
        cp_async_16(weights + swizzled<kPieces>(row, piece), from, there ? 16 : 0);
      }
      cp_async_commit();
    }
  };

  float total[kN8 * 128 / kThreads + 1] = {};  // of the thread's elements, in the last reduction's order
  fetch(warp);
  for (int first = 0; first < n_chunks; first += kWarps) {
    const int chunk = first + warp;
    float sum[kN8][4] = {};
    const auto quarter = [&](int q) {
      __syncwarp();
#pragma unroll kUnroll
      for (int k = 0; k < kQuarterPieces / 2; k++) {
        const int step = q * (kQuarterPieces / 2) + k, col = chunk * kDenseChunk + step * 16 + lane % 4 * 2;
        uint32_t a[4];
        ldmatrix_x4(a, weights + swizzled<kPieces>(lane % 16, step * 2 + lane / 16));
#pragma unroll
        for (int j = 0; j < kN8; j++) {
          const int act = j * 8 + lane / 4;
          uint32_t b[2] = {0, 0};
          if (act < acts.n_rows && chunk < n_chunks && col < acts.stride) {
            const T* const from = static_cast<const T*>(acts.x) + static_cast<int64_t>(act) * acts.stride + col;
            b[0] = *reinterpret_cast<const uint32_t*>(from);
            b[1] = *reinterpret_cast<const uint32_t*>(from + 8);
          }
          mma<T>(sum[j], a, b);
        }
      }
    };
    cp_async_wait<3>();
    quarter(0);
    cp_async_wait<2>();
    quarter(1);
    cp_async_wait<1>();
    quarter(2);
    cp_async_wait<0>();
    quarter(3);
    __syncwarp();  // all lanes have read the chunk
    if (first + kWarps < n_chunks) fetch(chunk + kWarps);
#pragma unroll
    for (int j = 0; j < kN8; j++)
      *reinterpret_cast<float4*>(sums + ((warp * kN8 + j) * kWarp + lane) * 4) = make_float4(sum[j][0], sum[j][1], sum[j][2], sum[j][3]);
    __syncthreads();
    const int n = min(kWarps, n_chunks - first);
#pragma unroll
    for (int e = 0; e * kThreads < kN8 * 128; e++) {
      const int at = e * kThreads + static_cast<int>(threadIdx.x);
      if (at < kN8 * 128)
        for (int c = 0; c < n; c++) total[e] = __fadd_rn(total[e], sums[c * kN8 * 128 + at]);
    }
    __syncthreads();  // the sums have been read
  }

#pragma unroll
  for (int e = 0; e * kThreads < kN8 * 128; e++) {
    const int at = e * kThreads + static_cast<int>(threadIdx.x), j = at / 128, of_lane = at % 128 / 4, d = at % 4;
    const int row = first_row + of_lane / 4 + d / 2 * 8, act = j * 8 + of_lane % 4 * 2 + d % 2;
    if (at < kN8 * 128 && row < p.w.n_rows && act < acts.n_rows) store_dense(p, acts, act, row, total[e]);
  }
}

template <class T, int kN8>
void launch_kernel(const DenseRowsBatch& batch, cudaStream_t stream) {
  constexpr int kSharedBytes = kWarps * (kChunkBytes + kN8 * 128 * int{sizeof(float)});
  static_assert(kSharedBytes <= kPortableShared, "more than some GPUs have");
  launch("dense_halves_rows_kernel", dense_halves_rows_kernel<T, kN8>, dim3(batch.end[batch.n - 1]), dim3(kThreads), kSharedBytes, stream, batch);
}
template <class T>
void launch_type(const DenseRowsBatch& batch, cudaStream_t stream) {
  if (batch.acts.n_rows <= 8) launch_kernel<T, 1>(batch, stream);
  else if (batch.acts.n_rows <= 16) launch_kernel<T, 2>(batch, stream);
  else if (batch.acts.n_rows <= 32) launch_kernel<T, 4>(batch, stream);
  else launch_kernel<T, 8>(batch, stream);
}

}  // namespace

void launch_dense_halves_rows(int type, const DenseProduct* products, int n, const HalfActs& acts, cudaStream_t stream) {
  DenseRowsBatch batch = {};
  int blocks = 0;
  for (int i = 0; i < n; i++) {
    blocks += ceil_div(products[i].w.n_rows, kRows);
    batch.product[i] = products[i];
    batch.end[i] = blocks;
  }
  batch.n = n;
  batch.acts = acts;
  if (type == TERN_TYPE_F16) launch_type<__half>(batch, stream);
  else launch_type<__nv_bfloat16>(batch, stream);
}

}  // namespace tern::cuda
