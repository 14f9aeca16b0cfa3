// What a backend must do: hold weights in its own layout, and the ops of which model/forward.cpp is made. All pointers to
// floats are memory of the backend. Ops of one backend are called by one thread at a time. [a, b] means a rows of b elements.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/memory.h"
#include "tern.h"

namespace tern {

// A matrix [n_rows, n_cols] in kernel layout, or a vector of floats (one row).
class Weight {
 public:
  virtual ~Weight() = default;
  virtual void append_rows(int n, const void* data, int64_t n_bytes) = 0;  // as in tern_model_load_rows
  virtual bool complete() const = 0;
  virtual bool ternary() const = 0;
  virtual int n_rows() const = 0;
  virtual int n_cols() const = 0;
  virtual int64_t bytes() const = 0;
  virtual const float* vector() const = 0;  // of a norm or factor row, else null
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

// One layer of the KV arena: K [n_pages, n_kv_heads, head_dim, 64], V [n_pages, n_kv_heads, 64, head_dim].
struct KvSpan {
  void* k;
  void* v;
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

struct HeadShape {
  int n_heads;
  int n_kv_heads;
  int head_dim;
  int kv_type;
};

class Backend {
 public:
  virtual ~Backend() = default;

  virtual std::string describe() = 0;  // JSON
  virtual int n_threads() const = 0;
  virtual void set_threads(int n) = 0;

  // vector: the weight is used elementwise (norms), and kept as floats whatever its type.
  virtual std::unique_ptr<Weight> create_weight(int type, int store, int n_rows, int n_cols, float scale, bool vector) = 0;

  // Scratch of matmuls with up to max_rows rows and n_cols columns; of attention; of sampling.
  virtual int64_t matmul_scratch_bytes(const Weight& weight, int max_rows) = 0;
  virtual int64_t attention_scratch_bytes(const HeadShape& shape, int max_rows, int64_t max_keys, int max_segments) = 0;
  virtual int64_t sample_scratch_bytes(int vocab_size) = 0;

  virtual void embed(const Weight& table, const int32_t* ids, int n, float* out) = 0;
  virtual void rmsnorm(const float* x, const float* weight, float eps, int n_rows, int dim, float* out) = 0;
  // norm null: x itself. Fills what the flags ask for.
  virtual Activations activations(const float* x, const float* norm, float eps, int n_rows, int dim, bool f32, bool int8,
                                  const ActivationsBuffer& buffer) = 0;
  virtual void matmul(const Projection* projections, int n, const Activations& a, int n_rows, Buffer& scratch) = 0;
  virtual void rope_table(const int64_t* pos, int n_rows, const double* inv_freq, int rope_dim, float* cos_sin) = 0;
  virtual void rope(const float* x, const float* cos_sin, int style, int n_rows, int n_heads, int head_dim, int rope_dim,
                    float* out) = 0;
  virtual void kv_append(const KvSpan& kv, const HeadShape& shape, const float* k, const float* v, const int32_t* slot,
                         int n_rows) = 0;
  virtual void attention(const KvSpan& kv, const HeadShape& shape, const AttentionBatch& batch, const float* q, float* out,
                         Buffer& scratch) = 0;
  virtual void gate(int kind, const float* gate, const float* up, int64_t n, float* out) = 0;
  virtual void gather(const float* x, const int32_t* rows, int n, int dim, float* out) = 0;
  // Draws for all outputs of a batch from logits [n_outputs, vocab_size]; writes out_token and out_logprob.
  virtual void sample(const float* logits, int vocab_size, const tern_batch& batch, Buffer& scratch) = 0;
  // The exact product by the named kernel, as tern_op_ternary; a measurement, as tern_op_read_bandwidth.
  virtual void ternary_int32(const char* kernel, const int8_t* w, int n_out, int n_in, const int8_t* q, int n_rows,
                             int32_t* out) = 0;
  virtual double read_bandwidth(int64_t n_bytes, int n_passes) = 0;
  virtual void fill_slots(const KvSpan& kv, const HeadShape& shape, int slot, int len, float value) = 0;
};

std::shared_ptr<Backend> open_cpu_backend(int n_threads);

}  // namespace tern
