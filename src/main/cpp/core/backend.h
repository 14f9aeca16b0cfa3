// What a backend must do: hold weights in its own layout, run steps, and the ops of which model/forward.cpp is made. Pointers that
// ops take are to memory of the backend (allocate); host memory is named as such. Ops of one backend are called by one thread at a
// time. [a, b] means a rows of b elements.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>

#include "core/memory.h"
#include "core/memory_pattern.h"
#include "core/meter.h"
#include "tern.h"

namespace tern {

// A matrix [n_rows, n_cols] in kernel layout, or a vector of floats (one row).
class Weight {
 public:
  virtual ~Weight() = default;
  virtual void append_rows(int n, const void* data, int64_t n_bytes) = 0;  // as in tern_model_load_rows
  virtual bool complete() const = 0;
  virtual bool ternary() const = 0;
  virtual int type() const = 0;  // of the rows that append_rows takes
  virtual int n_rows() const = 0;
  virtual int n_cols() const = 0;
  virtual int64_t bytes() const = 0;
  virtual const float* vector() const = 0;  // of a norm or factor row, else null; memory of the backend
};

// The rows a matmul multiplies: as floats, as int8, or both, whichever its weights take.
struct Activations {
  const float* f32 = nullptr;    // [n_rows, dim]
  const int8_t* int8 = nullptr;  // [n_rows, int8_stride]
  const float* scale = nullptr;  // [n_rows]
  const int32_t* sum = nullptr;  // [n_rows]
  int int8_stride = 0;
};

// Where Activations may be written.
struct ActivationsBuffer {
  float* f32;
  int8_t* int8;
  float* scale;
  int32_t* sum;
};

// One of several matmuls with the same activations: out [n_rows, weight rows] = or += x W^T.
struct Projection {
  const Weight* weight;
  float* out;
  bool accumulate;
};

// Where Activations come from: x, or act(x) * up, then normed if norm is not null. x may be where they are written.
struct ActivationsSource {
  float* x;                    // [n_rows, dim]; with up not null it may be overwritten
  const float* up = nullptr;   // [n_rows, dim] or null
  int gate = TERN_GATE_SILU;   // act, where up is not null
  const float* norm = nullptr;  // [dim] or null
  float eps = 0;
};

// Part of a buffer.
struct Span {
  void* data = nullptr;
  int64_t size = 0;
};

// One layer of the KV arena: Backend::kv_layer_bytes bytes, whose layout is the backend's own.
struct KvLayerSpan {
  void* data;
  int n_pages;
};

// The parts of a step's description that attention takes (meanings: tern.h, tern_batch).
struct AttentionBatch {
  int n_rows;
  int n_seqs;
  int n_rotations;
  const int32_t* seq_row_begin;
  const int32_t* seq_segment_begin;
  const int32_t* segment_slot;
  const int32_t* segment_len;
  const int64_t* segment_index;
  const int32_t* segment_rotation;
  const int64_t* sink_end;
  const int64_t* lo;
  const int64_t* hi;
};

inline AttentionBatch attention_batch(const tern_batch& b) {
  return {b.n_rows,        b.n_seqs,        b.n_rotations,      b.seq_row_begin, b.seq_segment_begin, b.segment_slot,
          b.segment_len,   b.segment_index, b.segment_rotation, b.sink_end,      b.lo,                b.hi};
}

struct HeadShape {
  int n_heads;
  int n_kv_heads;
  int head_dim;
  int kv_type;
};

// How large steps may become.
struct StepLimits {
  int max_rows;
  int max_seqs;
  int max_segments;
  int max_rotations;
  int max_outputs;
  int n_pages;
};

// A step as ops see it: the arrays of the batch in memory of the backend, rows and outputs perhaps padded to a common number.
struct Step {
  tern_batch batch;
  const int64_t* q_pos;  // [n_rotations, n_rows]
  const void* plan;      // the backend's own
};

// Runs the steps of one engine.
class StepRunner {
 public:
  virtual ~StepRunner() = default;
  virtual int64_t bytes() const = 0;
  // Makes batch, which is in host memory, visible to the backend and has body's ops run on it; returns with the results in
  // batch.out_*. A backend that records ops calls body only for a kind of step that is new to it.
  virtual void run(const tern_batch& batch, const std::function<void(const Step&)>& body) = 0;
  // The same without results, and without recording: body is always called, and may have ops run in any way and number.
  virtual void show(const tern_batch& batch, const std::function<void(const Step&)>& body) = 0;
};

// K rotated and written to its slots with V, and q rotated once per rotation.
struct RopeAppend {
  const float* q;        // [n_rows, n_heads, head_dim]
  float* k;              // [n_rows, n_kv_heads, head_dim]; may be overwritten
  const float* v;        // [n_rows, n_kv_heads, head_dim]
  const float* q_table;  // [n_rotations, n_rows, rope_dim]
  const float* k_table;  // [n_rows, rope_dim]
  const int32_t* slot;   // [n_rows]
  int n_rows;
  int n_rotations;
  int style;
  int rope_dim;
  void* q_rotated;       // q_rotated_bytes
};

// The ops that model/forward.cpp calls, and sampling.
class StepOps {
 public:
  virtual ~StepOps() = default;

