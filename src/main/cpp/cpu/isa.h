// Which instructions the CPU kernels use: found once, lowered by the environment variable TERN_ISA (scalar, avx2, avx512, amx).
#pragma once

#include <string>

namespace tern::cpu {

// Each tier includes those before it. avx2: AVX2, FMA, F16C. avx512: F, BW, DQ, VL; what a kernel needs beyond, it checks itself.
enum class Isa { scalar = 0, avx2 = 1, avx512 = 2 };

Isa isa();                // what kernels use by default
Isa isa_supported();      // what this processor and system can run
bool amx();               // whether kernels use AMX-INT8 beside avx512: TERN_ISA=amx insists on it, avx512 does without
std::string isa_reason(); // one line a tier, and one for amx: chosen, or why not
const char* isa_name(Isa isa);

}  // namespace tern::cpu
