// Keeps a compiler to the order of vector work that the source has: GCC 12 adds integers up in an order of its own, for which
// products wait in more registers than there are, and go through the stack. tests/spills looks for it.
#pragma once

namespace tern::cpu {

// The value is what it was, but has to be in a register here: what it is made of is computed before, what is made of it after.
template <class Vec>
inline __attribute__((always_inline)) void in_order(Vec& v) {
  asm volatile("" : "+v"(v));
}

}  // namespace tern::cpu
