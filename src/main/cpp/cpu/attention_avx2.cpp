// attention_kernel.h in the instructions of this tier.
#include "cpu/attention_kernel.h"

namespace tern::cpu {

const AttentionKernels kAttentionAvx2 = kAttentionKernels;

}  // namespace tern::cpu
