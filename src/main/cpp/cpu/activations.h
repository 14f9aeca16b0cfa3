// Rows of activations as matmuls take them: float rows, and the same rows as int8 with one scale each.
#pragma once

#include <cstdint>

namespace tern::cpu {

// q: [n_rows, stride], stride a multiple of 64 and >= dim, bytes beyond dim zero; the value of element j is q[j] * scale[row].
struct QuantRows {
  int8_t* q;
  float* scale;   // [n_rows]
  int32_t* sum;   // [n_rows], sum of the row's q
  int32_t stride;
};

}  // namespace tern::cpu
