// Memory filled with a pattern by all threads, and compared with it.
#pragma once

#include "core/memory_pattern.h"
#include "core/pool.h"

namespace tern::cpu {

void pattern_write(Pool& pool, uint64_t* words, int64_t n, const Pattern& pattern);
PatternFaults pattern_verify(Pool& pool, const uint64_t* words, int64_t n, const Pattern& pattern);

}  // namespace tern::cpu
