// One op's part of a benchmark: its data, and the call. Calls take sets of data in turn; set 0 is the first that is made.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/bench_data.h"
#include "bench/op_cost.h"
#include "core/backend.h"

namespace tern {

using BenchCase = tern_bench_case;

// A step's arrays, in host memory; what an op does not use is filled all the same, with what is harmless.
struct BenchBatch {
  tern_batch batch;
  StepLimits limits;
  std::vector<int32_t> token, slot, seq_row_begin, seq_segment_begin, segment_slot, segment_len, segment_rotation, output_row, target, top_k,
      penalty_begin, penalty_token, out_token;
  std::vector<int64_t> rope_pos, q_pos, sink_end, lo, hi, segment_index, seed, draw;
  std::vector<float> temperature, top_p, min_p, repeat_penalty, out_logprob;

  explicit BenchBatch(const BenchCase& c);
  BenchBatch(const BenchBatch&) = delete;
  BenchBatch& operator=(const BenchBatch&) = delete;
};

class OpBench {
 public:
  virtual ~OpBench() = default;
  virtual OpCost cost() const = 0;
  // How many sets can be made; an op whose data is a part of one table may run out of it.
  virtual int64_t max_sets() const { return 1 << 16; }
  // Bytes of one set, what calls write included.
  virtual int64_t set_bytes() const = 0;
  // Makes sets 0 .. n - 1; once, before the first call.
  virtual void make_sets(int n) = 0;
  virtual void call(const Step& step, int set) = 0;
  virtual std::vector<BenchResult> results(int set) const = 0;
  virtual int peak(Meter&) const { return TERN_PEAK_F32; }
  virtual std::string kernel(Meter&) const { return ""; }
};

// Static names of the kernels that a case may ask for, from number 1 on.
std::vector<const char*> bench_kernels(Backend& backend, int op);
// The one that it asks for; null: none.
const char* bench_kernel(Backend& backend, const BenchCase& c);

// The arguments were checked; batch stays.
std::unique_ptr<OpBench> attention_bench(Backend& backend, const BenchCase& c, const BenchBatch& batch);
std::unique_ptr<OpBench> matmul_bench(Backend& backend, const BenchCase& c);
std::unique_ptr<OpBench> norm_quantize_bench(Backend& backend, const BenchCase& c);
std::unique_ptr<OpBench> rope_append_bench(Backend& backend, const BenchCase& c);
std::unique_ptr<OpBench> embed_bench(Backend& backend, const BenchCase& c);
std::unique_ptr<OpBench> sample_bench(Backend& backend, const BenchCase& c);

}  // namespace tern
