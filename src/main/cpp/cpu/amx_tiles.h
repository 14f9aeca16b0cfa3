// The tile registers of AMX: 8 of 16 rows of 64 bytes, and the product of two as int8 added to a third as int32:
//   C[m][n] += sum over k < 16, i < 4 of A[m][4 k + i] * B[k][4 n + i]
// As assembly, because g++ 12's intrinsics do not tell the compiler that a tile load reads memory, nor that a configuration has 64 bytes.
// With TERN_AMX_EMULATED they are arrays, so that a test can run the kernels on them where the processor has no AMX.
#pragma once

#include <cstdint>
#include <cstring>

namespace tern::cpu {
namespace {

constexpr int kTmmRows = 16, kTmmRowBytes = 64, kTmmBytes = kTmmRows * kTmmRowBytes;

struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfig) == 64, "as ldtilecfg reads it");

#ifdef TERN_AMX_EMULATED

struct TileFile {
  uint8_t tmm[8][kTmmRows][kTmmRowBytes];
  bool configured = false;
};
thread_local TileFile tile_file;

// Without a configuration an instruction is illegal: here it spoils everything.
inline void spoil_unconfigured() {
  if (!tile_file.configured) std::memset(tile_file.tmm, 0x5a, sizeof tile_file.tmm);
}

inline void tiles_begin(const TileConfig& config) {
  tile_file.configured = config.palette == 1;
  std::memset(tile_file.tmm, 0, sizeof tile_file.tmm);
}

inline void tiles_end() { tile_file.configured = false; }

template <int kTo>
inline void tile_load(const void* from, int64_t stride) {
  for (int m = 0; m < kTmmRows; m++) std::memcpy(tile_file.tmm[kTo][m], static_cast<const char*>(from) + m * stride, kTmmRowBytes);
  spoil_unconfigured();
}

template <int kFrom>
inline void tile_store(void* to, int64_t stride) {
  spoil_unconfigured();
  for (int m = 0; m < kTmmRows; m++) std::memcpy(static_cast<char*>(to) + m * stride, tile_file.tmm[kFrom][m], kTmmRowBytes);
}

// Not instrumented by sanitizers: all of it is in bounds, and it is where tests spend their time.
template <int kC, int kA, int kB>
__attribute__((no_sanitize("address", "undefined"))) inline void tile_dot() {
  spoil_unconfigured();
  TileFile& file = tile_file;
  for (int m = 0; m < kTmmRows; m++) {
    int32_t c[16];
    std::memcpy(c, file.tmm[kC][m], sizeof c);
    for (int k = 0; k < 16; k++) {
      int8_t a[4], b[64];
      std::memcpy(a, &file.tmm[kA][m][4 * k], sizeof a);
      std::memcpy(b, file.tmm[kB][k], sizeof b);
      for (int n = 0; n < 16; n++) c[n] += a[0] * b[4 * n] + a[1] * b[4 * n + 1] + a[2] * b[4 * n + 2] + a[3] * b[4 * n + 3];
    }
    std::memcpy(file.tmm[kC][m], c, sizeof c);
  }
}

#else

inline void tiles_begin(const TileConfig& config) { asm volatile("ldtilecfg %0" ::"m"(config) : "memory"); }

// Also leaves no tile state for the system to save.
inline void tiles_end() { asm volatile("tilerelease" ::: "memory"); }

template <int kTo>
inline void tile_load(const void* from, int64_t stride) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(stride), "i"(kTo) : "memory");
}

template <int kFrom>
inline void tile_store(void* to, int64_t stride) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(stride), "i"(kFrom) : "memory");
}

template <int kC, int kA, int kB>
inline void tile_dot() {
  asm volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kC), "i"(kA), "i"(kB));
}

#endif

}  // namespace
}  // namespace tern::cpu
