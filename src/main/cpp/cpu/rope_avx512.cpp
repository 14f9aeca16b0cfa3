// rope_kernel.h in the instructions of this tier.
#include "cpu/rope_kernel.h"

namespace tern::cpu {

const RopeKernels kRopeAvx512 = kRopeKernels;

}  // namespace tern::cpu
