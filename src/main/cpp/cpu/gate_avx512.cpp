// gate_kernel.h in the instructions of this tier.
#include "cpu/gate_kernel.h"

namespace tern::cpu {

const GateKernels kGateAvx512 = kGateKernels;

}  // namespace tern::cpu
