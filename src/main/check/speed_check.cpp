// How fast the device works here and now. Calls are given to it back to back, as many as take long enough that the wait at the end and the
// clock do not count; what a rate must be is the caller's to say.
#include <algorithm>
#include <chrono>

#include "problems.h"

namespace tern::check {
namespace {

constexpr double kLongEnough = 0.04;  // seconds
constexpr int kMostInAGraph = 1024;   // the meter records calls before it times them

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Seconds a call. run(n) makes n calls and returns when they are done.
template <class Run>
double seconds_of(const Run& run, int most = 1 << 20) {
  run(1);  // kernels are loaded and chosen
  for (int n = 1;; n *= 4) {
    const double begin = now();
    run(n);
    const double seconds = now() - begin;
    if (seconds >= kLongEnough || 4 * n > most) return seconds / n;
  }
}

CheckResult rate(double seconds, int64_t n_ops, int64_t n_bytes) {
  CheckResult r;
  r.seconds = seconds, r.n_ops = n_ops, r.n_bytes = n_bytes;
  return r;
}

void wait(Backend& backend, const void* data) {
  uint32_t word;
  backend.download(&word, data, sizeof word);
}

// By the backend's own clock.
CheckResult product(Backend& backend, bool ternary, const ProductSizes& sizes) {
  ProductProblem problem(backend, ternary, sizes, 1);
  const Array<float> out(backend, problem.n_results());
  const double seconds = seconds_of([&](int n) { backend.meter().time(n, false, [&](int) { problem.compute(out); }); }, kMostInAGraph);
  const int n = std::max(1, std::min(kMostInAGraph, static_cast<int>(kLongEnough / seconds)));
  return rate(backend.meter().time(n, false, [&](int) { problem.compute(out); }) / n, problem.n_ops(), problem.n_bytes());
}

CheckResult peak(Backend& backend, int kind) {
  constexpr int64_t kOps = int64_t{1} << 40;  // any number: the rate is what is measured
  try {
    return rate(kOps / backend.meter().peak(kind), kOps, 0);
  } catch (const Error& e) {
    if (e.status() != TERN_ERR_UNSUPPORTED) throw;
    return not_here(e.what());
  }
}

// Within one step, as in a model of many layers; a decode step's graph has a fixed number of them, so that only steps are counted up.
CheckResult attention(Backend& backend, const AttentionSizes& sizes) {
  constexpr int kLayers = 32;
  AttentionRun problem(backend, sizes, 1);
  const Array<float> out(backend, problem.n_results());
  const double seconds = seconds_of([&](int n) {
    for (int i = 0; i < n; i++) problem.compute(out, kLayers);
  });
  return rate(seconds / kLayers, problem.n_ops(), problem.n_bytes());
}

CheckResult copy(Backend& backend, bool to_device) {
  constexpr int64_t kBytes = 64 << 20;
  const Buffer there = backend.allocate(kBytes, "the speed of copies");
  std::vector<uint64_t> here(kBytes / 8, 1);
  backend.pattern_write(there.as<void>(), kBytes / 8, {PatternKind::random, 1});
  const double seconds = seconds_of([&](int n) {
    for (int i = 0; i < n; i++) {
      if (to_device) backend.upload(there.as<void>(), here.data(), kBytes);
      else backend.download(here.data(), there.as<void>(), kBytes);
    }
  });
  return rate(seconds, 0, kBytes);
}

// From the launch of the smallest kernel to its result; and of the smallest decode step, which on a GPU is one graph.
CheckResult launch(Backend& backend) {
  std::mt19937_64 random(1);
  const Array<float> x(backend, normal(random, 32)), up(backend, normal(random, 32));
  return rate(seconds_of([&](int n) {
    for (int i = 0; i < n; i++) {
      backend.activations({x, up, TERN_GATE_RELU2}, 1, 32, true, false, {x, nullptr, nullptr, nullptr});
      wait(backend, x);
    }
  }), 0, 0);
}

CheckResult step(Backend& backend) {
  AttentionRun problem(backend, {1, 1, 8, 1, 1, 1}, 1);
  const Array<float> out(backend, problem.n_results());
  return rate(seconds_of([&](int n) {
    for (int i = 0; i < n; i++) problem.compute(out);
  }), 0, 0);
}

}  // namespace

CheckResult speed(Backend& backend, int what) {
  const bool cpu = backend.host_memory();
  const ProductSizes many = cpu ? ProductSizes{1024, 2048, 64} : ProductSizes{8192, 4096, 4096}, one = {many.n_out, many.n_in, 1};
  switch (what) {
    case TERN_SPEED_READ: {
      const int64_t n_bytes = int64_t(cpu ? 128 : 1024) << 20;
      return rate(n_bytes / backend.read_bandwidth(n_bytes, cpu ? 3 : 20), 0, n_bytes);
    }
    case TERN_SPEED_COPY_TO: return copy(backend, true);
    case TERN_SPEED_COPY_FROM: return copy(backend, false);
    case TERN_SPEED_DENSE: return product(backend, false, many);
    case TERN_SPEED_TERNARY: return product(backend, true, many);
    case TERN_SPEED_TERNARY_DECODE: return product(backend, true, one);
    case TERN_SPEED_PREFILL: return attention(backend, cpu ? AttentionSizes{8, 2, 64, 1, 64, 512} : AttentionSizes{32, 8, 128, 1, 2048, 4096});
    case TERN_SPEED_DECODE: return attention(backend, cpu ? AttentionSizes{8, 2, 64, 4, 4, 16384} : AttentionSizes{32, 8, 128, 16, 16, 2048});
    case TERN_SPEED_LAUNCH: return launch(backend);
    case TERN_SPEED_STEP: return step(backend);
    case TERN_SPEED_COPY: {
      const int64_t n_bytes = int64_t(cpu ? 128 : 1024) << 20;
      return rate(2 * n_bytes / backend.meter().copy_bandwidth(n_bytes, cpu ? 3 : 20), 0, 2 * n_bytes);
    }
    case TERN_SPEED_PEAK_F32: return peak(backend, TERN_PEAK_F32);
    case TERN_SPEED_PEAK_HALF: return peak(backend, TERN_PEAK_HALF);
    default: return peak(backend, TERN_PEAK_INT8);
  }
}

}  // namespace tern::check
