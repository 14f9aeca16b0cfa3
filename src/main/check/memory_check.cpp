// Memory written with a pattern and compared with it on the device, and copies in both directions.
#include <chrono>
#include <cinttypes>

#include "checks.h"

namespace tern::check {
namespace {

constexpr int64_t kCopyBytes = 64 << 20;  // at a time

double since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void record(const PatternFaults& faults, const Pattern& pattern, int64_t first_word, const char* what, CheckResult& result) {
  if (faults.n_wrong == 0) return;
  result.verdict = TERN_CHECK_FAILED;
  if (result.n_wrong == 0) {
    char text[200];
    std::snprintf(text, sizeof text, "%s: word %" PRId64 " is %016" PRIx64 ", written was %016" PRIx64 "; %" PRId64 " words differ", what,
                  first_word + faults.index, faults.found, pattern_word(pattern, faults.index), faults.n_wrong);
    result.text = text;
  }
  result.n_wrong += faults.n_wrong;
}

PatternFaults compare_here(const std::vector<uint64_t>& words, int64_t n, const Pattern& pattern) {
  PatternFaults faults;
  for (int64_t i = 0; i < n; i++)
    if (words[static_cast<size_t>(i)] != pattern_word(pattern, i) && faults.n_wrong++ == 0) faults.index = i, faults.found = words[static_cast<size_t>(i)];
  return faults;
}

}  // namespace

CheckResult memory(Backend& backend, int64_t n_bytes, const Pattern& pattern) {
  const Buffer data = backend.allocate(n_bytes, "a test of memory");
  const int64_t n_words = n_bytes / 8;
  const auto begin = std::chrono::steady_clock::now();
  backend.pattern_write(data.as<void>(), n_words, pattern);
  const PatternFaults faults = backend.pattern_verify(data.as<void>(), n_words, pattern);
  CheckResult result;
  result.seconds = since(begin);
  result.n_values = n_words;
  result.n_bytes = 2 * n_bytes;
  record(faults, pattern, 0, "memory", result);
  return result;
}

CheckResult copies(Backend& backend, int64_t n_bytes, uint64_t seed) {
  const int64_t n_words = std::min(n_bytes, kCopyBytes) / 8;
  const Buffer data = backend.allocate(n_words * 8, "a test of copies");
  std::vector<uint64_t> host(static_cast<size_t>(n_words));
  CheckResult result;
  for (int64_t done = 0; done < n_bytes / 8; done += n_words) {
    const int64_t n = std::min(n_words, n_bytes / 8 - done);
    const Pattern there = {PatternKind::random, seed + static_cast<uint64_t>(done)}, back = {PatternKind::random, ~there.seed};
    for (int64_t i = 0; i < n; i++) host[static_cast<size_t>(i)] = pattern_word(there, i);
    auto begin = std::chrono::steady_clock::now();
    backend.upload(data.as<void>(), host.data(), n * 8);
    result.seconds += since(begin);
    record(backend.pattern_verify(data.as<void>(), n, there), there, done, "copy to the device", result);
    backend.pattern_write(data.as<void>(), n, back);
    begin = std::chrono::steady_clock::now();
    backend.download(host.data(), data.as<void>(), n * 8);
    result.seconds += since(begin);
    record(compare_here(host, n, back), back, done, "copy from the device", result);
    result.n_values += 2 * n;
    result.n_bytes += 2 * n * 8;
  }
  return result;
}

}  // namespace tern::check
