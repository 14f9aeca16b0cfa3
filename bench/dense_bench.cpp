// Dense matmul, sampling and read bandwidth as CSV. Medians. The ISA tier is the machine's, or what TERN_ISA lowers it to.
// Argument: threads (default: 1).
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "core/half.h"
#include "core/pool.h"
#include "cpu/bandwidth.h"
#include "cpu/block_weight.h"
#include "cpu/dense.h"
#include "cpu/sample.h"
#include "plan/dense_plan.h"
#include "tern.h"
#include "ternary/decode.h"

namespace {

using namespace tern;
using namespace tern::cpu;

template <class Work>
double median_seconds(int n, Work&& work) {
  std::vector<double> seconds;
  for (int i = 0; i <= n; i++) {
    const auto begin = std::chrono::steady_clock::now();
    work(i);
    const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (i > 0) seconds.push_back(elapsed);  // the first warms up
  }
  std::nth_element(seconds.begin(), seconds.begin() + n / 2, seconds.end());
  return seconds[static_cast<size_t>(n / 2)];
}

void print(const char* op, const char* shape, int n_threads, const char* isa, double us, double value, const char* unit) {
  std::printf("%s,%s,%d,%s,%.2f,%.2f,%s\n", op, shape, n_threads, isa, us, value, unit);
  std::fflush(stdout);
}

DenseWeight weight(int type, int n_rows, int n_cols) {
  DenseWeight w = {Buffer(row_bytes(type, n_cols) * n_rows, "a weight"), type, n_rows, n_cols};
  if (type == TERN_TYPE_F32) {
    for (int64_t i = 0; i < int64_t(n_rows) * n_cols; i++) w.data.as<float>()[i] = static_cast<float>(i % 17) / 16;
    return w;
  }
  // Halves near 0.01; in block types one of a block is a scale and the others are bytes.
  for (int64_t i = 0; i < w.data.size() / 2; i++) w.data.as<uint16_t>()[i] = static_cast<uint16_t>(0x2100 + i % 251);
  return w;
}

// One op over a weight of n_bytes.
template <class Work>
void bench_product(Pool& pool, const char* name, int n_rows, int n_cols, int n_acts, int repeats, int64_t n_bytes, Work&& work) {
  const double seconds = median_seconds(repeats, work);
  char shape[64];
  std::snprintf(shape, sizeof shape, "%s %dx%d rows %d", name, n_rows, n_cols, n_acts);
  if (n_acts == 1)
    print("matmul", shape, pool.n_threads(), isa_name(isa()), seconds * 1e6,
          static_cast<double>(n_bytes) / seconds * 1e-9, "GB/s");
  else
    print("matmul", shape, pool.n_threads(), isa_name(isa()), seconds * 1e6, 2.0 * n_rows * n_cols * n_acts / seconds * 1e-9,
          "GFLOP/s");
}

void bench_matmul(Pool& pool, int type, const char* name, int n_rows, int n_cols, int n_acts, int repeats) {
  DenseWeight w = weight(type, n_rows, n_cols);
  w.stream_rows = dense_stream_rows(isa(), w);
  const std::vector<float> x(static_cast<size_t>(n_acts) * n_cols, 0.25f);
  std::vector<float> out(static_cast<size_t>(n_acts) * n_rows);
  bench_product(pool, name, n_rows, n_cols, n_acts, repeats, w.data.size(), [&](int) {
    pool.run(dense_n_tasks(w, n_acts), [&](int task, int) {
      dense_run_task(isa(), w, task, x.data(), n_cols, n_acts, out.data(), n_rows, false);
    });
  });
  const BlockKernel* const kernel = BlockWeight::kernel_of(BlockWeight::kernels_here(), type);
  if (!kernel) return;
  BlockWeight tiles(*kernel, n_rows, n_cols, &pool);
  tiles.append_rows(pool, n_rows, w.data.as<uint8_t>());
  const Buffer scratch(tiles.scratch_bytes(n_acts), "a scratch");
  bench_product(pool, (std::string(name) + " tiles").c_str(), n_rows, n_cols, n_acts, repeats, tiles.bytes(), [&](int) {
    tiles.prepare(pool, x.data(), n_cols, n_acts, scratch.as<void>());
    pool.run(tiles.n_tasks(n_acts), [&](int task, int) { tiles.run_task(task, n_acts, scratch.as<void>(), out.data(), n_rows, false); });
  });
}

void bench_sample(int n, const char* name, Sampling s, float spread) {
  std::mt19937_64 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> logits(static_cast<size_t>(n));
  for (float& l : logits) l = spread * normal(random);
  std::vector<uint64_t> scratch(static_cast<size_t>(sample_scratch_bytes(n) / 8 + 1));
  const double seconds = median_seconds(200, [&](int i) {
    s.draw = i;
    sample(isa(), logits.data(), n, s, scratch.data());
  });
  char shape[64];
  std::snprintf(shape, sizeof shape, "%s %d spread %g", name, n, double(spread));
  print("sample", shape, 1, isa_name(isa()), seconds * 1e6, seconds * 1e6, "us");
}

}  // namespace

