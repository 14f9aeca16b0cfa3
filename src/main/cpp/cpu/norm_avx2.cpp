// norm_kernel.h in the instructions of this tier.
#include "cpu/norm_kernel.h"

namespace tern::cpu {

const NormKernels kNormAvx2 = kNormKernels;

}  // namespace tern::cpu
