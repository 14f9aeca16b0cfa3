// The loops of peak.h, written once. Lanes: the vector V, and step(accumulator, a, b), whose ops in a vector are kOps; kChains of them are under way,
// as many as hide the latency and as there are registers for. a and b are made opaque in each round, so that nothing is taken out of the loop.
#pragma once

#include <cstdint>

#include "cpu/peak.h"

namespace tern::cpu {
namespace {

template <class Lanes>
void peak_loop(int64_t n_rounds) {
  using V = typename Lanes::V;
  V a = Lanes::first(), b = Lanes::second(), sum[Lanes::kChains];
  for (V& s : sum) s = Lanes::first();
  for (int64_t i = 0; i < n_rounds; i++) {
    Lanes::opaque(a);
    Lanes::opaque(b);
#pragma GCC unroll 12
    for (int j = 0; j < Lanes::kChains; j++) sum[j] = Lanes::step(sum[j], a, b);
  }
  for (V& s : sum) Lanes::opaque(s);
}

template <class Lanes>
constexpr PeakLoop peak_of(const char* instructions) {
  return {Lanes::kChains * Lanes::kOps, peak_loop<Lanes>, instructions};
}

}  // namespace
}  // namespace tern::cpu
