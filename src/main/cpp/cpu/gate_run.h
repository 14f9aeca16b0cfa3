// Between gate.cpp and gate_kernel.h.
#pragma once

#include <cstdint>

namespace tern::cpu {

// run is indexed by TERN_GATE_*. gate, up, out: [n].
struct GateKernels {
  void (*run[2])(const float* gate, const float* up, int64_t n, float* out);
};

extern const GateKernels kGatePortable;
extern const GateKernels kGateAvx2;
extern const GateKernels kGateAvx512;

}  // namespace tern::cpu
