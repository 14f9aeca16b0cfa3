// Dense matmul with F32, Q8_0 or Q6_K weights on CUDA cores: weights become floats exactly in registers, activations stay
// floats. A warp takes four weight rows; a lane asks for 16 bytes of each before it multiplies, 8 warps a block, so that some tens of
// KB per SM are under way: reading the weights is the bound. They are read once for up to eight activation rows, which lie in shared
// memory, a chunk of columns at a time, in an order in which a warp's 16-byte reads meet no bank twice.
//
// Lane l sums the columns of its pieces in ascending order, then the lanes are added in a fixed tree: a row's bits depend neither on
// the other rows nor on the chunks.
#include "dense.h"
#include "device.cuh"

namespace tern::cuda {
namespace {

constexpr int kWarps = 8, kThreads = kWarps * kWarp;
constexpr int kWeightRows = 4;                 // of a warp
constexpr int kSharedFloats = 12 * 1024;       // of activations: 48 KB

// How a lane's piece of 16 bytes (F32: 32) becomes floats.
template <int type>
struct Piece {
  static_assert(type == TERN_TYPE_Q8_0 || type == TERN_TYPE_Q6_K, "int8 with a scale for 32 or 16");
  static constexpr int kCols = 16;
  uint4 v;
  float d;
  __device__ void load(const DenseMatrix& w, int64_t at) {
    v = __ldg(reinterpret_cast<const uint4*>(static_cast<const int8_t*>(w.data) + at));
    if constexpr (type == TERN_TYPE_Q8_0)
      d = __half2float(static_cast<const __half*>(w.block_scale)[at / 32]);
    else
      d = static_cast<const float*>(w.block_scale)[at / 16];
  }
  __device__ void clear() { v = make_uint4(0, 0, 0, 0), d = 0; }
  __device__ float at(int i) const {  // Q8_0: exact
    const uint32_t word = i / 4 == 0 ? v.x : i / 4 == 1 ? v.y : i / 4 == 2 ? v.z : v.w;
    return __fmul_rn(d, static_cast<float>(static_cast<int8_t>(word >> i % 4 * 8)));
  }
};
template <>
struct Piece<TERN_TYPE_F32> {
  static constexpr int kCols = 8;
  float4 v[2];
  __device__ void load(const DenseMatrix& w, int64_t at) {
    v[0] = __ldg(reinterpret_cast<const float4*>(static_cast<const float*>(w.data) + at));
    v[1] = __ldg(reinterpret_cast<const float4*>(static_cast<const float*>(w.data) + at) + 1);
  }
  __device__ void clear() { v[0] = v[1] = make_float4(0, 0, 0, 0); }
  __device__ float at(int i) const {
    const float4& f = v[i / 4];
    return i % 4 == 0 ? f.x : i % 4 == 1 ? f.y : i % 4 == 2 ? f.z : f.w;
  }
};

struct DenseBatch {
  DenseProduct product[kMaxProducts];
  int end[kMaxProducts];  // groups of kWeightRows rows up to product i's last
  int n;
};

__device__ __forceinline__ const DenseProduct& product_of(const DenseBatch& batch, int& group) {
  int i = 0;
  while (i + 1 < batch.n && group >= batch.end[i]) i++;
  if (i > 0) group -= batch.end[i - 1];
  return batch.product[i];
}

// chunk: columns of activations in shared memory, a multiple of a warp's pieces. x [n_rows, n_cols].
template <int type, int kRows>
__global__ void __launch_bounds__(kThreads, 1) dense_rows_kernel(DenseBatch batch, const float* x, int first_row, int n_rows, int chunk) {
  using P = Piece<type>;
  constexpr int kStep = kWarp * P::kCols;  // columns of a warp's pieces
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp, n_cols = batch.product[0].w.n_cols;
  float* const shared = reinterpret_cast<float*>(dynamic_shared());  // [kRows, chunk], a step's columns in the order of lanes' float4s
  const bool one_chunk = n_cols <= chunk;
  bool loaded = false;
  for (int first = blockIdx.x * kWarps; first < batch.end[batch.n - 1]; first += gridDim.x * kWarps) {
    int group = first + warp;
    const bool works = group < batch.end[batch.n - 1];
    if (!works) group = batch.end[batch.n - 1] - 1;
    const DenseProduct& p = product_of(batch, group);
    const DenseMatrix& w = p.w;
    int64_t row_at[kWeightRows];
#pragma unroll
    for (int i = 0; i < kWeightRows; i++)  // beyond the last row: repeated, not stored
      row_at[i] = static_cast<int64_t>(min(group * kWeightRows + i, w.n_rows - 1)) * w.stride;

    float sum[kWeightRows][kRows] = {};
    for (int begin = 0; begin < n_cols; begin += chunk) {
      if (!one_chunk || !loaded) {
        __syncthreads();  // the chunk before has been read
        for (int i = threadIdx.x; i < kRows * chunk; i += kThreads) {
          const int r = i / chunk, c = i % chunk, col = begin + c;
          const int in_step = c % kStep, place = in_step % P::kCols / 4 * (kWarp * 4) + in_step / P::kCols * 4 + in_step % 4;
          const bool there = col < n_cols && first_row + r < n_rows;
          shared[r * chunk + c / kStep * kStep + place] = there ? x[static_cast<int64_t>(first_row + r) * n_cols + col] : 0.f;
        }
        __syncthreads();
        loaded = true;
      }
      if (!works) continue;
      const int n_steps = ceil_div(min(chunk, n_cols - begin), kStep);
      for (int step = 0; step < n_steps; step++) {
        const int col = begin + step * kStep + lane * P::kCols;
        P piece[kWeightRows];
#pragma unroll
        for (int i = 0; i < kWeightRows; i++) {
          if (col < w.stride)
            piece[i].load(w, row_at[i] + col);
          else
            piece[i].clear();
        }
#pragma unroll
        for (int r = 0; r < kRows; r++) {
          const float* const row = shared + r * chunk + step * kStep + lane * 4;
#pragma unroll
          for (int v = 0; v < P::kCols / 4; v++) {
            const float4 a = *reinterpret_cast<const float4*>(row + v * kWarp * 4);
#pragma unroll
            for (int i = 0; i < kWeightRows; i++) {
              sum[i][r] = __fmaf_rn(piece[i].at(v * 4), a.x, sum[i][r]);
              sum[i][r] = __fmaf_rn(piece[i].at(v * 4 + 1), a.y, sum[i][r]);
              sum[i][r] = __fmaf_rn(piece[i].at(v * 4 + 2), a.z, sum[i][r]);
              sum[i][r] = __fmaf_rn(piece[i].at(v * 4 + 3), a.w, sum[i][r]);
            }
          }
        }
      }
    }
#pragma unroll
    for (int i = 0; i < kWeightRows; i++)
#pragma unroll
      for (int r = 0; r < kRows; r++) {
        const float all = warp_sum(sum[i][r]);
        const int row = group * kWeightRows + i;
        if (lane != 0 || !works || row >= w.n_rows || first_row + r >= n_rows) continue;
        float* const out = p.out + static_cast<int64_t>(first_row + r) * w.n_rows + row;
        *out = p.accumulate ? __fadd_rn(*out, all) : all;
      }
  }
}

template <int type, int kRows>
void launch_rows(const DenseBatch& batch, const float* x, int first_row, int n_rows, cudaStream_t stream) {
  constexpr int kStep = kWarp * Piece<type>::kCols;
  constexpr int kMostBlocks = 2048;  // beyond, blocks take several groups, and the activations stay where they are
  const int n_cols = batch.product[0].w.n_cols;
  const int chunk = min(ceil_div(n_cols, kStep) * kStep, kSharedFloats / kRows / kStep * kStep);
  launch("dense_rows_kernel", dense_rows_kernel<type, kRows>, dim3(min(ceil_div(batch.end[batch.n - 1], kWarps), kMostBlocks)),
         dim3(kThreads), sizeof(float) * kRows * chunk, stream, batch, x, first_row, n_rows, chunk);
}

template <int type>
void launch_type(const DenseProduct* products, int n, const float* x, int n_rows, cudaStream_t stream) {
  DenseBatch batch = {};
  int groups = 0;
  for (int i = 0; i < n; i++) {
    if (products[i].w.type != type) continue;
    groups += ceil_div(products[i].w.n_rows, kWeightRows);
    batch.product[batch.n] = products[i];
    batch.end[batch.n++] = groups;
  }
  if (!batch.n) return;
  for (int row = 0; row < n_rows; row += 8) {
    const int rows = n_rows - row;
    if (rows == 1)
      launch_rows<type, 1>(batch, x, row, n_rows, stream);
    else if (rows == 2)
      launch_rows<type, 2>(batch, x, row, n_rows, stream);
    else if (rows <= 4)
      launch_rows<type, 4>(batch, x, row, n_rows, stream);
    else
      launch_rows<type, 8>(batch, x, row, n_rows, stream);
  }
}

}  // namespace

void launch_dense_rows(const DenseProduct* products, int n, const float* x, int n_rows, cudaStream_t stream) {
  launch_type<TERN_TYPE_F32>(products, n, x, n_rows, stream);
  launch_type<TERN_TYPE_Q8_0>(products, n, x, n_rows, stream);
  launch_type<TERN_TYPE_Q6_K>(products, n, x, n_rows, stream);
}

}  // namespace tern::cuda
