// attention_kernel.h in the instructions of this tier.
#include "cpu/attention_kernel.h"

namespace tern::cpu {

const AttentionKernels kAttentionPortable = kAttentionKernels;

}  // namespace tern::cpu
