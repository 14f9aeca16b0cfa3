// rope_kernel.h in the instructions of this tier.
#include "cpu/rope_kernel.h"

namespace tern::cpu {

const RopeKernels kRopePortable = kRopeKernels;

}  // namespace tern::cpu
