// The VNNI and VBMI kernels with vpdpbusd and vpermb made of AVX-512BW (cpu/ternary_dot4_avx512.h, cpu/ternary_permute_avx512.h), and those
// of AMX with tiles that are arrays (cpu/amx_tiles.h): the same text compiled a second time under other names, so that it is tested where
// there is no VNNI, no VBMI and no AMX.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "cpu/ternary_kernel.h"

#define TERN_ON_BW
#define TERN_AMX_EMULATED
#define kTernaryVnniAvx512 kTernaryVnniOnBw
#define kTernaryVnni3Avx512 kTernaryVnni3OnBw
#define kTernaryVbmi3Avx512 kTernaryVbmi3OnBw
#define kTernaryAmx kTernaryAmxEmulated
#define kTernaryAmx3 kTernaryAmx3Emulated

namespace tern::cpu {
extern const TernaryKernel kTernaryVnniOnBw, kTernaryVnni3OnBw, kTernaryVbmi3OnBw, kTernaryAmxEmulated, kTernaryAmx3Emulated;
}

// Only what the kernels consist of is compiled for these instructions, not what other files share with them, nor the tests.
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl")
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"  // g++ 12 warns of its own headers: GCC bug 105593
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include "cpu/ternary_vnni_avx512.cpp"
#include "cpu/ternary_vnni_vbmi_avx512.cpp"
#include "cpu/ternary_amx.cpp"
#pragma GCC diagnostic pop
#pragma GCC pop_options

#undef kTernaryVnniAvx512
#undef kTernaryVnni3Avx512
#undef kTernaryVbmi3Avx512
#undef kTernaryAmx
#undef kTernaryAmx3
#undef TERN_ON_BW
#undef TERN_AMX_EMULATED
