// Decode and prefill attention on one layer, f16 KV. Several layers' arenas are taken in turn, as a model does, so that decode
// reads from where a model would read. CSV: median time of one layer, bytes of K and V read per second, what merely reading
// them gave (in turn with the attention, so that both meet the same noise; the better of one stream a thread and four), and flops.
// usage: attention_bench [threads or threads:kv_len...]; without kv_len, 256 to 8192
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "core/memory.h"
#include "cpu/attention.h"
#include "cpu/bandwidth_sum.h"
#include "cpu/streams.h"
#include "plan/stream_plan.h"
#include "tern.h"

namespace {

using namespace tern;
using namespace tern::cpu;

struct Shape {
  const char* name;
  int n_heads, n_kv_heads, head_dim;
  int n_layers;  // arenas taken in turn
};

// Reads n_bytes, a multiple of kUnit, with the pool, as the library measures bandwidth.
constexpr int64_t kUnit = 32 << 10;  // K and V of a page of every shape are whole units

void read(Pool& pool, Isa isa, const uint8_t* from, int64_t n_bytes, int n_streams) {
  const auto sum = isa == Isa::avx512 ? sum_words_avx512 : isa == Isa::avx2 ? sum_words_avx2 : sum_words_scalar;
  const int64_t n_units = n_bytes / kUnit;
  const int n_tasks = static_cast<int>(std::min<int64_t>(n_units, pool.n_threads() * 4));
  pool.run(n_tasks, [&](int task, int) {
    const int64_t begin = n_units * task / n_tasks, end = n_units * (task + 1) / n_tasks;
    const uint64_t total = sum(reinterpret_cast<const uint64_t*>(from + begin * kUnit), (end - begin) * (kUnit / 8), n_streams);
    asm volatile("" : : "r"(total));
  });
}

double median(std::vector<double> x) {
  std::nth_element(x.begin(), x.begin() + x.size() / 2, x.end());
  return x[x.size() / 2];
}

void measure(Pool& pool, Isa isa, const Shape& s, int kv_len, int n_rows) {
  const int n_pages = (kv_len + TERN_PAGE_LEN - 1) / TERN_PAGE_LEN;
  const int64_t bytes = int64_t{n_pages} * TERN_PAGE_LEN * s.n_kv_heads * s.head_dim * 2;
  // One buffer on huge pages, as a model's: layer by layer, K, then V.
  const Buffer arena(2 * bytes * s.n_layers, "K and V");
  std::mt19937 random(1);
  for (int64_t i = 0; i < arena.size() / 2; i++)  // halves in [1, 2) and (-2, -1]
    arena.as<uint16_t>()[i] = static_cast<uint16_t>(0x3c00 | (random() & 0x83ff));
  const size_t n = size_t(n_rows) * s.n_heads * s.head_dim;
  std::vector<float> q(n), out(n);
  for (float& x : q) x = float(random() % 2000) / 1000 - 1;
  std::vector<int64_t> zero(n_rows, 0), hi(n_rows);
  for (int i = 0; i < n_rows; i++) hi[i] = kv_len - n_rows + i;
  const AttentionSegment segment = {0, kv_len, 0, 0};
  const AttentionSeq seq = {0, n_rows, &segment, 1};
  const AttentionArgs args = {q.data(), n_rows, s.n_heads, zero.data(), zero.data(), hi.data(), &seq, 1, out.data(),
                              stream_plan(kStreams, bytes) == 1};
  Buffer scratch(attention_scratch_bytes(pool.n_threads(), n_rows, s.n_heads, s.n_kv_heads, s.head_dim, kv_len, 1), "scratch");

  std::vector<double> times, read_times[2];  // with one stream a thread and with four
  double total = 0;
  for (int i = 0; i < 6 * s.n_layers || (total < 0.5 && i < 9000); i++) {
    const int l = i % s.n_layers, turn = (i / s.n_layers + l) % 3;
    uint8_t* const layer = arena.as<uint8_t>() + 2 * bytes * l;
    const KvLayer kv = {layer, layer + bytes, TERN_TYPE_F16, s.n_kv_heads, s.head_dim};
    const auto begin = std::chrono::steady_clock::now();
    if (turn) read(pool, isa, layer, 2 * bytes, turn == 1 ? 1 : 4);
    else attention(pool, isa, kv, args, scratch.as<void>(), scratch.size());
    const double t = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (i >= s.n_layers) (turn ? read_times[turn - 1] : times).push_back(t);
    total += t;
  }
  const double t = median(times), keys = kv_len - (n_rows - 1) / 2.0;
  std::printf("%s,%s,%d,%s,%d,%d,%.2f,%.2f,%.2f,%.1f\n", isa_name(isa), s.name, pool.n_threads(), n_rows > 1 ? "prefill" : "decode",
              n_rows, kv_len, t * 1e6, 2 * bytes / t * 1e-9,
              2 * bytes / std::min(median(read_times[0]), median(read_times[1])) * 1e-9, 4 * keys * n_rows * s.n_heads * s.head_dim / t * 1e-9);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  struct Run {
    int n_threads, kv_len;  // kv_len 0: all
  };
  std::vector<Run> runs;
  for (int i = 1; i < argc; i++) {
    Run run = {0, 0};
    if (std::sscanf(argv[i], "%d:%d", &run.n_threads, &run.kv_len) < 1 || run.n_threads < 1 || run.n_threads > Pool::kMaxThreads ||
        (run.kv_len && (run.kv_len < 128 || run.kv_len > 1 << 20)))
      return 2;
    runs.push_back(run);
  }
  if (runs.empty()) runs = {{1, 0}, {2, 0}};
  const Shape shapes[] = {{"20/5x128", 20, 5, 128, 30}, {"4/2x64", 4, 2, 64, 6}};
  std::printf("isa,shape,threads,phase,rows,kv_len,us_per_layer,kv_gb_per_s,read_gb_per_s,gflop_per_s\n");
  for (const Run& run : runs) {
    Pool pool(run.n_threads);
    for (const Shape& s : shapes)
      for (int n_rows : {1, 128})  // decode, prefill
        for (int kv_len : run.kv_len ? std::vector<int>{run.kv_len} : std::vector<int>{256, 512, 1024, 2048, 4096, 8192})
          measure(pool, isa(), s, kv_len, n_rows);
  }
}
