#include "plan/ternary_plan.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <vector>

#include "cpu/bandwidth.h"
#include "cpu/isa.h"
#include "cpu/ternary.h"

namespace tern::cpu {
namespace {

constexpr int64_t kSampleBytes = 256 << 10;  // of packed weights that a measurement reads: well inside L2
constexpr int64_t kCacheBytes = 4 << 20;     // a weight larger than this is not expected to stay in cache between tokens
constexpr int kPromptRows = 16;

struct Candidate {
  std::string kernel;
  double decode_ns;   // one activation row, the whole weight
  double prefill_ns;  // per activation row of a prompt, the whole weight
};

struct Choice {
  int n_rows, n_cols;
  std::string kernel;
  const char* reason;
  std::vector<Candidate> candidates;
};

std::mutex mutex;
std::vector<Choice> choices;

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// Best of several: the sample is in cache and alone, so what disturbs only adds.
template <class Work>
double best_ns(int repeats, const Work& work) {
  double best = 1e300;
  for (int i = 0; i < repeats; i++) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    best = std::min(best, seconds_since(begin) * 1e9);
  }
  return best;
}

double stream_ns_per_byte(Pool& pool) {
  static const double ns = 1e9 / read_bandwidth(pool, isa(), 32 << 20, 3);
  return ns;
}

Candidate measure(const std::string& kernel, int n_rows, int n_cols, Pool& pool) {
  // Enough rows for a stable figure, no more than the weight has.
  const int sample_rows = std::max(1, std::min<int>(n_rows, std::max<int64_t>(128, kSampleBytes * 4 / n_cols)));
  const auto weight = TernaryWeight::create(kernel, sample_rows, n_cols);
  std::vector<int8_t> trits(static_cast<size_t>(n_cols));
  for (int i = 0; i < n_cols; i++) trits[i] = int8_t(i % 3 - 1);
  for (int r = 0; r < sample_rows; r++) weight->append_row(trits.data(), 1);

  const int stride = (n_cols + 63) / 64 * 64;
  const Buffer q(int64_t(stride) * kPromptRows, "a measurement"), scale(4 * kPromptRows, "a measurement"),
      sum(4 * kPromptRows, "a measurement"), out(int64_t(4) * kPromptRows * sample_rows, "a measurement"),
      scratch(std::max(weight->scratch_bytes(1), weight->scratch_bytes(kPromptRows)), "a measurement");
  const QuantRows a = {q.as<int8_t>(), scale.as<float>(), sum.as<int32_t>(), stride};
  const auto run = [&](int n_act_rows) {
    weight->prepare(pool, a, n_act_rows, scratch.as<void>());
    for (int task = 0; task < weight->n_tasks(n_act_rows); task++)
      weight->run_task(task, a, n_act_rows, scratch.as<void>(), out.as<float>(), sample_rows, false);
  };
  const double whole = double(n_rows) / sample_rows;
  Candidate c = {kernel, best_ns(5, [&] { run(1); }) * whole, best_ns(2, [&] { run(kPromptRows); }) * whole / kPromptRows};
  const double bytes = double(weight->bytes()) * whole;
  if (bytes > kCacheBytes) c.decode_ns = std::max(c.decode_ns, bytes * stream_ns_per_byte(pool));
  return c;
}

Choice choose(int n_rows, int n_cols) {
  const std::vector<std::string> names = ternary_kernels();
  const char* asked = std::getenv("TERN_TERNARY");
  if (asked && *asked) return {n_rows, n_cols, asked, "TERN_TERNARY", {}};
  if (names.size() == 1) return {n_rows, n_cols, names[0], "the only one here", {}};
  Choice choice = {n_rows, n_cols, "", "least decode plus prefill time for a token, measured", {}};
  Pool pool(1);
  double least = 1e300;
  for (const std::string& name : names) {
    if (name == "scalar") continue;  // the fallback where there is nothing else
    choice.candidates.push_back(measure(name, n_rows, n_cols, pool));
    const Candidate& c = choice.candidates.back();
    if (c.decode_ns + c.prefill_ns < least) {
      least = c.decode_ns + c.prefill_ns;
      choice.kernel = name;
    }
  }
  return choice;
}

}  // namespace

std::string ternary_plan(int n_rows, int n_cols) {
  const std::lock_guard<std::mutex> lock(mutex);
  for (const Choice& c : choices)
    if (c.n_rows == n_rows && c.n_cols == n_cols) return c.kernel;
  choices.push_back(choose(n_rows, n_cols));
  return choices.back().kernel;
}

std::string ternary_plan_json() {
  const std::lock_guard<std::mutex> lock(mutex);
  std::string json = "[";
  for (const Choice& c : choices) {
    json += std::string(json.size() > 1 ? ", " : "") + "{\"shape\": \"" + std::to_string(c.n_rows) + "x" +
            std::to_string(c.n_cols) + "\", \"kernel\": \"" + c.kernel + "\", \"reason\": \"" + c.reason + "\", \"ns_per_token\": {";
    for (size_t i = 0; i < c.candidates.size(); i++) {
      const Candidate& k = c.candidates[i];
      char text[160];
      std::snprintf(text, sizeof text, "%s\"%s\": {\"decode\": %.0f, \"prefill\": %.0f}", i ? ", " : "", k.kernel.c_str(),
                    k.decode_ns, k.prefill_ns);
      json += text;
    }
    json += "}}";
  }
  return json + "]";
}

}  // namespace tern::cpu
