// vec_math.h in the avx512 tier.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "cpu/isa.h"

// From here on, so that nothing shared with other files is compiled for these instructions.
#pragma GCC target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl")
#include "cpu/vec_math.h"

#include "vec_math_cases.h"

TERN_VEC_MATH_TESTS(VecMathAvx512, Isa::avx512)
