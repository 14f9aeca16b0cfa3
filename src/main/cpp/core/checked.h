// Size arithmetic that fails instead of wrapping.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/status.h"

namespace tern {

inline int64_t checked_mul(int64_t a, int64_t b) {
  int64_t r;
  if (a < 0 || b < 0 || __builtin_mul_overflow(a, b, &r)) fail(TERN_ERR_INVALID_ARGUMENT, "a size overflows 64 bits");
  return r;
}

inline int64_t checked_add(int64_t a, int64_t b) {
  int64_t r;
  if (a < 0 || b < 0 || __builtin_add_overflow(a, b, &r)) fail(TERN_ERR_INVALID_ARGUMENT, "a size overflows 64 bits");
  return r;
}

inline int64_t round_up(int64_t n, int64_t multiple) {
  return checked_add(n, multiple - 1) / multiple * multiple;
}

}  // namespace tern
