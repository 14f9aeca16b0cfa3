#include "plan/dense_plan.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <vector>

#include "cpu/dense_tile.h"
#include "ternary/decode.h"

namespace tern::cpu {
namespace {

constexpr int64_t kCacheBytes = 16 << 20;  // a weight of more streams from memory
constexpr int64_t kPartBytes = 3 << 20;    // more than a core's own caches
constexpr int kTurns = 2;                  // of each, in turn: the shorter counts

}  // namespace

int dense_stream_rows(Isa isa, const DenseWeight& w) {
  if (w.data.size() <= kCacheBytes) return 0;
  if (isa == Isa::scalar || int8_group(w.type) == 0) return 1;
  const int64_t stride = row_bytes(w.type, w.n_cols);
  const int n = static_cast<int>(std::min<int64_t>(kPartBytes / stride, w.n_rows / (2 * kTurns)));
  std::vector<float> x, out;
  try {
    x.resize(static_cast<size_t>(w.n_cols));
    out.resize(static_cast<size_t>(std::max(n, 1)));
  } catch (const std::bad_alloc&) {  // the weight is loaded all the same
    return 1;
  }
  double best[2] = {1e30, 1e30};
  // From the beginning, which was loaded first and has most likely left the caches.
  for (int part = 0; part < 2 * kTurns; part++) {
    const int rows = 1 + part % 2;
    const DenseRows d = {w.type, w.data.as<uint8_t>() + part * n * stride, stride, n, w.n_cols, x.data(), w.n_cols, 1,
                         out.data(), n, false, rows};
    const auto begin = std::chrono::steady_clock::now();
    dense_rows(isa, d);
    best[rows - 1] = std::min(best[rows - 1], std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return best[1] < best[0] ? 2 : 1;
}

}  // namespace tern::cpu
