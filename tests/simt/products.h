// d += a b, as tensor cores do it for a warp or a warpgroup: d [m, n], a [m, k], b [k, n]. Sums are taken in the order of k, which a
// tensor core does not promise; products of 16-bit numbers are exact in floats.
#pragma once

namespace simt {

template <class T, int m, int k, int n>
void multiply_add(T (*d)[n], const T (*a)[k], const T (*b)[n]);

}  // namespace simt
