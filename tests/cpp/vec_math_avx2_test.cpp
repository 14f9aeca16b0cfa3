// vec_math.h in the avx2 tier.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "cpu/isa.h"

// Only what calls the tier is compiled for it: neither what other files share nor the tests themselves, whose prologue and
// epilogue would run on a processor without these instructions before they have skipped.
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#include "cpu/vec_math.h"

#include "vec_math_cases.h"
#pragma GCC pop_options

TERN_VEC_MATH_TESTS(VecMathAvx2, Isa::avx2)
