#include "ternary_plan.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "activations.h"
#include "core/checked.h"

namespace tern::cuda {
namespace {

constexpr int kActRows[] = {1, 2, 4, 8, 16, 64, 256};
constexpr TernaryKernel kKernels[] = {TernaryKernel::dp4a, TernaryKernel::lookup, TernaryKernel::mma, TernaryKernel::gemm,
                                      TernaryKernel::gemm_sm90};
#ifdef TERN_SIMT
constexpr int kRuns = 1, kMaxSampleRows = 32, kMaxActRows = 8;  // an emulator's times say nothing: run it once, and little of it
constexpr int64_t kColdBytes = 0;
#else
constexpr int kRuns = 7, kMaxSampleRows = 1 << 30, kMaxActRows = 1 << 30;
constexpr int64_t kColdBytes = 160 << 20;  // beyond any L2 cache there is
#endif

// Kernels that no GPU would choose for so many rows are not run: a GEMV for hundreds of them, tables for more than a few.
bool worth_trying(TernaryKernel kernel, int n_act_rows) {
  switch (kernel) {
    case TernaryKernel::dp4a: return n_act_rows <= 16;
    case TernaryKernel::lookup: return n_act_rows <= 4;
    case TernaryKernel::mma: return n_act_rows <= 64;
    case TernaryKernel::gemm: return n_act_rows >= 8;
    default: return n_act_rows >= 64;
  }
}

class Event {
 public:
  Event() { check(cudaEventCreate(&event_), "cudaEventCreate"); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  operator cudaEvent_t() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

bool forced(TernaryKernel* kernel) {
  const char* name = std::getenv("TERN_CUDA_TERNARY");
  if (!name || !*name) return false;
  TERN_CHECK_ARG(ternary_kernel_from_name(name, kernel), "TERN_CUDA_TERNARY: no ternary kernel is called '%.64s'", name);
  return true;
}

}  // namespace

void TernaryPlan::measure(int n_rows, int n_cols) {
  const std::pair<int, int> shape = {n_rows, n_cols};
  if (shapes_.count(shape)) return;
  TernaryKernel kernel;
  if (forced(&kernel)) {
    if (!ternary_kernel_available(kernel, context_.info()))
      fail(TERN_ERR_UNSUPPORTED, "TERN_CUDA_TERNARY: %s is not for this GPU", ternary_kernel_name(kernel));
    shapes_[shape] = {{1, kernel, {}}};
    return;
  }
  shapes_[shape] = measure_all(n_rows, n_cols);
}

std::vector<TernaryPlan::Choice> TernaryPlan::measure_all(int n_rows, int n_cols) {
  n_rows = std::min(n_rows, kMaxSampleRows);
  const int most = std::min(kMaxActRows, kActRows[std::size(kActRows) - 1]);
  const int stride = static_cast<int>(round_up(n_cols, kInt8Align));
  const int64_t bytes = ternary_packed_bytes(n_rows, n_cols);
  const int64_t n_copies = std::max<int64_t>(1, kColdBytes / bytes);
  // Zeros: no kernel's time depends on the values.
  const auto zeros = [&](int64_t n) {
    Buffer buffer = context_.allocate(n, "measuring the ternary kernels");
    check(cudaMemsetAsync(buffer.as<void>(), 0, static_cast<size_t>(n), context_.stream()), "cudaMemsetAsync");
    return buffer;
  };
  const Buffer tiles = zeros(checked_mul(bytes, n_copies)), row_scale = zeros(int64_t(n_rows) * 4),
               q = zeros(int64_t(most) * stride), scale = zeros(most * 4), sum = zeros(most * 4),
               out = zeros(int64_t(most) * n_rows * 4);
  const Event begin, end;
  int64_t copy = 0;
  const auto time_us = [&](TernaryKernel kernel, int n_act_rows) {
    const TernaryActs acts = {q.as<int8_t>(), scale.as<float>(), sum.as<int32_t>(), stride, n_act_rows};
    std::vector<float> times;
    for (int run = 0; run < kRuns + (kRuns > 1); run++) {  // the first only warms up
      const TernaryMatrix w = {tiles.as<uint8_t>() + bytes * (copy++ % n_copies), row_scale.as<float>(), n_rows, n_cols};
      const TernaryProduct product = {w, out.as<float>(), nullptr, false};
      check(cudaEventRecord(begin, context_.stream()), "cudaEventRecord");
      launch_ternary(kernel, &product, 1, acts, context_.info(), context_.stream());
      check(cudaEventRecord(end, context_.stream()), "cudaEventRecord");
      check(cudaEventSynchronize(end), "measuring the ternary kernels");
      float ms = 0;
      check(cudaEventElapsedTime(&ms, begin, end), "cudaEventElapsedTime");
      if (run > 0 || kRuns == 1) times.push_back(ms * 1000);
    }
    std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
    return times[times.size() / 2];
  };

  std::vector<Choice> choices;
  guarded(context_, [&] {
    for (int n_act_rows : kActRows) {
      if (n_act_rows > most) break;
      Choice choice = {n_act_rows, TernaryKernel::dp4a, {}};
      for (TernaryKernel kernel : kKernels)
        if (ternary_kernel_available(kernel, context_.info()) && worth_trying(kernel, n_act_rows))
          choice.times.push_back({kernel, time_us(kernel, n_act_rows)});
      const auto best = std::min_element(choice.times.begin(), choice.times.end(),
                                         [](const Time& a, const Time& b) { return a.us < b.us; });
      choice.kernel = best->kernel;
      choices.push_back(std::move(choice));
    }
  });
  return choices;
}

TernaryKernel TernaryPlan::pick(int n_rows, int n_cols, int n_act_rows) const {
  const std::vector<Choice>& choices = shapes_.at({n_rows, n_cols});
  for (const Choice& c : choices)
    if (n_act_rows <= c.n_act_rows) return c.kernel;
  return choices.back().kernel;
}

std::string TernaryPlan::json() const {
  std::string text = "[";
  for (const auto& shape : shapes_)
    for (const Choice& c : shape.second) {
      char line[160];
      std::snprintf(line, sizeof line, "%s\n {\"n_rows\": %d, \"n_cols\": %d, \"activation_rows\": %d, \"kernel\": \"%s\", \"us\": {",
                    text.size() > 1 ? "," : "", shape.first.first, shape.first.second, c.n_act_rows, ternary_kernel_name(c.kernel));
      text += line;
      for (const Time& t : c.times) {
        std::snprintf(line, sizeof line, "%s\"%s\": %.2f", &t == c.times.data() ? "" : ", ", ternary_kernel_name(t.kernel),
                      double(t.us));
        text += line;
      }
      text += "}}";
    }
  return text + "]";
}

}  // namespace tern::cuda
