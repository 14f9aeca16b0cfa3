// Gating of the feed-forward: out = silu(gate) * up, or relu(gate)^2 * up. All [n]; out may be gate.
#pragma once

#include <cstdint>

#include "core/pool.h"
#include "cpu/isa.h"

namespace tern::cpu {

void gate(Pool& pool, Isa isa, int kind, const float* gate, const float* up, int64_t n, float* out);

}  // namespace tern::cpu
