#include "cpu/peak.h"

#include <algorithm>
#include <chrono>

namespace tern::cpu {
namespace {

constexpr int kRuns = 9;
constexpr double kTaskSeconds = 1e-3;  // a task is long beside its being taken, and short beside the system's time slices
constexpr int kTasksOfThread = 8;

double seconds_of(Pool& pool, const PeakLoop& loop, int n_tasks, int64_t n_rounds) {
  const auto begin = std::chrono::steady_clock::now();
  pool.run(n_tasks, [&](int, int) { loop.run(n_rounds); });
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

double peak_ops(Pool& pool, const PeakLoop& loop) {
  int64_t n_rounds = 1024;
  while (seconds_of(pool, loop, 1, n_rounds) < kTaskSeconds) n_rounds *= 2;
  const int n_tasks = kTasksOfThread * pool.n_threads();
  double best = 0;
  for (int run = 0; run < kRuns; run++)
    best = std::max(best, static_cast<double>(loop.ops) * static_cast<double>(n_rounds) * n_tasks / seconds_of(pool, loop, n_tasks, n_rounds));
  return best;
}

PeakLoop peak_f32(Isa isa) {
  return isa == Isa::avx512 ? peak_f32_avx512() : isa == Isa::avx2 ? peak_f32_avx2() : peak_f32_portable();
}

PeakLoop peak_int8(Isa isa) {
  if (isa == Isa::avx512) return __builtin_cpu_supports("avx512vnni") ? peak_int8_vnni() : peak_int8_avx512();
  return isa == Isa::avx2 ? peak_int8_avx2() : peak_int8_portable();
}

}  // namespace tern::cpu
