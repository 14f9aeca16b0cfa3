// vec_math.h in the portable tier.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "cpu/isa.h"
#include "cpu/vec_math.h"

#include "vec_math_cases.h"

TERN_VEC_MATH_TESTS(VecMathPortable, Isa::scalar)
