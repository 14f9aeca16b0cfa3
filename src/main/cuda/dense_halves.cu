// Dense matmuls with F16 and BF16 weights: rounding the activations, then the kernel for so many rows.
//
// F16 reaches to 65504 only: each activation row is first scaled by the power of two that brings its largest magnitude to [2^14, 2^15), and
// its results are scaled back; both are exact. A row with an infinity is left as it is.
#include "dense_halves.cuh"

namespace tern::cuda {
namespace {

constexpr int kWarps = 8, kThreads = kWarps * kWarp;

// n = 14 - floor(log2(largest)), as far as 2^n and 2^-n are normal numbers.
__device__ __forceinline__ int scale_exponent(float largest) {
  if (!(largest > 0 && largest < __uint_as_float(0x7f800000u))) return 0;
  const int exponent = static_cast<int>(__float_as_uint(largest) >> 23) - 127;
  return min(14 - exponent, 126);
}

// A block a row. kScaled: of F16.
template <class T, bool kScaled>
__global__ void __launch_bounds__(kThreads) dense_round_kernel(const float* __restrict__ x, int n_cols, int stride, T* __restrict__ to,
                                                               int* __restrict__ exponents) {
  const float* const from = x + static_cast<int64_t>(blockIdx.x) * n_cols;
  int exponent = 0;
  if constexpr (kScaled) {
    float* const parts = reinterpret_cast<float*>(dynamic_shared());
    float largest = 0;
    for (int c = threadIdx.x; c < n_cols; c += kThreads) largest = fmaxf(largest, fabsf(from[c]));
    largest = warp_max(largest);
    if (threadIdx.x % kWarp == 0) parts[threadIdx.x / kWarp] = largest;
    __syncthreads();
    exponent = scale_exponent(warp_max(parts[threadIdx.x % kWarps]));
  }
  if (threadIdx.x == 0) exponents[blockIdx.x] = exponent;
  const float scale = power_of_two(exponent);
  for (int c = threadIdx.x; c < stride; c += kThreads)
    to[static_cast<int64_t>(blockIdx.x) * stride + c] = from_float<T>(c < n_cols ? from[c] * scale : 0.f);
}

int stride_of(int n_cols) { return ceil_div(n_cols, kDenseAlign) * kDenseAlign; }

}  // namespace

int64_t dense_halves_scratch_bytes(int n_cols, int max_rows) {
  return static_cast<int64_t>(max_rows) * (static_cast<int64_t>(stride_of(n_cols)) * 2 + 4);
}

DenseHalves dense_halves_kernel(int n_rows, bool sm90) {
  return n_rows <= kDenseMaxRows ? DenseHalves::rows : sm90 ? DenseHalves::sm90 : DenseHalves::tiles;
}

void launch_dense_halves(DenseHalves kernel, const DenseProduct* products, int n, const float* x, int n_rows, void* scratch,
                         const DeviceInfo& device, cudaStream_t stream) {
  if (n_rows <= 0) return;
  for (const int type : {TERN_TYPE_F16, TERN_TYPE_BF16}) {
    DenseProduct some[kMaxProducts];
    int n_some = 0;
    for (int i = 0; i < n; i++)
      if (products[i].w.type == type) some[n_some++] = products[i];
    if (!n_some) continue;
    const int n_cols = some[0].w.n_cols, stride = stride_of(n_cols);
    int* const exponents = reinterpret_cast<int*>(static_cast<uint16_t*>(scratch) + static_cast<int64_t>(n_rows) * stride);
    if (type == TERN_TYPE_F16)
      launch("dense_round_kernel", dense_round_kernel<__half, true>, dim3(n_rows), dim3(kThreads), kWarps * sizeof(float), stream, x, n_cols,
             stride, static_cast<__half*>(scratch), exponents);
    else
      launch("dense_round_kernel", dense_round_kernel<__nv_bfloat16, false>, dim3(n_rows), dim3(kThreads), 0, stream, x, n_cols, stride,
             static_cast<__nv_bfloat16*>(scratch), exponents);
    const HalfActs acts = {scratch, exponents, stride, n_rows};
    if (kernel == DenseHalves::rows)
      launch_dense_halves_rows(type, some, n_some, acts, stream);
    else if (kernel == DenseHalves::tiles)
      launch_dense_halves_tiles(type, some, n_some, acts, stream);
    else
      launch_dense_halves_sm90(type, some, n_some, acts, dense_halves_sm90_width(some, n_some, n_rows, device), stream);
  }
}

}  // namespace tern::cuda
