// norm_kernel.h in the instructions of this tier.
#include "cpu/norm_kernel.h"

namespace tern::cpu {

const NormKernels kNormPortable = kNormKernels;

}  // namespace tern::cpu
