// norm_kernel.h in the instructions of this tier.
#include "cpu/norm_kernel.h"

namespace tern::cpu {

const NormKernels kNormAvx512 = kNormKernels;

}  // namespace tern::cpu
