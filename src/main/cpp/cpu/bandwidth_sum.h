// The sum of 64-bit words that read_bandwidth streams with, written once for the ISA tiers over the widest vector V of each.
// kStreams parts of the words are read side by side: some cores read more from several pages at once than from one.
#pragma once

#include <cstdint>
#include <cstring>

namespace tern::cpu {

uint64_t sum_words_scalar(const uint64_t* words, int64_t n, int n_streams);  // n: a multiple of 256; n_streams: 1 or 4
uint64_t sum_words_avx2(const uint64_t* words, int64_t n, int n_streams);
uint64_t sum_words_avx512(const uint64_t* words, int64_t n, int n_streams);

template <class Lanes, int kStreams>
uint64_t sum_streams(const uint64_t* words, int64_t n) {
  using V = typename Lanes::Vec;
  constexpr int kUnroll = 8;  // hides the additions' latency
  constexpr int kWords = sizeof(V) / sizeof(uint64_t);
  const int64_t part = n / kStreams;
  V sum[kUnroll] = {};
  for (int64_t i = 0; i < part; i += kUnroll * kWords) {
    for (int stream = 0; stream < kStreams; stream++) {
      const uint64_t* at = words + stream * part + i;
      // Past what the hardware prefetcher holds in flight on its own (Zen 4, one core: bench/dense_bench.cpp).
      for (int j = 0; j < kUnroll * kWords; j += 8) __builtin_prefetch(at + j + 1024);
      for (int j = 0; j < kUnroll; j++) {
        V v;
        std::memcpy(&v, at + j * kWords, sizeof v);
        sum[j] += v;
      }
    }
  }
  uint64_t total = 0;
  for (const V& v : sum)
    for (int j = 0; j < kWords; j++) total += v[j];
  return total;
}

template <class Lanes>
uint64_t sum_words(const uint64_t* words, int64_t n, int n_streams) {
  return n_streams == 1 ? sum_streams<Lanes, 1>(words, n) : sum_streams<Lanes, 4>(words, n);
}

}  // namespace tern::cpu
