// Between rope.cpp and rope_kernel.h.
#pragma once

namespace tern::cpu {

// rotate is indexed by TERN_ROPE_*. x, out: [2 half], may be the same; cos, sin: [half].
struct RopeKernels {
  void (*rotate[2])(const float* x, const float* cos, const float* sin, int half, float* out);
};

extern const RopeKernels kRopePortable;
extern const RopeKernels kRopeAvx2;
extern const RopeKernels kRopeAvx512;

}  // namespace tern::cpu
