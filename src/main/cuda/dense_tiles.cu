// Dense GEMM for many activation rows on tensor cores, weights F16 or BF16. A block makes 128 weight rows x 128 activation rows, 32
// columns a step; its eight warps stand 4 x 2, a warp makes 32 x 64. Weights come by cp.async, three stages; activations, floats in
// memory, pass through registers, are rounded to the weights' type there, and lie in two buffers. Rows of both are swizzled for ldmatrix.
//
// F16 reaches to 65504 only: each activation row is first scaled by the power of two that brings its largest magnitude to [2^14, 2^15),
// and its results are scaled back; both are exact. A row with an infinity is left as it is. For this a block reads its rows once more.
#include "dense.h"
#include "mma_tile.cuh"

namespace tern::cuda {
namespace {

constexpr int kWarpsM = 4, kWarpsN = 2, kWarps = kWarpsM * kWarpsN, kThreads = kWarps * kWarp;
constexpr int kM = 128, kN = 128, kK = 32;     // of a block's step: weight rows, activation rows, columns
constexpr int kTilesM = kM / kWarpsM / 16, kTilesN = kN / kWarpsN / 8;  // mma tiles of a warp
constexpr int kPieces = kK / 8;                // of 16 bytes in a row of a step
constexpr int kStages = 3;
constexpr int kTileBytes = kM * kK * 2;
static_assert(kM == kN, "one size for both operands' tiles");
constexpr int kSharedBytes = (kStages + 2) * kTileBytes + kN * 4;
constexpr int kOfThread = kN * kK / kThreads;  // activations of a thread in a step, all of one row

// 2^n and 2^-n for the row's largest magnitude, n = 14 - floor(log2), as far as both are normal numbers.
__device__ __forceinline__ int scale_exponent(float largest) {
  if (!(largest > 0 && largest < __uint_as_float(0x7f800000u))) return 0;
  const int exponent = static_cast<int>(__float_as_uint(largest) >> 23) - 127;
  return min(14 - exponent, 126);
}
__device__ __forceinline__ float power_of_two(int n) { return __uint_as_float(static_cast<uint32_t>(n + 127) << 23); }

template <class T>
constexpr bool kScaled = false;
template <>
constexpr bool kScaled<__half> = true;

template <class T>
__global__ void __launch_bounds__(kThreads, 1) dense_tiles_kernel(DenseProduct p, const float* x, int n_rows) {
  const DenseMatrix& w = p.w;
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp, warp_m = warp % kWarpsM, warp_n = warp / kWarpsM;
  const int first_row = blockIdx.x * kM, first_act = blockIdx.y * kN, n_cols = w.n_cols, n_steps = ceil_div(n_cols, kK);
  unsigned char* const shared = dynamic_shared();
  uint4* const weights = reinterpret_cast<uint4*>(shared);                         // [kStages, kM, kPieces]
  uint4* const acts = reinterpret_cast<uint4*>(shared + kStages * kTileBytes);     // [2, kN, kPieces]
  int* const exponents = reinterpret_cast<int*>(shared + (kStages + 2) * kTileBytes);  // [kN]

  const auto fetch = [&](int step) {
    uint4* const stage = weights + step % kStages * (kM * kPieces);
    for (int i = threadIdx.x; i < kM * kPieces; i += kThreads) {
      const int row = i / kPieces, piece = i % kPieces, r = first_row + row;
      const bool there = r < w.n_rows && step < n_steps;
      const T* const from = static_cast<const T*>(w.data) + (there ? static_cast<int64_t>(r) * w.stride + step * kK + piece * 8 : 0);
      cp_async_16(stage + swizzled<kPieces>(row, piece), from, there ? 16 : 0);
    }
    cp_async_commit();
  };
  for (int step = 0; step < kStages - 1; step++) fetch(step);

  for (int row = warp; row < kN; row += kWarps) {
    float largest = 0;
    const int r = first_act + row;
    if (kScaled<T> && r < n_rows)
      for (int c = lane; c < n_cols; c += kWarp) largest = fmaxf(largest, fabsf(x[static_cast<int64_t>(r) * n_cols + c]));
    largest = warp_max(largest);
    if (lane == 0) exponents[row] = scale_exponent(largest);
  }
  __syncthreads();

  // This thread's activations of a step: kOfThread neighbours of one row.
  const int act_row = threadIdx.x / (kK / kOfThread), act_col = threadIdx.x % (kK / kOfThread) * kOfThread;
  const bool act_there = first_act + act_row < n_rows;
  const float* const act_from = x + static_cast<int64_t>(act_there ? first_act + act_row : 0) * n_cols + act_col;
  const float scale = power_of_two(exponents[act_row]);
  const bool aligned = n_cols % 4 == 0;
  float ahead[kOfThread];
  const auto read = [&](int step) {
    const int col = step * kK + act_col;
#pragma unroll
    for (int i = 0; i < kOfThread; i += 4) {
      if (act_there && aligned && col + i < n_cols) {
        const float4 v = __ldg(reinterpret_cast<const float4*>(act_from + step * kK + i));
        ahead[i] = v.x, ahead[i + 1] = v.y, ahead[i + 2] = v.z, ahead[i + 3] = v.w;
      } else {
#pragma unroll
        for (int j = i; j < i + 4; j++) ahead[j] = act_there && col + j < n_cols ? __ldg(act_from + step * kK + j) : 0.f;
      }
    }
  };
  const auto put = [&](int step) {
    uint4* const buffer = acts + step % 2 * (kN * kPieces);
#pragma unroll
    for (int i = 0; i < kOfThread; i += 8) {
      uint32_t word[4];
#pragma unroll
      for (int j = 0; j < 4; j++) word[j] = pack<T>(ahead[i + 2 * j] * scale, ahead[i + 2 * j + 1] * scale);
      buffer[swizzled<kPieces>(act_row, (act_col + i) / 8)] = make_uint4(word[0], word[1], word[2], word[3]);
    }
  };

  float sum[kTilesM][kTilesN][4] = {};
  read(0);
  put(0);
  read(1);
  for (int step = 0; step < n_steps; step++) {
    cp_async_wait<kStages - 2>();
    __syncthreads();  // this step's weights and activations are there; what the next ones replace has been read
    fetch(step + kStages - 1);
    put(step + 1);
    read(step + 2);
    const uint4* const a_tile = weights + step % kStages * (kM * kPieces);
    const uint4* const b_tile = acts + step % 2 * (kN * kPieces);
#pragma unroll
    for (int k = 0; k < kK / 16; k++) {
      uint32_t a[kTilesM][4];
#pragma unroll
      for (int i = 0; i < kTilesM; i++)
        ldmatrix_x4(a[i], a_tile + swizzled<kPieces>((warp_m * kTilesM + i) * 16 + lane % 16, k * 2 + lane / 16));
#pragma unroll
      for (int j = 0; j < kTilesN; j += 2) {
        uint32_t b[4];
        ldmatrix_x4(b, b_tile + swizzled<kPieces>((warp_n * kTilesN + j + lane / 16) * 8 + lane % 8, k * 2 + lane / 8 % 2));
#pragma unroll
        for (int i = 0; i < kTilesM; i++) {
          mma<T>(sum[i][j], a[i], {b[0], b[1]});
          mma<T>(sum[i][j + 1], a[i], {b[2], b[3]});
        }
      }
    }
  }
  cp_async_wait<0>();

#pragma unroll
  for (int i = 0; i < kTilesM; i++)
#pragma unroll
    for (int j = 0; j < kTilesN; j++)
#pragma unroll
      for (int e = 0; e < 4; e++) {
        const int row = first_row + (warp_m * kTilesM + i) * 16 + lane / 4 + e / 2 * 8;
        const int act = (warp_n * kTilesN + j) * 8 + lane % 4 * 2 + e % 2;
        if (row >= w.n_rows || first_act + act >= n_rows) continue;
        float* const out = p.out + static_cast<int64_t>(first_act + act) * w.n_rows + row;
        const float value = __fmul_rn(sum[i][j][e], power_of_two(-exponents[act]));
        *out = p.accumulate ? __fadd_rn(*out, value) : value;
      }
}

template <class T>
void launch_product(const DenseProduct& p, const float* x, int n_rows, cudaStream_t stream) {
  launch("dense_tiles_kernel", dense_tiles_kernel<T>, dim3(ceil_div(p.w.n_rows, kM), ceil_div(n_rows, kN)), dim3(kThreads), kSharedBytes,
         stream, p, x, n_rows);
}

}  // namespace

bool launch_dense_tiles(const DenseProduct* products, int n, const float* x, int n_rows, const DeviceInfo&, cudaStream_t stream) {
  for (int i = 0; i < n; i++)
    if (products[i].w.type != TERN_TYPE_F16 && products[i].w.type != TERN_TYPE_BF16) return false;
  for (int i = 0; i < n; i++) {
    if (products[i].w.type == TERN_TYPE_F16)
      launch_product<__half>(products[i], x, n_rows, stream);
    else
      launch_product<__nv_bfloat16>(products[i], x, n_rows, stream);
  }
  return true;
}

}  // namespace tern::cuda