  virtual void embed(const Weight& table, const int32_t* ids, int n, float* out) = 0;
  // Fills what the flags ask for.
  virtual Activations activations(const ActivationsSource& source, int n_rows, int dim, bool f32, bool int8,
                                  const ActivationsBuffer& buffer) = 0;
  virtual void matmul(const Projection* projections, int n, const Activations& a, int n_rows, Span scratch) = 0;
  // A later matmul over n_rows has these weights. What waits for others until then may fetch the beginning of its part of them; nothing
  // else changes.
  virtual void expect(std::initializer_list<const Weight*>, int /*n_rows*/) {}
  virtual void rope_table(const int64_t* pos, int n_rows, const double* inv_freq, int rope_dim, float* cos_sin) = 0;
  virtual void rope_append(const KvLayerSpan& kv, const HeadShape& shape, const RopeAppend& args) = 0;
  // q: as rope_append left it.
  virtual void attention(const KvLayerSpan& kv, const HeadShape& shape, const Step& step, const void* q, float* out,
                         Span scratch) = 0;
  virtual void gather(const float* x, const int32_t* rows, int n, int dim, float* out) = 0;
  // Draws for all outputs of a batch from logits [n_outputs, vocab_size]; writes out_token and out_logprob.
  virtual void sample(const float* logits, int vocab_size, const tern_batch& batch, Span scratch) = 0;
};

class Backend : public StepOps {
 public:
  virtual std::string describe() = 0;  // JSON
  virtual int n_threads() const = 0;
  virtual void set_threads(int n) = 0;

  // Memory that ops take. Buffers of a backend must go before it does.
  virtual Buffer allocate(int64_t n_bytes, const char* purpose) = 0;
  virtual bool host_memory() const = 0;  // allocate gives host memory: upload and download are plain copies
  virtual void upload(void* to, const void* host, int64_t n_bytes) = 0;
  virtual void download(void* host, const void* from, int64_t n_bytes) = 0;

  // vector: the weight is used elementwise (norms), and kept as floats whatever its type.
  virtual std::unique_ptr<Weight> create_weight(int type, int store, int n_rows, int n_cols, float scale, bool vector) = 0;

  virtual std::unique_ptr<StepRunner> create_runner(const HeadShape& shape, const StepLimits& limits) = 0;
  virtual int64_t runner_bytes(const HeadShape& shape, const StepLimits& limits) = 0;

  // Throws INVALID_ARGUMENT for a kv_type that the backend does not keep.
  virtual int64_t kv_layer_bytes(const HeadShape& shape, int n_pages) = 0;
  virtual int64_t q_rotated_bytes(const HeadShape& shape, int n_rows, int n_rotations) = 0;
  // Scratch of matmuls with up to max_rows rows and n_cols columns; of attention; of sampling.
  virtual int64_t matmul_scratch_bytes(const Weight& weight, int max_rows) = 0;
  virtual int64_t attention_scratch_bytes(const HeadShape& shape, const StepLimits& limits) = 0;
  virtual int64_t sample_scratch_bytes(int vocab_size, int max_outputs) = 0;

  // Outside a step.
  virtual void rope(const float* x, const float* cos_sin, int style, int n_rows, int n_heads, int head_dim, int rope_dim,
                    float* out) = 0;
  // K and V rows as floats, unrotated, and q as rope_append would leave it without rotating.
  virtual void kv_write(const KvLayerSpan& kv, const HeadShape& shape, const float* k, const float* v, const int32_t* slot,
                        int n_rows) = 0;
  virtual void q_write(const HeadShape& shape, const float* q, int64_t n_rows, void* q_rotated) = 0;
  virtual void fill_slots(const KvLayerSpan& kv, const HeadShape& shape, int slot, int len, float value) = 0;
  // The exact product by the named kernel, as tern_op_ternary; arrays in host memory.
  virtual void ternary_int32(const char* kernel, const int8_t* w, int n_out, int n_in, const int8_t* q, int n_rows,
                             int32_t* out) = 0;
  virtual double read_bandwidth(int64_t n_bytes, int n_passes) = 0;  // bytes per second
  // Memory of allocate filled with a pattern by the device, and compared with it there.
  virtual void pattern_write(void* data, int64_t n_words, const Pattern& pattern) = 0;
  virtual PatternFaults pattern_verify(const void* data, int64_t n_words, const Pattern& pattern) = 0;
  virtual Meter& meter() = 0;
};

std::shared_ptr<Backend> open_cpu_backend(int n_threads);
// Opens the CUDA backend's library and device `index`. Throws UNAVAILABLE with the reason.
std::shared_ptr<Backend> open_cuda_backend(int index);
// The library's path; null or empty: libtern_cuda.so beside this library, or where TERN_CUDA_LIBRARY says.
void set_cuda_library(const char* path);
int64_t cuda_native_bytes();  // held by the CUDA backend's library

}  // namespace tern
