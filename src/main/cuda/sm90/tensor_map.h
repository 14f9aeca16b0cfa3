// Tensor maps for TMA, made on the host by the driver, which is asked for by name: nothing links to libcuda.
#pragma once

#include <cuda.h>

#include <cstdint>

namespace tern::cuda {

// Of elements of 1 or 2 bytes [n_rows, n_cols], rows row_bytes apart (a multiple of 16, as is base); boxes of box_rows rows x 128 bytes,
// swizzled by 128 bytes. Throws UNSUPPORTED if the driver cannot make one.
CUtensorMap tensor_map(int element_bytes, const void* base, int64_t n_rows, int n_cols, int64_t row_bytes, int box_rows);

}  // namespace tern::cuda
