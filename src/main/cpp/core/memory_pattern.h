// What tests of memory write to it: a 64-bit word that depends on its place, so that a wrong line of an address bus shows as well as a
// wrong cell. The same for every backend.
#pragma once

#include <cstdint>

#ifdef __CUDACC__
#define TERN_ON_ANY_DEVICE __host__ __device__
#else
#define TERN_ON_ANY_DEVICE
#endif

namespace tern {

enum class PatternKind : int32_t { address = 0, inverse = 1, random = 2 };

struct Pattern {
  PatternKind kind;
  uint64_t seed;
};

// address: the word's own number, xor the seed; inverse: every bit of that flipped; random: SplitMix64's word of that number.
TERN_ON_ANY_DEVICE inline uint64_t pattern_word(const Pattern& p, int64_t index) {
  uint64_t z = static_cast<uint64_t>(index);
  if (p.kind == PatternKind::address) return z ^ p.seed;
  if (p.kind == PatternKind::inverse) return ~(z ^ p.seed);
  z = p.seed + (z + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// Words that were not what was written: how many, and one of them.
struct PatternFaults {
  int64_t n_wrong = 0;
  int64_t index = -1;
  uint64_t found = 0;
};

}  // namespace tern
