#include "cpu/memory_pattern.h"

#include <algorithm>
#include <mutex>

#include "core/status.h"

namespace tern::cpu {
namespace {

constexpr int64_t kTaskWords = 1 << 17;

int n_tasks(int64_t n) {
  TERN_CHECK_ARG(n >= 0 && n / kTaskWords < (1 << 30), "a pattern of %lld words", static_cast<long long>(n));
  return static_cast<int>((n + kTaskWords - 1) / kTaskWords);
}

}  // namespace

void pattern_write(Pool& pool, uint64_t* words, int64_t n, const Pattern& pattern) {
  const Pattern p = pattern;  // the compiler then knows that no store changes it
  pool.run(n_tasks(n), [&](int task, int) {
    const int64_t end = std::min(n, (task + 1) * kTaskWords);
    for (int64_t i = task * kTaskWords; i < end; i++) words[i] = pattern_word(p, i);
  });
}

PatternFaults pattern_verify(Pool& pool, const uint64_t* words, int64_t n, const Pattern& pattern) {
  PatternFaults faults;
  std::mutex mutex;
  pool.run(n_tasks(n), [&](int task, int) {
    const int64_t begin = task * kTaskWords, end = std::min(n, begin + kTaskWords);
    uint64_t different = 0;
    for (int64_t i = begin; i < end; i++) different |= words[i] ^ pattern_word(pattern, i);
    if (!different) return;
    const std::lock_guard<std::mutex> lock(mutex);
    // The fault may be gone when it is read again: what the first pass saw counts as one word at least.
    const int64_t before = faults.n_wrong;
    for (int64_t i = begin; i < end; i++) {
      const uint64_t found = words[i];
      if (found == pattern_word(pattern, i)) continue;
      if (faults.n_wrong++ == 0 || i < faults.index) faults.index = i, faults.found = found;
    }
    if (faults.n_wrong == before && faults.n_wrong++ == 0) faults.index = begin, faults.found = pattern_word(pattern, begin) ^ different;
  });
  return faults;
}

}  // namespace tern::cpu
