// What kernels with 16-bit tiles in shared memory share: types by name, int8 as halves, the swizzle.
#pragma once

#include "device.cuh"
#include "ptx.cuh"

namespace tern::cuda {

template <class T>
__device__ __forceinline__ uint32_t pack(float low, float high);
template <>
__device__ __forceinline__ uint32_t pack<__half>(float low, float high) {
  const __half2 x = __floats2half2_rn(low, high);
  return *reinterpret_cast<const uint32_t*>(&x);
}
template <>
__device__ __forceinline__ uint32_t pack<__nv_bfloat16>(float low, float high) {
  const __nv_bfloat162 x = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const uint32_t*>(&x);
}

template <class T>
__device__ __forceinline__ void mma(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]);
template <>
__device__ __forceinline__ void mma<__half>(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  mma_f16(d, a, b);
}
template <>
__device__ __forceinline__ void mma<__nv_bfloat16>(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  mma_bf16(d, a, b);
}

// Two of the four int8 in x ^ 0x80808080, named by the bytes 0 and 2 of select, as halves. Byte b + 128 under the exponent of 1024 is
// the number 1152 + b; the subtraction is exact.
__device__ __forceinline__ uint32_t halves_from_int8(uint32_t x, uint32_t select) {
  const uint32_t biased = __byte_perm(x, 0x64646464u, select), bias = 0x64806480u;
  const __half2 y = __hsub2(*reinterpret_cast<const __half2*>(&biased), *reinterpret_cast<const __half2*>(&bias));
  return *reinterpret_cast<const uint32_t*>(&y);
}

// Where the chunk of 16 bytes stands in a tile whose rows have n chunks: ldmatrix reads 8 rows at one chunk, which must lie in 8
// different sixteenths of the 128 bytes of the banks.
template <int n>
__device__ __forceinline__ int swizzled(int row, int chunk) {
  static_assert(n % 2 == 0, "rows of an odd number of chunks are free of conflicts as they are");
  return row * n + (n % 8 == 0 ? chunk ^ (row & 7) : n % 4 == 0 ? chunk ^ (row >> 1 & 3) : chunk ^ (row >> 2 & 1));
}

// v_scale times this is about the largest |v| of its row: probabilities times both keep to the range that V as halves would have.
constexpr float kInt8Range = 128;

}  // namespace tern::cuda
