// The processor's arithmetic peak: loops on registers alone, with the instructions that the kernels of each ISA tier are made of.
#pragma once

#include <cstdint>

#include "core/pool.h"
#include "cpu/isa.h"

namespace tern::cpu {

// Runs n rounds; ops: multiplications and additions of one round.
struct PeakLoop {
  int64_t ops;
  void (*run)(int64_t n_rounds);
  const char* instructions;
};

PeakLoop peak_f32_portable();
PeakLoop peak_f32_avx2();
PeakLoop peak_f32_avx512();
// int8 products summed in int32.
PeakLoop peak_int8_portable();
PeakLoop peak_int8_avx2();
PeakLoop peak_int8_avx512();
PeakLoop peak_int8_vnni();

// Operations per second on all threads of the pool: the best of several runs.
double peak_ops(Pool& pool, const PeakLoop& loop);

PeakLoop peak_f32(Isa isa);
PeakLoop peak_int8(Isa isa);

}  // namespace tern::cpu
