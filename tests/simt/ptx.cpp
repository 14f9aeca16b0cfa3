// mma.sync, ldmatrix and cp.async.
#include "simt/ptx.h"

#include <cstring>

#include "products.h"
#include "simt/half_bits.h"

namespace simt {
namespace {

void need_all(uint32_t lanes, const char* what) {
  if (lanes != ~0u) fault(cudaErrorIllegalInstruction, "%s: lanes %08x of the warp have left", what, ~lanes);
}

void widen_halves(const uint16_t* from, float* to, int n) {
  for (int i = 0; i < n; i++) to[i] = float_from_half(from[i]);
}
typedef float Floats8 __attribute__((vector_size(32)));
typedef short Shorts8 __attribute__((vector_size(16)));
__attribute__((target("avx2,f16c"), noinline)) void widen_halves_wide(const uint16_t* from, float* to, int n) {
  for (int i = 0; i < n; i += 8) {
    Shorts8 in;
    std::memcpy(&in, from + i, 16);
    const Floats8 out = __builtin_ia32_vcvtph2ps256(in);
    std::memcpy(to + i, &out, 32);
  }
}
void widen_bf16(const uint16_t* from, float* to, int n) {
  for (int i = 0; i < n; i++) to[i] = float_from_bf16(from[i]);
}
const bool kWide = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c");

// The layout of d that all shapes m16n8 share: lane l, g = l / 4, t = l % 4, holds rows g and g + 8, columns 2t and 2t + 1.
template <class T>
void gather_d(void* const* args, T (*d)[8]) {
  for (int lane = 0; lane < 32; lane++) {
    const T* const from = static_cast<Mma<T>*>(args[lane])->d;
    const int g = lane / 4, t = lane % 4;
    std::memcpy(&d[g][2 * t], from, 2 * sizeof(T));
    std::memcpy(&d[g + 8][2 * t], from + 2, 2 * sizeof(T));
  }
}
template <class T>
void scatter_d(void* const* args, const T (*d)[8]) {
  for (int lane = 0; lane < 32; lane++) {
    T* const to = static_cast<Mma<T>*>(args[lane])->d;
    const int g = lane / 4, t = lane % 4;
    std::memcpy(to, &d[g][2 * t], 2 * sizeof(T));
    std::memcpy(to + 2, &d[g + 8][2 * t], 2 * sizeof(T));
  }
}

// A fragment register is 32 bits of a row of a, or of a column of b; a row or column is 8 registers.
template <class T>
void gather_ab(void* const* args, uint32_t (*a)[8], uint32_t (*b)[8]) {
  for (int lane = 0; lane < 32; lane++) {
    const auto* const io = static_cast<Mma<T>*>(args[lane]);
    const int g = lane / 4, t = lane % 4;
    a[g][t] = io->a[0];
    a[g + 8][t] = io->a[1];
    a[g][t + 4] = io->a[2];
    a[g + 8][t + 4] = io->a[3];
    b[g][t] = io->b[0];
    b[g][t + 4] = io->b[1];
  }
}

void mma_16_bits(void* const* args, void (*widen)(const uint16_t*, float*, int)) {
  alignas(32) uint32_t a_bits[16][8], b_bits[8][8];
  alignas(32) float a[16][16], b_columns[8][16], b[16][8], d[16][8];
  gather_ab<float>(args, a_bits, b_bits);
  gather_d(args, d);
  uint16_t halves[16 * 16];
  std::memcpy(halves, a_bits, sizeof a_bits);
  widen(halves, a[0], 16 * 16);
  std::memcpy(halves, b_bits, sizeof b_bits);
  widen(halves, b_columns[0], 8 * 16);
  for (int k = 0; k < 16; k++)
    for (int j = 0; j < 8; j++) b[k][j] = b_columns[j][k];
  multiply_add<float, 16, 16, 8>(d, a, b);
  scatter_d(args, d);
}

void load_matrices(void* const* args, uint32_t lanes, bool transposed) {
  need_all(lanes, "ldmatrix");
  uint16_t rows[32][8];
  for (int i = 0; i < 32; i++) std::memcpy(rows[i], static_cast<LoadMatrix*>(args[i])->row, 16);
  for (int lane = 0; lane < 32; lane++) {
    uint32_t* const r = static_cast<LoadMatrix*>(args[lane])->r;
    const int g = lane / 4, t = lane % 4;
    for (int i = 0; i < 4; i++) {
      const uint16_t low = transposed ? rows[8 * i + 2 * t][g] : rows[8 * i + g][2 * t];
      const uint16_t high = transposed ? rows[8 * i + 2 * t + 1][g] : rows[8 * i + g][2 * t + 1];
      r[i] = low | static_cast<uint32_t>(high) << 16;
    }
  }
}

}  // namespace

void mma_f16_lanes(void* const* args, uint32_t lanes) {
  need_all(lanes, "mma_f16");
  mma_16_bits(args, kWide ? widen_halves_wide : widen_halves);
}
void mma_bf16_lanes(void* const* args, uint32_t lanes) {
  need_all(lanes, "mma_bf16");
  mma_16_bits(args, widen_bf16);
}
void mma_s8_lanes(void* const* args, uint32_t lanes) {
  need_all(lanes, "mma_s8");
  uint32_t a_bits[16][8], b_bits[8][8];
  alignas(32) int32_t a[16][32], b[32][8], d[16][8];
  gather_ab<int32_t>(args, a_bits, b_bits);
  gather_d(args, d);
  int8_t bytes[16 * 32];
  std::memcpy(bytes, a_bits, sizeof a_bits);
  for (int i = 0; i < 16; i++)
    for (int k = 0; k < 32; k++) a[i][k] = bytes[i * 32 + k];
  std::memcpy(bytes, b_bits, sizeof b_bits);
  for (int k = 0; k < 32; k++)
    for (int j = 0; j < 8; j++) b[k][j] = bytes[j * 32 + k];
  multiply_add<int32_t, 16, 32, 8>(d, a, b);
  scatter_d(args, d);
}

void ldmatrix_lanes(void* const* args, uint32_t lanes) { load_matrices(args, lanes, false); }
void ldmatrix_trans_lanes(void* const* args, uint32_t lanes) { load_matrices(args, lanes, true); }

void cp_async(void* shared, const void* global, int n_valid) {
  if (n_valid < 0 || n_valid > 16) fault(cudaErrorInvalidValue, "cp_async_16: %d valid bytes", n_valid);
  if (n_valid && reinterpret_cast<uintptr_t>(global) % 16)
    fault(cudaErrorMisalignedAddress, "cp_async_16: the source %p is not 16-byte aligned", global);
  unsigned char* const to = check_shared(shared, 16, 16, "cp_async_16");
  std::memset(to, 0xff, 16);
  thread().copies.push_back({to, static_cast<const unsigned char*>(global), n_valid});
}

void cp_async_commit() { thread().groups.push_back(thread().copies.size()); }

void cp_async_wait(int n) {
  Thread& t = thread();
  const int n_done = static_cast<int>(t.groups.size()) - n;
  if (n_done <= 0) return;
  const size_t end = t.groups[static_cast<size_t>(n_done) - 1];
  for (size_t i = 0; i < end; i++) {
    const Copy& copy = t.copies[i];
    if (copy.n_valid) std::memcpy(copy.to, copy.from, static_cast<size_t>(copy.n_valid));
    std::memset(copy.to + copy.n_valid, 0, static_cast<size_t>(16 - copy.n_valid));
  }
  t.copies.erase(t.copies.begin(), t.copies.begin() + static_cast<long>(end));
  t.groups.erase(t.groups.begin(), t.groups.begin() + n_done);
  for (size_t& group : t.groups) group -= end;
}

}  // namespace simt
