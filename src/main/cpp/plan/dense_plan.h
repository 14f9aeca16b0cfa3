// How a dense weight that is too large for a cache is read in decode. Rows give the same bits however many are read at once.
#pragma once

#include "cpu/dense.h"

namespace tern::cpu {

// Rows read at once: 1 or 2, what is faster with one core on parts of this very weight, which takes about a millisecond; 0 for a weight
// that a cache may hold, and 1 without measuring where nothing is converted.
int dense_stream_rows(Isa isa, const DenseWeight& w);

}  // namespace tern::cpu
