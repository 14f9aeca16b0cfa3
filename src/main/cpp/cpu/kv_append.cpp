// Keys and values on their way into the cache, the heads of many rows spread over the pool.
#include <algorithm>

#include "cpu/attention.h"
#include "cpu/attention_state.h"
#include "cpu/task_cut.h"

namespace tern::cpu {
namespace {

constexpr int kPage = TERN_PAGE_LEN;
constexpr int64_t kInlineAppend = 4096;  // elements of K, some 10 us: each is a line to write to

}  // namespace

void kv_append(Pool& pool, Isa isa, const KvLayer& kv, const float* k, int k_stride, const float* v, int v_stride, const int32_t* slot,
               int n_rows) {
  const auto append = attention_kernels(isa).append_head[kv.type == TERN_TYPE_F16];
  const int64_t element = kv.type == TERN_TYPE_F16 ? 2 : 4;
  const auto rows = [&](int head, int begin, int end) {
    for (int i = begin; i < end; i++) {
      const int place = slot[i] % kPage;
      const int64_t tile = (int64_t{slot[i] / kPage} * kv.n_kv_heads + head) * kv.head_dim * kPage;
      append(k + int64_t{i} * k_stride + head * kv.head_dim, v + int64_t{i} * v_stride + head * kv.head_dim, kv.head_dim,
             static_cast<char*>(kv.k) + (tile + place) * element,
             static_cast<char*>(kv.v) + (tile + place * kv.head_dim) * element);
    }
  };
  if (int64_t{n_rows} * kv.n_kv_heads * kv.head_dim <= kInlineAppend) {
    for (int head = 0; head < kv.n_kv_heads; head++) rows(head, 0, n_rows);
    return;
  }
  // Rows that follow each other share lines of K; heads do not.
  const int n_blocks = std::max(1, n_rows / kPage);
  pool.run(kv.n_kv_heads * n_blocks, [&](int task, int) {
    const Range block = part(n_rows, n_blocks, task % n_blocks);
    rows(task / n_blocks, block.begin, block.end);
  });
}

}  // namespace tern::cpu
