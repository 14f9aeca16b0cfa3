#include "bench/bench.h"

#include <algorithm>
#include <cmath>

#include "core/checked.h"

namespace tern {
namespace {

// What the sets of a cold case hold together: several times the last cache, of which a server's may be a gigabyte.
int64_t cold_bytes(int64_t cache) {
  constexpr int64_t kCaches = 4, kCachesAtLeast = 2, kMuch = int64_t(1) << 30;
  return std::min(kCaches * cache, std::max(kCachesAtLeast * cache, kMuch));
}

void in_range(const char* name, int64_t value, int64_t low, int64_t high) {
  TERN_CHECK_ARG(value >= low && value <= high, "%s is %lld, it must be %lld to %lld", name, static_cast<long long>(value),
                 static_cast<long long>(low), static_cast<long long>(high));
}

BenchCase checked_case(Backend& backend, const BenchCase& c) {
  TERN_CHECK_ARG(c.struct_size == sizeof(BenchCase), "tern_bench_case of another version: %u bytes, expected %zu", c.struct_size, sizeof(BenchCase));
  in_range("op", c.op, 0, TERN_BENCH_COUNT - 1);
  in_range("cold", c.cold, 0, 1);
  const bool attention = c.op == TERN_BENCH_ATTENTION_DECODE || c.op == TERN_BENCH_ATTENTION_PREFILL;
  const bool heads = attention || c.op == TERN_BENCH_ROPE_APPEND, weights = c.op == TERN_BENCH_TERNARY || c.op == TERN_BENCH_DENSE || c.op == TERN_BENCH_EMBED;
  in_range("n_rows", c.n_rows, 1, 1 << 16);
  in_range("n_out", c.n_out, weights ? 1 : 0, weights ? 1 << 24 : 0);
  in_range("n_in", c.n_in, c.op == TERN_BENCH_ROPE_APPEND ? 0 : 1, c.op == TERN_BENCH_ROPE_APPEND ? 0 : 1 << 22);
  in_range("n_heads", c.n_heads, heads ? 1 : 0, heads ? 1 << 10 : 0);
  in_range("n_kv_heads", c.n_kv_heads, heads ? 1 : 0, c.n_heads);
  in_range("head_dim", c.head_dim, heads ? 8 : 0, heads ? 256 : 0);
  if (heads) {
    TERN_CHECK_ARG(c.n_heads % c.n_kv_heads == 0, "%d heads share %d heads of keys unevenly", c.n_heads, c.n_kv_heads);
    TERN_CHECK_ARG(c.head_dim % 8 == 0, "head_dim is %d, it must be a multiple of 8", c.head_dim);
    TERN_CHECK_ARG(c.type == TERN_TYPE_F32 || c.type == TERN_TYPE_F16 || c.type == TERN_TYPE_BF16 || c.type == TERN_TYPE_I8,
                   "keys of type %d: it must be F32, F16, BF16 or I8", c.type);
  } else if (!weights) {
    TERN_CHECK_ARG(c.type == TERN_TYPE_F32, "type is %d, rows of this op are F32", c.type);
  }
  if (c.op == TERN_BENCH_ATTENTION_PREFILL) in_range("n_in", c.n_in, c.n_rows, 1 << 22);
  if (c.op == TERN_BENCH_ATTENTION_DECODE) in_range("keys of all rows", int64_t(c.n_rows) * round_up(c.n_in, TERN_PAGE_LEN), 1, 1 << 24);
  if (c.op == TERN_BENCH_EMBED) in_range("n_rows", c.n_rows, 1, c.n_out);
  in_range("kernel", c.kernel, 0, static_cast<int64_t>(bench_kernels(backend, c.op).size()));
  return c;
}

HeadShape shape_of(const BenchCase& c) {
  if (!c.n_heads) return {1, 1, 64, TERN_TYPE_F16};  // of a runner whose steps have no attention
  return {c.n_heads, c.n_kv_heads, c.head_dim, c.type};
}

// What this device keeps no keys of is no fault of the case.
void check_type(Backend& backend, const BenchCase& c) {
  if (!c.n_heads) return;
  try {
    backend.kv_layer_bytes(shape_of(c), 1);
  } catch (const Error& e) {
    throw Error(e.status() == TERN_ERR_INVALID_ARGUMENT ? TERN_ERR_UNSUPPORTED : e.status(), e.what());
  }
}

std::unique_ptr<OpBench> op_bench(Backend& backend, const BenchCase& c, const BenchBatch& batch) {
  switch (c.op) {
    case TERN_BENCH_ATTENTION_DECODE:
    case TERN_BENCH_ATTENTION_PREFILL: return attention_bench(backend, c, batch);
    case TERN_BENCH_TERNARY:
    case TERN_BENCH_DENSE: return matmul_bench(backend, c);
    case TERN_BENCH_NORM_QUANTIZE:
    case TERN_BENCH_GATE_NORM_QUANTIZE: return norm_quantize_bench(backend, c);
    case TERN_BENCH_ROPE_APPEND: return rope_append_bench(backend, c);
    case TERN_BENCH_EMBED: return embed_bench(backend, c);
    default: return sample_bench(backend, c);
  }
}

}  // namespace

std::vector<const char*> bench_kernels(Backend& backend, int op) {
  return op == TERN_BENCH_TERNARY ? backend.meter().ternary_kernels() : std::vector<const char*>();
}

const char* bench_kernel(Backend& backend, const BenchCase& c) {
  return c.kernel ? bench_kernels(backend, c.op).at(static_cast<size_t>(c.kernel - 1)) : nullptr;
}

void check_bench_case(Backend& backend, const BenchCase& c) { checked_case(backend, c); }

Bench::Bench(std::shared_ptr<Device> device, const BenchCase& c)
    : device_(std::move(device)), case_(checked_case(*device_->backend, c)), batch_(case_) {
  Backend& b = *device_->backend;
  Meter& meter = b.meter();
  check_type(b, case_);
  op_ = op_bench(b, case_, batch_);
  const int64_t wanted = case_.cold ? (cold_bytes(meter.cache_bytes()) + op_->set_bytes() - 1) / op_->set_bytes() : 1;
  const int n_sets = static_cast<int>(std::clamp<int64_t>(wanted, 1, std::max<int64_t>(1, op_->max_sets())));
  // Made of pieces, each of which may be too small to be asked for.
  if (b.host_memory()) require_free(checked_mul(op_->set_bytes(), n_sets), "the data of a benchmark's calls");
  op_->make_sets(n_sets);
  runner_ = b.create_runner(shape_of(case_), batch_.limits);
  const OpCost cost = op_->cost();
  counts_ = {sizeof(tern_bench_counts), op_->peak(meter), cost.ops, cost.bytes_read, cost.bytes_written, checked_mul(op_->set_bytes(), n_sets), n_sets, 0};
  kernel_ = op_->kernel(meter);
  call_and_check();
}

void Bench::call_and_check() {
  Backend& b = *device_->backend;
  for (const BenchResult& result : op_->results(0)) poison(b, result);
  runner_->run(batch_.batch, [&](const Step& step) { op_->call(step, 0); });
  for (const BenchResult& result : op_->results(0)) check_written(b, result);
  for (int o = 0; o < batch_.batch.n_outputs; o++)
    if (batch_.out_token[static_cast<size_t>(o)] < 0 || !std::isfinite(batch_.out_logprob[static_cast<size_t>(o)]))
      fail(TERN_ERR_INTERNAL, "a benchmarked op drew token %d for row %d", batch_.out_token[static_cast<size_t>(o)], o);
}

double Bench::run(int n_calls) {
  in_range("n_calls", n_calls, 1, TERN_BENCH_MAX_CALLS);
  double seconds = 0;
  const int first = next_;
  runner_->show(batch_.batch, [&](const Step& step) {
    seconds = device_->backend->meter().time(n_calls, case_.cold != 0, [&](int i) { op_->call(step, (first + i) % counts_.n_sets); });
  });
  next_ = (first + n_calls) % counts_.n_sets;
  return seconds;
}

}  // namespace tern
