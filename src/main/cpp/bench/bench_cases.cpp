#include "bench/bench_cases.h"

namespace tern {
namespace {

struct Heads {
  int n_heads, n_kv_heads, head_dim;
};
constexpr Heads kBitNetHeads = {20, 5, 128}, kLlamaHeads = {32, 8, 128};
constexpr int kBitNetDim = 2560, kBitNetFfn = 6912, kLlamaDim = 4096, kLlamaFfn = 14336, kVocab = 128256;

class Table {
 public:
  explicit Table(bool gpu) : gpu_(gpu) {
    attention();
    matmuls();
    rows();
  }
  std::vector<tern_bench_case> cases;

 private:
  void add(int op, int type, int n_rows, int n_out, int n_in, Heads h = {0, 0, 0}) {
    cases.push_back({sizeof(tern_bench_case), op, type, n_rows, n_out, n_in, h.n_heads, h.n_kv_heads, h.head_dim, 0});
  }

  void attention() {
    for (const Heads& heads : {kBitNetHeads, kLlamaHeads})
      for (int keys : {1024, 8192, 32768}) add(TERN_BENCH_ATTENTION_DECODE, TERN_TYPE_F16, 1, 0, keys, heads);
    for (int keys : {512, 2048}) add(TERN_BENCH_ATTENTION_DECODE, TERN_TYPE_F16, 1, 0, keys, kLlamaHeads);
    for (int rows : {4, 8, 16}) add(TERN_BENCH_ATTENTION_DECODE, TERN_TYPE_F16, rows, 0, 8192, kLlamaHeads);
    if (!gpu_) add(TERN_BENCH_ATTENTION_DECODE, TERN_TYPE_F32, 1, 0, 8192, kLlamaHeads);
    if (gpu_) {
      add(TERN_BENCH_ATTENTION_DECODE, TERN_TYPE_F16, 1, 0, 131072, kLlamaHeads);
      for (int type : {TERN_TYPE_BF16, TERN_TYPE_I8})
        for (int rows : {1, 8}) add(TERN_BENCH_ATTENTION_DECODE, type, rows, 0, 8192, kLlamaHeads);
    }
    for (int rows : {128, 512, 2048}) add(TERN_BENCH_ATTENTION_PREFILL, TERN_TYPE_F16, rows, 0, rows, kLlamaHeads);
    add(TERN_BENCH_ATTENTION_PREFILL, TERN_TYPE_F16, 512, 0, 2048, kBitNetHeads);
    add(TERN_BENCH_ATTENTION_PREFILL, TERN_TYPE_F16, 128, 0, 8192, kLlamaHeads);
    if (gpu_) {
      add(TERN_BENCH_ATTENTION_PREFILL, TERN_TYPE_F16, 8192, 0, 8192, kLlamaHeads);
      for (int type : {TERN_TYPE_BF16, TERN_TYPE_I8}) add(TERN_BENCH_ATTENTION_PREFILL, type, 2048, 0, 2048, kLlamaHeads);
    }
  }

  void matmuls() {
    for (int rows : {1, 8}) {
      add(TERN_BENCH_TERNARY, TERN_TYPE_TQ2_0, rows, kBitNetDim, kBitNetDim);
      add(TERN_BENCH_TERNARY, TERN_TYPE_TQ2_0, rows, kBitNetFfn, kBitNetDim);
      add(TERN_BENCH_TERNARY, TERN_TYPE_TQ2_0, rows, kBitNetDim, kBitNetFfn);
    }
    for (int rows : {4, 16, 128, 512, 2048})
      if (gpu_ || rows < 2048) add(TERN_BENCH_TERNARY, TERN_TYPE_TQ2_0, rows, kBitNetFfn, kBitNetDim);
    for (int type : {TERN_TYPE_F16, TERN_TYPE_BF16, TERN_TYPE_Q8_0, TERN_TYPE_Q6_K, TERN_TYPE_F32})
      for (int rows : {1, 8}) add(TERN_BENCH_DENSE, type, rows, kLlamaFfn, kLlamaDim);
    add(TERN_BENCH_DENSE, TERN_TYPE_F16, 1, kLlamaDim, kLlamaFfn);
    add(TERN_BENCH_DENSE, TERN_TYPE_F16, 1, kVocab, kBitNetDim);
    for (int rows : {4, 16}) add(TERN_BENCH_DENSE, TERN_TYPE_F16, rows, kLlamaFfn, kLlamaDim);
    for (int type : {TERN_TYPE_F16, TERN_TYPE_Q8_0}) add(TERN_BENCH_DENSE, type, 128, kLlamaFfn, kLlamaDim);
    if (gpu_)
      for (int type : {TERN_TYPE_F16, TERN_TYPE_BF16})
        for (int rows : {512, 2048}) add(TERN_BENCH_DENSE, type, rows, kLlamaFfn, kLlamaDim);
  }

  void rows() {
    constexpr int kRows[] = {1, 8, 512};
    for (int rows : kRows) add(TERN_BENCH_NORM_QUANTIZE, TERN_TYPE_F32, rows, 0, kBitNetDim);
    for (int rows : kRows) add(TERN_BENCH_GATE_NORM_QUANTIZE, TERN_TYPE_F32, rows, 0, kBitNetFfn);
    for (int rows : kRows) add(TERN_BENCH_ROPE_APPEND, TERN_TYPE_F16, rows, 0, 0, kLlamaHeads);
    for (int rows : kRows) add(TERN_BENCH_EMBED, TERN_TYPE_F16, rows, kVocab, kBitNetDim);
    for (int rows : {1, 8}) add(TERN_BENCH_SAMPLE, TERN_TYPE_F32, rows, 0, kVocab);
  }

  bool gpu_;
};

}  // namespace

const std::vector<tern_bench_case>& bench_cases(bool gpu) {
  static const std::vector<tern_bench_case> of_cpu = Table(false).cases, of_gpu = Table(true).cases;
  return gpu ? of_gpu : of_cpu;
}

}  // namespace tern
