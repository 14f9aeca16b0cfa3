// Whether this process may use the tile registers of AMX. Linux keeps them from a process until it asks (arch_prctl), since they make
// the frames of signal handlers 8 KiB larger: it refuses where a thread has an alternative signal stack too small for that, and
// once it has agreed sigaltstack refuses such stacks. So it is asked only if kernels would use them, and once.
#pragma once

#include <string>

namespace tern::cpu {

// Empty if AMX-INT8 can be used, with AVX-512 and VNNI beside it; else why not, as a clause. The first call asks the system.
const std::string& amx_missing();

}  // namespace tern::cpu
