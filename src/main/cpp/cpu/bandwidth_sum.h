// The sum of 64-bit words that read_bandwidth streams with, written once for the ISA tiers over the widest vector V of each.
#pragma once

#include <cstdint>
#include <cstring>

namespace tern::cpu {

uint64_t sum_words_scalar(const uint64_t* words, int64_t n);  // n: a multiple of 64
uint64_t sum_words_avx2(const uint64_t* words, int64_t n);
uint64_t sum_words_avx512(const uint64_t* words, int64_t n);

template <class Lanes>
uint64_t sum_words(const uint64_t* words, int64_t n) {
  using V = typename Lanes::Vec;
  constexpr int kUnroll = 8;  // hides the additions' latency
  constexpr int kWords = sizeof(V) / sizeof(uint64_t);
  V sum[kUnroll] = {};
  for (int64_t i = 0; i < n; i += kUnroll * kWords) {
    // Past what the hardware prefetcher holds in flight on its own (Zen 4, one core: bench/dense_bench.cpp).
    for (int j = 0; j < kUnroll * kWords; j += 8) __builtin_prefetch(words + i + j + 1024);
    for (int j = 0; j < kUnroll; j++) {
      V v;
      std::memcpy(&v, words + i + j * kWords, sizeof v);
      sum[j] += v;
    }
  }
  uint64_t total = 0;
  for (const V& v : sum)
    for (int j = 0; j < kWords; j++) total += v[j];
  return total;
}

}  // namespace tern::cpu