int main(int argc, char** argv) {
  const int n_threads = argc > 1 ? std::atoi(argv[1]) : 1;
  if (n_threads < 1 || n_threads > Pool::kMaxThreads) return 2;
  Pool pool(n_threads);
  std::printf("op,case,threads,isa,us,value,unit\n");
  const int64_t n_bytes = 512 << 20;
  const std::vector<double> bandwidth = read_bandwidths(pool, isa(), n_bytes, 9, {1, 4});
  for (const int way : {0, 1})
    print("read_bandwidth", way == 0 ? "512 MiB 1 stream a thread" : "512 MiB 4 streams a thread", n_threads, isa_name(isa()),
          static_cast<double>(n_bytes) / bandwidth[size_t(way)] * 1e6, bandwidth[size_t(way)] * 1e-9, "GB/s");
  const struct {
    int type;
    const char* name;
  } blocks[] = {{TERN_TYPE_Q8_0, "Q8_0"}, {TERN_TYPE_Q6_K, "Q6_K"}, {TERN_TYPE_Q4_0, "Q4_0"}};
  for (const auto& b : blocks) {
    bench_matmul(pool, b.type, b.name, 128256, 2560, 1, 15);
    bench_matmul(pool, b.type, b.name, 128, 2560, 1, 2000);
    bench_matmul(pool, b.type, b.name, 128256, 2560, 8, 5);
    bench_matmul(pool, b.type, b.name, 2560, 2560, 128, 9);
  }
  bench_matmul(pool, TERN_TYPE_F16, "F16", 128256, 2560, 1, 9);
  bench_matmul(pool, TERN_TYPE_F16, "F16", 4096, 256, 1, 2000);
  bench_matmul(pool, TERN_TYPE_F32, "F32", 512, 64, 1, 2000);
  bench_matmul(pool, TERN_TYPE_F32, "F32", 64, 172, 1, 2000);
  bench_matmul(pool, TERN_TYPE_F16, "F16", 4096, 256, 128, 21);
  bench_matmul(pool, TERN_TYPE_F32, "F32", 2560, 2560, 128, 9);
  for (int n : {4096, 128256})
    for (float spread : {0.5f, 3.0f}) {
      Sampling s = {0, 0, 1, 0, 1, 1, 0, nullptr, 0, -1};
      bench_sample(n, "greedy", s, spread);
      s.target = 1;
      bench_sample(n, "target", s, spread);
      s.target = -1;
      s.temperature = 0.8f;
      bench_sample(n, "plain", s, spread);
      s.top_k = 40;
      bench_sample(n, "top_k 40", s, spread);
      s.top_k = 0;
      s.top_p = 0.9f;
      bench_sample(n, "top_p 0.9", s, spread);
    }
  return 0;
}
