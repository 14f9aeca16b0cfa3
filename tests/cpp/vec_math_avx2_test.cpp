// vec_math.h in the avx2 tier.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "cpu/isa.h"

// From here on, so that nothing shared with other files is compiled for these instructions.
#pragma GCC target("avx2,fma,f16c")
#include "cpu/vec_math.h"

#include "vec_math_cases.h"

TERN_VEC_MATH_TESTS(VecMathAvx2, Isa::avx2)
