// The kernels of block tiles with vpdpbusd made of AVX-512BW (cpu/ternary_dot4_avx512.h): the same text compiled a second time under another
// name, so that they are tested where there is no VNNI.
#pragma once

#include <cstdint>
#include <cstring>

#include "cpu/block_tile.h"
#include "cpu/streams.h"
#include "cpu/ternary_kernel.h"
#include "cpu/ternary_tile.h"

#define TERN_ON_BW
#define kBlockVnniAvx512 kBlockOnBw

namespace tern::cpu {
extern const BlockKernel kBlockOnBw[kBlockKernels];
}

#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl")
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"  // g++ 12 warns of its own headers: GCC bug 105593
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include "cpu/block_vnni_avx512.cpp"
#pragma GCC diagnostic pop
#pragma GCC pop_options

#undef kBlockVnniAvx512
#undef TERN_ON_BW
