// The cases that are timed if nothing else is asked for: the ops of two models, BitNet b1.58 2B4T (ternary) and Llama 3 8B (dense), at the
// sizes of decode and of prefill. The tables of tests/cases take their shapes from here too (tests/cases/bench_shapes.h), so that what is timed is
// also checked against the oracles.
#pragma once

#include <vector>

#include "tern_bench.h"

namespace tern {

// Warm. gpu: what only a GPU has, or is fast enough for, is there too.
const std::vector<tern_bench_case>& bench_cases(bool gpu);

}  // namespace tern
