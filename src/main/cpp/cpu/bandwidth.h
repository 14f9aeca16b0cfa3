// Read bandwidth of this machine here and now: the ceiling that streaming kernels are measured against.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "core/pool.h"
#include "cpu/isa.h"

namespace tern::cpu {

// Sums n_bytes (rounded up to whole MiB) n_passes times with all threads of the pool, as so many streams a thread (1, 4), the ways in turn; bytes per
// second of the median pass of each.
std::vector<double> read_bandwidths(Pool& pool, Isa isa, int64_t n_bytes, int n_passes, std::initializer_list<int> streams);

// Of the better way.
double read_bandwidth(Pool& pool, Isa isa, int64_t n_bytes, int n_passes);

// Bytes read and written in a second by copying a block of n_bytes with all threads (median of the passes).
double copy_bandwidth(Pool& pool, int64_t n_bytes, int n_passes);

}  // namespace tern::cpu
