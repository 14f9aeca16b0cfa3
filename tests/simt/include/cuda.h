// The part of the CUDA driver's header that is used: the type of a tensor map. What makes and reads one is in simt/hopper.h.
#pragma once

#include <cstdint>

#define CUDA_VERSION 13000

typedef struct alignas(64) CUtensorMap_st {
  uint64_t opaque[16];
} CUtensorMap;
