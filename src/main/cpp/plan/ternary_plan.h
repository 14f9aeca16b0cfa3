// Which ternary kernel a weight is packed for: measured once per shape, number of threads and process, or TERN_TERNARY=<kernel>.
// One layout serves decode and prefill, so the cost of a kernel is the time of one generated token plus that of one prompt token.
#pragma once

#include <string>

#include "core/pool.h"

namespace tern::cpu {

// The kernel's name. pool: whose threads will multiply; not while it runs. Throws Error(INVALID_ARGUMENT) if TERN_TERNARY names one that is not here.
std::string ternary_plan(int n_rows, int n_cols, Pool& pool);

}  // namespace tern::cpu
