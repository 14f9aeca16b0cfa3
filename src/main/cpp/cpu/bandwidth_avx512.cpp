#include "cpu/bandwidth_sum.h"

namespace tern::cpu {
namespace {

struct Lanes {
  typedef uint64_t Vec __attribute__((vector_size(64)));
};

}  // namespace

uint64_t sum_words_avx512(const uint64_t* words, int64_t n, int n_streams) { return sum_words<Lanes>(words, n, n_streams); }

}  // namespace tern::cpu
