#include "plan/stream_plan.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <vector>

#include "core/status.h"
#include "cpu/bandwidth.h"
#include "cpu/isa.h"
#include "cpu/streams.h"

namespace tern::cpu {
namespace {

constexpr int64_t kRead = 64 << 20;  // more than most caches hold
constexpr int kPasses = 5;
constexpr double kWorth = 1.05;  // less is noise: of Zen 5 it is 1.2, of Zen 4 0.9

struct Plan {
  std::mutex mutex;
  int n_streams = 0;  // not known yet
  double one = 0, several = 0;  // bytes per second
  std::atomic<bool> one_stream{false};
};

Plan& plan() {
  static Plan* const it = new Plan;  // never destroyed: weights may be made while the process ends
  return *it;
}

// 0 if the environment does not say.
int forced() {
  const char* const text = std::getenv("TERN_STREAMS");
  if (!text || !*text) return 0;
  TERN_CHECK_ARG(!std::strcmp(text, "1") || !std::strcmp(text, "4"), "TERN_STREAMS is \"%s\": it may be 1 or %d", text, kStreams);
  return *text - '0';
}

// Measures if need be.
int best(Plan& p) {
  std::lock_guard<std::mutex> lock(p.mutex);
  if (p.n_streams == 0) {
    try {
      Pool alone(1);
      const std::vector<double> rates = read_bandwidths(alone, isa(), kRead, kPasses, {1, kStreams});
      p.one = rates[0], p.several = rates[1];
      p.n_streams = p.several > kWorth * p.one ? kStreams : 1;
    } catch (const Error& e) {
      if (e.status() != TERN_ERR_OUT_OF_MEMORY) throw;
      return kStreams;  // not kept: what is to be read may fit all the same, and the next to ask measures
    }
  }
  return p.n_streams;
}

}  // namespace

int stream_plan(int n_tiles, int64_t n_bytes) {
  if (n_tiles == 1) return 1;
  const int decided = forced();
  if (n_bytes <= kStreamedBytes) return decided ? std::min(decided, n_tiles) : n_tiles;
  const int n = decided ? decided : best(plan());
  plan().one_stream = n == 1;
  return std::min(n, n_tiles);
}

bool reads_one_stream() { return plan().one_stream.load(std::memory_order_relaxed); }

std::string stream_plan_json() {
  if (const int n = forced()) return "{\"n_streams\": " + std::to_string(n) + ", \"why\": \"TERN_STREAMS\"}";
  Plan& p = plan();
  std::lock_guard<std::mutex> lock(p.mutex);
  if (p.n_streams == 0) return "{}";
  char line[120];
  std::snprintf(line, sizeof line, "{\"n_streams\": %d, \"one_gb_per_s\": %.2f, \"several_gb_per_s\": %.2f}", p.n_streams, p.one * 1e-9, p.several * 1e-9);
  return line;
}

}  // namespace tern::cpu
