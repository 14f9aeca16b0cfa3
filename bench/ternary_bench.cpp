// Ternary matmul on one core, CSV on stdout: each kernel, shape and number of activation rows, with the weights in cache (hot)
// and from DRAM (cold: weights in rotation, together larger than the caches). Kernels take turns, times are medians.
// usage: ternary_bench [kernel,... or ""] [rounds] [threads] [ROWSxCOLUMNS: only this shape, as a large one] [N,...: only these
// numbers of activation rows]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "cpu/bandwidth.h"
#include "cpu/ternary.h"

namespace {

using namespace tern;
using namespace tern::cpu;

struct Shape {
  int n_rows, n_cols;
};

constexpr int64_t kColdBytes = 160 << 20;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

double median(std::vector<double> v) {
  std::nth_element(v.begin(), v.begin() + v.size() / 2, v.end());
  return v[v.size() / 2];
}

std::unique_ptr<TernaryWeight> random_weight(const std::string& kernel, Shape shape, std::mt19937_64& random, Pool& pool) {
  auto weight = TernaryWeight::create(kernel, shape.n_rows, shape.n_cols, &pool);
  std::vector<int8_t> trits(size_t(shape.n_cols) + 997);
  for (int8_t& t : trits) t = int8_t(int(random() % 3) - 1);
  for (int row = 0; row < shape.n_rows; row++) weight->append_row(&trits[size_t(row) % 997], 1);
  return weight;
}

class Case {
 public:
  Case(const std::string& kernel, Shape shape, int n_acts, bool cold, std::mt19937_64& random, Pool& pool)
      : kernel(kernel), n_acts(n_acts), stride((shape.n_cols + 63) / 64 * 64), q(size_t(n_acts) * stride), scale(n_acts, 1), sum(n_acts),
        out(size_t(n_acts) * shape.n_rows) {
    for (int r = 0; r < n_acts; r++)
      for (int j = 0; j < shape.n_cols; j++) sum[r] += q[size_t(r) * stride + j] = int8_t(random());
    int64_t bytes = 0;
    do {
      weights.push_back(random_weight(kernel, shape, random, pool));
      bytes += weights.back()->bytes();
    } while (cold && bytes < kColdBytes);
    scratch = Buffer(weights[0]->scratch_bytes(n_acts), "bench");
  }

  // Seconds of one matmul, prepare included.
  void time(Pool& pool) {
    const int n_runs = std::max(1, int(2e-3 / estimate));
    const double begin = now();
    for (int i = 0; i < n_runs; i++) {
      const TernaryWeight& w = *weights[size_t(at++) % weights.size()];
      const QuantRows a{q.data(), scale.data(), sum.data(), stride};
      w.prepare(pool, a, n_acts, scratch.as<void>());
      pool.run(w.n_tasks(n_acts), [&](int task, int) {
        w.run_task(task, a, n_acts, scratch.as<void>(), out.data(), w.n_rows(), false);
      });
    }
    estimate = (now() - begin) / n_runs;
    seconds.push_back(estimate);
  }

  std::string kernel;
  int n_acts, stride, at = 0;
  std::vector<int8_t> q;
  std::vector<float> scale;
  std::vector<int32_t> sum;
  std::vector<float> out;
  std::vector<std::unique_ptr<TernaryWeight>> weights;
  Buffer scratch;
  double estimate = 1;
  std::vector<double> seconds;
};

void compare(const std::vector<std::string>& kernels, Shape shape, int n_acts, bool cold, int n_rounds, Pool& pool, double peak) {
  std::mt19937_64 random(1);
  std::vector<Case> cases;
  for (const std::string& kernel : kernels) cases.emplace_back(kernel, shape, n_acts, cold, random, pool);
  for (int round = -1; round < n_rounds; round++)
    for (Case& c : cases) {
      c.time(pool);
      if (round < 0) c.seconds.clear();
    }
  for (Case& c : cases) {
    const double s = median(c.seconds), bytes = double(c.weights[0]->bytes());
    std::printf("%s,%d,%d,%d,%s,%d,%.2f,%.1f,%.2f,%.2f,%.3f\n", c.kernel.c_str(), shape.n_rows, shape.n_cols, n_acts,
                cold ? "cold" : "hot", pool.n_threads(), s * 1e6, 2e-9 * shape.n_rows * shape.n_cols * n_acts / s, 1e-9 * bytes / s,
                8 * bytes / shape.n_rows / shape.n_cols, bytes / s / peak);
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> kernels = ternary_kernels();
  if (argc > 1 && *argv[1]) {
    kernels.clear();
    std::stringstream names(argv[1]);
    for (std::string name; std::getline(names, name, ',');) kernels.push_back(name);
  }
  std::vector<int> few = {1, 8, 128}, many = {1, 4, 8, 32, 128};
  if (argc > 5) {
    many.clear();
    std::stringstream numbers(argv[5]);
    for (std::string n; std::getline(numbers, n, ',');) many.push_back(std::max(1, std::atoi(n.c_str())));
  }
  const int n_rounds = argc > 2 ? std::atoi(argv[2]) : 15;
  Pool pool(argc > 3 ? std::atoi(argv[3]) : 1);
  const double peak = read_bandwidth(pool, isa(), 256 << 20, 5);
  std::fprintf(stderr, "read bandwidth: %.1f GB/s\n", peak * 1e-9);
  std::printf("kernel,n_rows,n_cols,n_act_rows,weights,threads,us,gops,gb_per_s,bits_per_weight,share_of_read_bandwidth\n");
  std::vector<Shape> large = {{6912, 2560}, {2560, 6912}, {2560, 2560}, {640, 2560}}, small = {{256, 256}, {768, 256}, {256, 768}};
  if (argc > 4) {
    Shape only;
    if (std::sscanf(argv[4], "%dx%d", &only.n_rows, &only.n_cols) != 2) return 2;
    large = {only};
    small.clear();
  }
  try {
    for (Shape shape : small)
      for (int n : few) compare(kernels, shape, n, false, n_rounds, pool, peak);
    for (Shape shape : large) {
      for (int n : many) compare(kernels, shape, n, false, n_rounds, pool, peak);
      if (argc <= 5) compare(kernels, shape, 1, true, n_rounds, pool, peak);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
