// Products of a warpgroup with both operands in shared memory, 16-bit (PTX ISA, "wgmma.mma_async"). hopper.cuh has what goes with them: fence,
// commit, wait, matrices. The emulator has a function of the same name.
#pragma once

#include <type_traits>

#include "hopper.cuh"

#ifndef TERN_SIMT

namespace tern::cuda {

#define TERN_F8(i) \
  "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]), "+f"(d[i + 7])
#define TERN_F32(i) TERN_F8(i), TERN_F8(i + 8), TERN_F8(i + 16), TERN_F8(i + 24)
#define TERN_D0 "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15," \
  "%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31"
#define TERN_D1 "%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47," \
  "%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63"
#define TERN_D2 "%64,%65,%66,%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,%77,%78,%79," \
  "%80,%81,%82,%83,%84,%85,%86,%87,%88,%89,%90,%91,%92,%93,%94,%95"
// registers: the list of d; a, b, add: numbers of the operands after them.
#define TERN_WGMMA(n, type, registers, a_at, b_at, add_at, ...)                                                              \
  asm volatile("{\n.reg .pred add;\nsetp.ne.b32 add, %" add_at ", 0;\n"                                                     \
               "wgmma.mma_async.sync.aligned.m64n" n "k16.f32." type "." type " {" registers "}, %" a_at ", %" b_at           \
               ", add, 1, 1, 0, 0;\n}"                                                                                       \
               : __VA_ARGS__                                                                                                 \
               : "l"(a), "l"(b), "r"(add))
#define TERN_WGMMA_N(type)                                                                                                   \
  if constexpr (n == 64)                                                                                                     \
    TERN_WGMMA("64", type, TERN_D0, "32", "33", "34", TERN_F32(0));                                                          \
  else if constexpr (n == 128)                                                                                               \
    TERN_WGMMA("128", type, TERN_D0 "," TERN_D1, "64", "65", "66", TERN_F32(0), TERN_F32(32));                               \
  else                                                                                                                       \
    TERN_WGMMA("192", type, TERN_D0 "," TERN_D1 "," TERN_D2, "96", "97", "98", TERN_F32(0), TERN_F32(32), TERN_F32(64))

// d [64, n] = a [64, 16] b [16, n], plus d if add is not 0, in floats; n is 64, 128 or 192. Warp w has the rows from 16 w on, d[4 j + e] of
// columns [8 j, 8 j + 8) as of mma_f16 (ptx.cuh). a and b by wgmma_matrix: rows of a, and columns of b, are the matrices' rows.
template <class T, int n>
__device__ __forceinline__ void wgmma_shared(float (&d)[n / 2], uint64_t a, uint64_t b, int add) {
  static_assert(n == 64 || n == 128 || n == 192, "shapes that are written out");
  if constexpr (std::is_same_v<T, __half>) {
    TERN_WGMMA_N("f16");
  } else {
    TERN_WGMMA_N("bf16");
  }
}

#undef TERN_WGMMA_N
#undef TERN_WGMMA
#undef TERN_D2
#undef TERN_D1
#undef TERN_D0
#undef TERN_F32
#undef TERN_F8

}  // namespace tern::cuda
#endif
