// Half of what the emulator computes: built optimised, and without sanitizers, as it touches its callers' arrays of fixed size alone.
#include "products.h"

#include <cstdint>

namespace simt {
namespace {

const bool kWide = __builtin_cpu_supports("avx2");

// The columns of a row that are summed at once stay in registers.
template <class T, int m, int k, int n>
__attribute__((always_inline)) inline void multiply(T (*d)[n], const T (*a)[k], const T (*b)[n]) {
  constexpr int kColumns = n < 64 ? n : 64;
  for (int i = 0; i < m; i++)
    for (int begin = 0; begin < n; begin += kColumns) {
      T row[kColumns];
      for (int j = 0; j < kColumns; j++) row[j] = d[i][begin + j];
      for (int x = 0; x < k; x++)
        for (int j = 0; j < kColumns; j++) row[j] += a[i][x] * b[x][begin + j];
      for (int j = 0; j < kColumns; j++) d[i][begin + j] = row[j];
    }
}
template <class T, int m, int k, int n>
__attribute__((target("avx2"), noinline)) void multiply_wide(T (*d)[n], const T (*a)[k], const T (*b)[n]) {
  multiply<T, m, k, n>(d, a, b);
}

}  // namespace

template <class T, int m, int k, int n>
void multiply_add(T (*d)[n], const T (*a)[k], const T (*b)[n]) {
  if (kWide) multiply_wide<T, m, k, n>(d, a, b);
  else multiply<T, m, k, n>(d, a, b);
}

// mma.sync
template void multiply_add<float, 16, 16, 8>(float (*)[8], const float (*)[16], const float (*)[8]);
template void multiply_add<int32_t, 16, 32, 8>(int32_t (*)[8], const int32_t (*)[32], const int32_t (*)[8]);
// wgmma
template void multiply_add<int32_t, 64, 32, 128>(int32_t (*)[128], const int32_t (*)[32], const int32_t (*)[128]);
template void multiply_add<float, 64, 16, 64>(float (*)[64], const float (*)[16], const float (*)[64]);
template void multiply_add<float, 64, 16, 128>(float (*)[128], const float (*)[16], const float (*)[128]);
template void multiply_add<float, 64, 16, 192>(float (*)[192], const float (*)[16], const float (*)[192]);

}  // namespace simt
