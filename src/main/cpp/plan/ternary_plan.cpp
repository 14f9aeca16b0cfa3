#include "plan/ternary_plan.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <utility>
#include <vector>

#include "core/memory.h"
#include "core/status.h"
#include "cpu/ternary.h"
#include "cpu/ternary_kernel.h"
#include "plan/stream_plan.h"

namespace tern::cpu {
namespace {

constexpr int64_t kColdBuffer = 64 << 20;   // more than the caches hold, read a slice at a time
constexpr int64_t kColdSlice = 16 << 20;    // of all threads
constexpr int kColdCols = 32768;            // of a row, at most: a slice of each thread is then whole tiles
constexpr int kColdThreads = 8;             // that measure at most: a slice is then some 60 us of each
constexpr int kSampleRows = 2048;           // rows measured in prefill: a chunk of the largest kernel
constexpr int kSampleActs = 16;             // at least, and a whole number of a kernel's activation tiles
constexpr int kRounds = 2;
constexpr int kColdRounds = 5;  // whose median counts: memory is what neighbours disturb most

double now_us() {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Times {
  const char* kernel;
  double decode_us, prefill_us;  // of the whole weight, for one activation row
};

struct Entry {
  std::string kernel, why;
  std::vector<Times> times;
};

// Activations of zeros: no kernel's time depends on the values.
struct Sample {
  // n_bytes: of the weight that it is a sample of
  Sample(const TernaryKernel& kernel, int n_cols, int n, int64_t n_bytes)
      : kernel(kernel),
        n_streams(stream_plan(kernel.decode_tiles, n_bytes)),
        n_cols(n_cols),
        stride((n_cols + 63) / 64 * 64),
        q(int64_t(n) * stride, "plan"),
        sum(int64_t(n) * 4, "plan"),
        scratch(kernel.scratch_bytes(n_cols, n), "plan"),
        sums(int64_t(kMaxSums) * 4, "plan"),
        acts{{q.as<int8_t>(), nullptr, sum.as<int32_t>(), stride}, 0, n, n, scratch.as<void>()} {}

  void run(const uint8_t* tiles, int n_tiles) {
    for (int part = 0; part < kernel.prepare_parts(n_cols, acts.n_act_rows); part++)
      kernel.prepare(acts, n_cols, part, scratch.as<void>());
    const int chunk = tiles_of_call(kernel, acts.n_act_rows, n_streams);
    for (int tile = 0; tile < n_tiles; tile += chunk)
      for (int first = 0; first < acts.n_act_rows; first += kernel.act_tile) {
        TernaryActs a = acts;
        a.first = first;
        a.n = std::min(kernel.act_tile, acts.n_act_rows - first);
        kernel.sums(tiles + tile * kernel.tile_bytes(n_cols), std::min(chunk, n_tiles - tile), n_cols, a,
                    sums.as<int32_t>());
      }
  }

  // The shortest of n runs.
  double best_us(const uint8_t* tiles, int n_tiles, int n_runs) {
    double best = 1e30;
    for (int i = 0; i < n_runs; i++) {
      const double begin = now_us();
      run(tiles, n_tiles);
      best = std::min(best, now_us() - begin);
    }
    return best;
  }

  const TernaryKernel& kernel;
  const int n_streams, n_cols, stride;
  Buffer q, sum, scratch, sums;
  TernaryActs acts;
};

class Plan {
 public:
  std::string pick(int n_rows, int n_cols, Pool& pool) {
    const int n_threads = std::min(pool.n_threads(), kColdThreads);
    const char* forced = std::getenv("TERN_TERNARY");
    std::lock_guard<std::mutex> lock(mutex_);
    if (forced && *forced) {
      entries_[{n_rows, n_cols, n_threads}] = Entry{ternary_kernel(forced).name, "TERN_TERNARY", {}};
      return forced;
    }
    const auto found = entries_.find({n_rows, n_cols, n_threads});
    if (found != entries_.end() && found->second.why != "TERN_TERNARY") return found->second.kernel;
    return (entries_[{n_rows, n_cols, n_threads}] = measure(n_rows, n_cols, pool, n_threads)).kernel;
  }

  std::string json() {
    std::lock_guard<std::mutex> lock(mutex_);
    std::string text = "[";
    for (const auto& entry : entries_) {
      char line[200];
      std::snprintf(line, sizeof line, "%s\n {\"n_rows\": %d, \"n_cols\": %d, \"threads\": %d, \"kernel\": \"%s\", \"why\": \"%s\", \"times\": [",
                    text.size() > 1 ? "," : "", std::get<0>(entry.first), std::get<1>(entry.first), std::get<2>(entry.first), entry.second.kernel.c_str(),
                    entry.second.why.c_str());
      text += line;
      for (const Times& t : entry.second.times) {
        std::snprintf(line, sizeof line, "%s{\"kernel\": \"%s\", \"decode_us\": %.1f, \"prefill_us_per_row\": %.1f}",
                      &t == entry.second.times.data() ? "" : ", ", t.kernel, t.decode_us, t.prefill_us);
        text += line;
      }
      text += "]}";
    }
    return text + "]";
  }

 private:
  // The kernels of the highest tier here: a lower tier's have not won on any machine that has the higher, nor can a multiply-add in
  // three instructions win over the same in one, nor that over the same in tiles; nor, in the sum
  // of both times, digits by arithmetic over digits by vpermb (docs/ternary.md).
  static std::vector<const TernaryKernel*> candidates() {
    std::vector<const TernaryKernel*> kernels;
    for (const std::string& name : ternary_kernels()) kernels.push_back(&ternary_kernel(name.c_str()));
    Isa top = Isa::scalar;
    for (const TernaryKernel* k : kernels) top = std::max(top, k->isa);
    const bool vnni = std::count(kernels.begin(), kernels.end(), &kTernaryVnniAvx512);
    const bool permutes = std::count(kernels.begin(), kernels.end(), &kTernaryVbmi3Avx512);
    const bool tiles = std::count(kernels.begin(), kernels.end(), &kTernaryAmx);
    const auto beaten = [&](const TernaryKernel* k) {
      return k->isa != top || (vnni && (k == &kTernaryMaddAvx512 || k == &kTernaryMadd3Avx512)) ||
             (permutes && k == &kTernaryVnni3Avx512) || (tiles && (k == &kTernaryVnniAvx512 || k == &kTernaryVnni3Avx512));
    };
    kernels.erase(std::remove_if(kernels.begin(), kernels.end(), beaten), kernels.end());
    return kernels;
  }

  // A weight of which a step reads all from memory is shared out among the threads, in decode and in prefill; a small one is not.
  Entry measure(int n_rows, int n_cols, Pool& pool, int n_threads) {
    const std::vector<const TernaryKernel*> kernels = candidates();
    if (kernels.size() == 1) return Entry{kernels[0]->name, "the only one", {}};
    Entry entry{"", "shortest decode_us + prefill_us_per_row", {}};
    const Times* best = nullptr;
    const int rows = std::min(n_rows, kSampleRows);
    for (const TernaryKernel* kernel : kernels) entry.times.push_back(Times{kernel->name, 1e30, 1e30});
    // In turn, so that what disturbs the machine for a moment does not disturb one kernel alone.
    for (int round = 0; round < kRounds; round++)
      for (size_t i = 0; i < kernels.size(); i++) {
        const TernaryKernel& kernel = *kernels[i];
        const int n_tiles = (rows + kernel.tile_rows - 1) / kernel.tile_rows;
        const int64_t sample_bytes = n_tiles * kernel.tile_bytes(n_cols);
        const int64_t all_tiles = (n_rows + kernel.tile_rows - 1) / kernel.tile_rows;
        const double share = double(all_tiles) / n_tiles;
        const int64_t bytes = all_tiles * kernel.tile_bytes(n_cols);
        Buffer tiles(sample_bytes, "plan");
        const int n_runs = sample_bytes < 256 << 10 ? 8 : 3;  // a tiny shape's first run is cold and short
        const int n_acts = std::max(kSampleActs, kernel.act_tile);
        const int sharing = bytes > kStreamedBytes ? n_threads : 1;
        const double prefill_us = Sample(kernel, n_cols, n_acts, bytes).best_us(tiles.as<uint8_t>(), n_tiles, n_runs) * share / n_acts / sharing;
        const double decode_us = bytes > kStreamedBytes
                                     ? double(bytes) * cold_us_per_byte(kernel, n_cols, pool, n_threads)
                                     : Sample(kernel, n_cols, 1, bytes).best_us(tiles.as<uint8_t>(), n_tiles, 2 * n_runs) * share;
        entry.times[i].decode_us = std::min(entry.times[i].decode_us, decode_us);
        entry.times[i].prefill_us = std::min(entry.times[i].prefill_us, prefill_us);
      }
    for (const Times& t : entry.times)
      if (!best || t.decode_us + t.prefill_us < best->decode_us + best->prefill_us) best = &t;
    entry.kernel = best->kernel;
    return entry;
  }

  // Streaming from DRAM with the threads that will, all kernels once, at the first weight that is large enough: it depends on the columns very little. Threads
  // share what memory gives, so that fewer bytes may win with several where a simpler kernel would alone.
  double cold_us_per_byte(const TernaryKernel& kernel, int n_cols, Pool& pool, int n_threads) {
    if (!cold_.count({kernel.name, n_threads})) {
      n_cols = std::min(n_cols, kColdCols);
      Buffer stream(kColdBuffer, "plan");
      for (int64_t i = 0; i < kColdBuffer; i += 4096) stream.as<uint8_t>()[i] = 0;  // else all pages are the one zero page
      struct Cold {
        const TernaryKernel* kernel;
        std::vector<std::unique_ptr<Sample>> samples;  // of each thread
        std::vector<double> us;
      };
      std::vector<Cold> all;
      for (const TernaryKernel* k : candidates()) {
        all.push_back({k, {}, {}});
        for (int i = 0; i < n_threads; i++) all.back().samples.push_back(std::make_unique<Sample>(*k, n_cols, 1, kColdBuffer));
      }
      int64_t at = 0;
      for (int round = 0; round < kColdRounds; round++)
        for (Cold& c : all) {
          const int n_tiles = int(std::max<int64_t>(1, kColdSlice / c.kernel->tile_bytes(n_cols) / n_threads));  // of a thread
          const int64_t part = n_tiles * c.kernel->tile_bytes(n_cols), bytes = n_threads * part;
          if (at + bytes > kColdBuffer) at = 0;
          pool.run(n_threads, [](int, int) {});  // who sleeps wakes before the time counts
          const double begin = now_us();
          pool.run(n_threads, [&](int i, int) { c.samples[size_t(i)]->run(stream.as<uint8_t>() + at + i * part, n_tiles); });
          c.us.push_back((now_us() - begin) / double(bytes));
          at += bytes;
        }
      for (Cold& c : all) {
        std::nth_element(c.us.begin(), c.us.begin() + kColdRounds / 2, c.us.end());
        cold_[{c.kernel->name, n_threads}] = c.us[kColdRounds / 2];
      }
    }
    return cold_[{kernel.name, n_threads}];
  }

  std::mutex mutex_;
  std::map<std::tuple<int, int, int>, Entry> entries_;  // by rows, columns, threads
  std::map<std::pair<std::string, int>, double> cold_;  // by kernel and threads
};

Plan& plan() {
  static Plan* const it = new Plan;  // never destroyed: weights may be made while the process ends
  return *it;
}

}  // namespace

std::string ternary_plan(int n_rows, int n_cols, Pool& pool) { return plan().pick(n_rows, n_cols, pool); }

std::string ternary_plan_json() { return plan().json(); }

}  // namespace tern::cpu
