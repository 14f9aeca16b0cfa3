#include "cpu/bandwidth.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <vector>

#include "core/checked.h"
#include "core/memory.h"
#include "cpu/bandwidth_sum.h"

namespace tern::cpu {
namespace {

constexpr int64_t kTaskBytes = 1 << 20;
constexpr int64_t kTaskWords = kTaskBytes / 8;

struct Lanes {
  typedef uint64_t Vec __attribute__((vector_size(16)));
};

}  // namespace

uint64_t sum_words_scalar(const uint64_t* words, int64_t n, int n_streams) { return sum_words<Lanes>(words, n, n_streams); }

std::vector<double> read_bandwidths(Pool& pool, Isa isa, int64_t n_bytes, int n_passes, std::initializer_list<int> streams) {
  TERN_CHECK_ARG(n_bytes > 0 && n_passes > 0, "a bandwidth of %lld bytes in %d passes",
                 static_cast<long long>(n_bytes), n_passes);
  const Buffer buffer(round_up(n_bytes, kTaskBytes), "the bandwidth measurement");
  TERN_CHECK_ARG(buffer.size() / kTaskBytes < (1 << 30), "%lld bytes to read", static_cast<long long>(n_bytes));
  const int n_tasks = static_cast<int>(buffer.size() / kTaskBytes);
  uint64_t* words = buffer.as<uint64_t>();
  // Written first: pages never written are all the same page of zeros. The words' sum is known, so that the passes are checked.
  pool.run(n_tasks, [&](int task, int) {
    for (int64_t i = task * kTaskWords; i < (task + 1) * kTaskWords; i++) words[i] = static_cast<uint64_t>(i) + 1;
  });
  const uint64_t n = static_cast<uint64_t>(n_tasks) * kTaskWords;
  const uint64_t expected = n % 2 ? (n + 1) / 2 * n : n / 2 * (n + 1);
  const auto sum = isa == Isa::avx512 ? sum_words_avx512 : isa == Isa::avx2 ? sum_words_avx2 : sum_words_scalar;
  std::vector<std::vector<double>> seconds(streams.size());
  for (int pass = 0; pass < n_passes; pass++)
    for (size_t way = 0; way < streams.size(); way++) {
      std::atomic<uint64_t> total{0};
      const auto begin = std::chrono::steady_clock::now();
      pool.run(n_tasks, [&](int task, int) { total += sum(words + task * kTaskWords, kTaskWords, streams.begin()[way]); });
      seconds[way].push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
      if (total != expected) fail(TERN_ERR_INTERNAL, "the bandwidth measurement summed wrongly");
    }
  std::vector<double> rates;
  for (std::vector<double>& each : seconds) {
    std::nth_element(each.begin(), each.begin() + n_passes / 2, each.end());
    rates.push_back(static_cast<double>(buffer.size()) / each[static_cast<size_t>(n_passes / 2)]);
  }
  return rates;
}

double read_bandwidth(Pool& pool, Isa isa, int64_t n_bytes, int n_passes) {
  const std::vector<double> rates = read_bandwidths(pool, isa, n_bytes, n_passes, {1, 4});
  return std::max(rates[0], rates[1]);
}

double copy_bandwidth(Pool& pool, int64_t n_bytes, int n_passes) {
  const Buffer from(round_up(n_bytes, kTaskBytes), "the bandwidth measurement"), to(from.size(), "the bandwidth measurement");
  TERN_CHECK_ARG(from.size() / kTaskBytes < (1 << 30), "%lld bytes to copy", static_cast<long long>(n_bytes));
  const int n_tasks = static_cast<int>(from.size() / kTaskBytes);
  const auto copy = [&](int task, int) {
    std::memcpy(to.as<uint8_t>() + task * kTaskBytes, from.as<uint8_t>() + task * kTaskBytes, kTaskBytes);
  };
  // Written first, with different words, as for reading.
  pool.run(n_tasks, [&](int task, int) {
    for (int64_t i = task * kTaskWords; i < (task + 1) * kTaskWords; i++) from.as<uint64_t>()[i] = static_cast<uint64_t>(i) + 1;
  });
  pool.run(n_tasks, copy);
  std::vector<double> seconds;
  for (int pass = 0; pass < n_passes; pass++) {
    const auto begin = std::chrono::steady_clock::now();
    pool.run(n_tasks, copy);
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  if (std::memcmp(from.as<void>(), to.as<void>(), static_cast<size_t>(from.size()))) fail(TERN_ERR_INTERNAL, "the bandwidth measurement copied wrongly");
  std::nth_element(seconds.begin(), seconds.begin() + n_passes / 2, seconds.end());
  return 2 * static_cast<double>(from.size()) / seconds[static_cast<size_t>(n_passes / 2)];
}

}  // namespace tern::cpu
