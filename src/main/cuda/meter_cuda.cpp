#include "meter_cuda.h"

#include <algorithm>

#include "bandwidth.h"
#include "graph.h"
#include "peak.h"
#include "weight_cuda.h"

namespace tern::cuda {
namespace {

constexpr int64_t kClearCaches = 2;      // times the L2 cache's size is read to clear it
constexpr double kPeakSeconds = 2e-3;    // of one launch
constexpr double kPeakRunsSeconds = 10 * kPeakSeconds;  // of all of them: on the emulator one is long enough
constexpr int kPeakRuns = 5, kMaxRounds = 1 << 26;
constexpr char kPurpose[] = "a measurement";

bool is_half(int type) { return type == TERN_TYPE_F16 || type == TERN_TYPE_BF16; }

}  // namespace

// Read, not written: lines that wait to be written back would be in the way of what is timed.
void CudaMeter::clear_caches() {
  if (!other_) {
    other_ = context_.allocate(kClearCaches * context_.l2_bytes(), kPurpose);
    check(cudaMemsetAsync(other_.as<void>(), 0, static_cast<size_t>(other_.size()), context_.stream()), "cudaMemsetAsync");
  }
  if (!sink_) sink_ = context_.allocate(sizeof(float), kPurpose);
  launch_read(other_.as<void>(), other_.size(), sink_.as<float>(), context_.info(), context_.stream());
}

double CudaMeter::time(int n_calls, bool cold, const std::function<void(int)>& call) {
  double seconds = 0;
  guarded(context_, [&] {
    const cudaStream_t stream = context_.stream();
    const Graph graph(context_, [&] {
      for (int i = 0; i < n_calls; i++) call(i);
    });
    Stopwatch watch(stream);
    graph.launch(stream);  // while it runs the host gets the timed round ready, so that none of its launches is waited for
    if (cold) clear_caches();
    watch.start();
    graph.launch(stream);
    seconds = watch.stop();
  });
  return seconds;
}

double CudaMeter::read_bandwidth(int64_t n_bytes, int n_passes) {
  const Buffer data = context_.allocate(n_bytes, kPurpose), sink = context_.allocate(sizeof(float), kPurpose);
  double seconds = 0;
  guarded(context_, [&] {
    const cudaStream_t stream = context_.stream();
    check(cudaMemsetAsync(data.as<void>(), 0, static_cast<size_t>(n_bytes), stream), "cudaMemsetAsync");
    Stopwatch watch(stream);
    launch_read(data.as<void>(), n_bytes, sink.as<float>(), context_.info(), stream);
    watch.start();
    for (int i = 0; i < n_passes; i++) launch_read(data.as<void>(), n_bytes, sink.as<float>(), context_.info(), stream);
    seconds = watch.stop();
  });
  return seconds > 0 ? static_cast<double>(n_bytes) * n_passes / seconds : 0;
}

double CudaMeter::copy_bandwidth(int64_t n_bytes, int n_passes) {
  const Buffer from = context_.allocate(n_bytes, kPurpose), to = context_.allocate(n_bytes, kPurpose);
  double seconds = 0;
  guarded(context_, [&] {
    const cudaStream_t stream = context_.stream();
    const auto copy = [&] {
      check(cudaMemcpyAsync(to.as<void>(), from.as<void>(), static_cast<size_t>(n_bytes), cudaMemcpyDeviceToDevice, stream), "copying on the GPU");
    };
    check(cudaMemsetAsync(from.as<void>(), 1, static_cast<size_t>(n_bytes), stream), "cudaMemsetAsync");
    Stopwatch watch(stream);
    copy();
    watch.start();
    for (int i = 0; i < n_passes; i++) copy();
    seconds = watch.stop();
  });
  return seconds > 0 ? 2 * static_cast<double>(n_bytes) * n_passes / seconds : 0;
}

double CudaMeter::peak(int kind) {
  const Buffer sink = context_.allocate(sizeof(float), kPurpose);
  double best = 0;
  guarded(context_, [&] {
    const cudaStream_t stream = context_.stream();
    const bool hopper = context_.info().sm == 90 && kind != TERN_PEAK_F32;
    for (const auto launch_loop : {launch_peak, launch_peak_sm90}) {
      if (launch_loop == launch_peak_sm90 && !hopper) continue;
      Stopwatch watch(stream);
      const auto seconds_of = [&](int n_rounds, int64_t* ops) {
        watch.start();
        *ops = launch_loop(kind, n_rounds, sink.as<float>(), context_.info(), stream);
        return watch.stop();
      };
      int64_t ops = 0;
      int n_rounds = 1;
      while (seconds_of(n_rounds, &ops) < kPeakSeconds && n_rounds < kMaxRounds) n_rounds *= 2;
      double all = 0;
      for (int run = 0; run < kPeakRuns && all < kPeakRunsSeconds; run++) {
        const double seconds = seconds_of(n_rounds, &ops);
        all += seconds;
        if (seconds > 0) best = std::max(best, static_cast<double>(ops) / seconds);
      }
    }
  });
  return best;
}

int CudaMeter::peak_of(const Weight* weight) const {
  if (!weight) return TERN_PEAK_HALF;
  if (weight->ternary()) return TERN_PEAK_INT8;
  return is_half(static_cast<const CudaWeight&>(*weight).dense_matrix().type) ? TERN_PEAK_HALF : TERN_PEAK_F32;
}

std::string CudaMeter::kernel_of(const Weight& weight, int n_rows) const {
  if (weight.ternary()) return ternary_kernel_name(ternary_.pick(weight.n_rows(), weight.n_cols(), n_rows));
  if (!is_half(static_cast<const CudaWeight&>(weight).dense_matrix().type)) return "rows";
  const DenseHalves kernel = dense_.pick(n_rows);
  return kernel == DenseHalves::rows ? "halves_rows" : kernel == DenseHalves::tiles ? "halves_tiles" : "halves_sm90";
}

std::unique_ptr<Weight> CudaMeter::ternary_weight(const char* kernel, int, int, int) {
  fail(TERN_ERR_INVALID_ARGUMENT, "no ternary kernel \"%s\" to ask for: a GPU's are picked by the number of rows", kernel ? kernel : "");
}

}  // namespace tern::cuda
