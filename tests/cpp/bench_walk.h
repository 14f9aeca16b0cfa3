// What an op must do at least, counted by doing it: the plain algorithm on numbers that count their own products and sums, and on arrays
// that note which elements were touched. Knows nothing of the formulas in bench/op_cost.cpp.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <vector>

#include "bench/op_bench.h"
#include "tern_bench.h"

namespace tern::walk {

inline int64_t n_ops = 0;

struct Number {
  float value = 0;
  Number operator*(Number other) const { return n_ops++, Number{value * other.value}; }
  Number operator+(Number other) const { return n_ops++, Number{value + other.value}; }
  Number operator-(Number other) const { return n_ops++, Number{value - other.value}; }
};

// Elements of element_bytes, or blocks of several elements that are read whole.
class Array {
 public:
  Array(int64_t n, int64_t bytes, int64_t block = 1) : bytes_(bytes), block_(block), touched_(static_cast<size_t>((n + block - 1) / block)) {}
  Number operator[](int64_t i) {
    touched_.at(static_cast<size_t>(i / block_)) = true;
    return Number{0.5f};
  }
  void put(int64_t i, Number) { touched_.at(static_cast<size_t>(i / block_)) = true; }
  int64_t touched_bytes() const {
    int64_t n = 0;
    for (const bool t : touched_) n += t;
    return n * bytes_;
  }

 private:
  int64_t bytes_, block_;
  std::vector<bool> touched_;
};

struct Count {
  int64_t ops, read, written;
};

inline int64_t element_bytes(int type) { return type == TERN_TYPE_F32 ? 4 : type == TERN_TYPE_I8 ? 1 : 2; }

// n [*, n_in] weights as they stand in a file, whose blocks (of rows of whole blocks) follow each other.
inline Array weights(int type, int64_t n) {
  switch (type) {
    case TERN_TYPE_Q8_0: return {n, 34, 32};
    case TERN_TYPE_Q4_0: return {n, 18, 32};
    case TERN_TYPE_Q6_K: return {n, 210, 256};
    default: return {n, element_bytes(type)};
  }
}

inline Count dense(const BenchCase& c, Array w) {
  n_ops = 0;
  Array x(int64_t(c.n_rows) * c.n_in, 4), out(int64_t(c.n_rows) * c.n_out, 4);
  for (int64_t r = 0; r < c.n_rows; r++)
    for (int64_t o = 0; o < c.n_out; o++) {
      Number sum;
      for (int64_t j = 0; j < c.n_in; j++) sum = sum + w[o * c.n_in + j] * x[r * c.n_in + j];
      out.put(r * c.n_out + o, sum);
    }
  return {n_ops, w.touched_bytes() + x.touched_bytes(), out.touched_bytes()};
}

// Without the weights, which every kernel keeps in its own way.
inline Count ternary(const BenchCase& c) {
  n_ops = 0;
  Array w(int64_t(c.n_out) * c.n_in, 0), row_scale(c.n_out, 0), x(int64_t(c.n_rows) * c.n_in, 1), scale(c.n_rows, 4), sums(c.n_rows, 4),
      out(int64_t(c.n_rows) * c.n_out, 4);
  for (int64_t r = 0; r < c.n_rows; r++)
    for (int64_t o = 0; o < c.n_out; o++) {
      Number sum;
      for (int64_t j = 0; j < c.n_in; j++) sum = sum + w[o * c.n_in + j] * x[r * c.n_in + j];
      sums[r];  // kernels of codes w + 1 subtract it
      out.put(r * c.n_out + o, sum * (scale[r] * row_scale[o]));
    }
  return {n_ops, x.touched_bytes() + scale.touched_bytes() + sums.touched_bytes(), out.touched_bytes()};
}

// q_bytes: of an element of a rotated query.
inline Count attention(const BenchCase& c, const BenchBatch& b, int64_t q_bytes) {
  n_ops = 0;
  const int64_t dim = c.head_dim, slots = int64_t(b.limits.n_pages) * TERN_PAGE_LEN, scale = c.type == TERN_TYPE_I8 ? 4 : 0;
  Array k(slots * c.n_kv_heads * dim, element_bytes(c.type)), v = k, k_scale(slots * c.n_kv_heads, scale), v_scale = k_scale;
  Array q(int64_t(c.n_rows) * c.n_heads * dim, q_bytes), out(int64_t(c.n_rows) * c.n_heads * dim, 4);
  for (int s = 0; s < b.batch.n_seqs; s++)
    for (int64_t r = b.seq_row_begin[static_cast<size_t>(s)]; r < b.seq_row_begin[static_cast<size_t>(s) + 1]; r++)
      for (int h = 0; h < c.n_heads; h++) {
        std::vector<Number> sum(static_cast<size_t>(dim));
        for (int i = b.seq_segment_begin[static_cast<size_t>(s)]; i < b.seq_segment_begin[static_cast<size_t>(s) + 1]; i++)
          for (int t = 0; t < b.segment_len[static_cast<size_t>(i)]; t++) {
            const int64_t index = b.segment_index[static_cast<size_t>(i)] + t;
            if (index < b.lo[static_cast<size_t>(r)] || index > b.hi[static_cast<size_t>(r)]) continue;
            const int64_t row = (b.segment_slot[static_cast<size_t>(i)] + t) * int64_t(c.n_kv_heads) + h / (c.n_heads / c.n_kv_heads);
            k_scale[row], v_scale[row];
            Number score;
            for (int64_t d = 0; d < dim; d++) score = score + q[(r * c.n_heads + h) * dim + d] * k[row * dim + d];
            for (int64_t d = 0; d < dim; d++) sum[static_cast<size_t>(d)] = sum[static_cast<size_t>(d)] + score * v[row * dim + d];
          }
        for (int64_t d = 0; d < dim; d++) out.put((r * c.n_heads + h) * dim + d, sum[static_cast<size_t>(d)]);
      }
  return {n_ops, k.touched_bytes() + v.touched_bytes() + k_scale.touched_bytes() + v_scale.touched_bytes() + q.touched_bytes(), out.touched_bytes()};
}

inline Count norm_quantize(const BenchCase& c, bool gated) {
  n_ops = 0;
  const int64_t n = int64_t(c.n_rows) * c.n_in;
  Array x(n, 4), up(n, 4), weight(c.n_in, 4), q(n, 1), scale(c.n_rows, 4), sums(c.n_rows, 4);
  for (int64_t r = 0; r < c.n_rows; r++) {
    std::vector<Number> y;
    Number squares, sum;
    for (int64_t j = 0; j < c.n_in; j++) {
      Number value = x[r * c.n_in + j];
      if (gated) value = value * value * up[r * c.n_in + j];
      squares = squares + value * value;
      y.push_back(value);
    }
    const Number inverse{1}, step{127};  // a root and a largest value: once a row
    for (int64_t j = 0; j < c.n_in; j++) {
      const Number quantised = y[static_cast<size_t>(j)] * inverse * weight[j] * step;
      q.put(r * c.n_in + j, quantised);
      sum = sum + quantised;
    }
    scale.put(r, step);
    sums.put(r, sum);
  }
  return {n_ops, x.touched_bytes() + up.touched_bytes() + weight.touched_bytes(), q.touched_bytes() + scale.touched_bytes() + sums.touched_bytes()};
}

inline Count rope_append(const BenchCase& c, int64_t q_bytes) {
  n_ops = 0;
  const int64_t dim = c.head_dim, half = dim / 2, n_q = int64_t(c.n_rows) * c.n_heads * dim, n_k = int64_t(c.n_rows) * c.n_kv_heads * dim;
  Array q(n_q, 4), k(n_k, 4), v(n_k, 4), q_table(c.n_rows * dim, 4), k_table(c.n_rows * dim, 4), slot(c.n_rows, 4);
  Array q_out(n_q, q_bytes), k_out(n_k, element_bytes(c.type)), v_out = k_out, k_scale(n_k / dim, c.type == TERN_TYPE_I8 ? 4 : 0), v_scale = k_scale;
  const auto rotate = [&](Array& x, Array& table, Array& out, int64_t head, int64_t row) {
    for (int64_t j = 0; j < half; j++) {
      const Number a = x[head * dim + j], b = x[head * dim + half + j], cosine = table[row * dim + 2 * j], sine = table[row * dim + 2 * j + 1];
      out.put(head * dim + j, a * cosine - b * sine);
      out.put(head * dim + half + j, a * sine + b * cosine);
    }
  };
  for (int64_t r = 0; r < c.n_rows; r++) {
    slot[r];
    for (int64_t h = 0; h < c.n_heads; h++) rotate(q, q_table, q_out, r * c.n_heads + h, r);
    for (int64_t h = 0; h < c.n_kv_heads; h++) {
      const int64_t head = r * c.n_kv_heads + h;
      rotate(k, k_table, k_out, head, r);
      for (int64_t d = 0; d < dim; d++) v_out.put(head * dim + d, v[head * dim + d]);
      k_scale.put(head, {}), v_scale.put(head, {});
    }
  }
  return {n_ops, q.touched_bytes() + k.touched_bytes() + v.touched_bytes() + q_table.touched_bytes() + k_table.touched_bytes() + slot.touched_bytes(),
          q_out.touched_bytes() + k_out.touched_bytes() + v_out.touched_bytes() + k_scale.touched_bytes() + v_scale.touched_bytes()};
}

inline Count embed(const BenchCase& c, Array table) {
  n_ops = 0;
  Array ids(c.n_rows, 4), out(int64_t(c.n_rows) * c.n_in, 4);
  for (int64_t i = 0; i < c.n_rows; i++) {
    ids[i];
    for (int64_t j = 0; j < c.n_in; j++) out.put(i * c.n_in + j, table[(c.n_out - 1 - i) * c.n_in + j]);
  }
  return {n_ops, ids.touched_bytes() + table.touched_bytes(), out.touched_bytes()};
}

inline Count sample(const BenchCase& c) {
  n_ops = 0;
  Array logits(int64_t(c.n_rows) * c.n_in, 4), token(c.n_rows, 4), logprob(c.n_rows, 4);
  for (int64_t r = 0; r < c.n_rows; r++) {
    Number sum;
    for (int64_t j = 0; j < c.n_in; j++) sum = sum + logits[r * c.n_in + j] * Number{1.25f};
    token.put(r, sum), logprob.put(r, sum);
  }
  return {n_ops, logits.touched_bytes(), token.touched_bytes() + logprob.touched_bytes()};
}

// TERNARY without its weights. q_bytes: of an element of a rotated query.
inline Count count(const BenchCase& c, const BenchBatch& batch, int64_t q_bytes) {
  switch (c.op) {
    case TERN_BENCH_ATTENTION_DECODE:
    case TERN_BENCH_ATTENTION_PREFILL: return attention(c, batch, q_bytes);
    case TERN_BENCH_TERNARY: return ternary(c);
    case TERN_BENCH_DENSE: return dense(c, weights(c.type, int64_t(c.n_out) * c.n_in));
    case TERN_BENCH_NORM_QUANTIZE: return norm_quantize(c, false);
    case TERN_BENCH_GATE_NORM_QUANTIZE: return norm_quantize(c, true);
    case TERN_BENCH_ROPE_APPEND: return rope_append(c, q_bytes);
    case TERN_BENCH_EMBED: return embed(c, weights(c.type, int64_t(c.n_out) * c.n_in));
    case TERN_BENCH_SAMPLE: return sample(c);
    default: throw std::logic_error("an op");
  }
}

}  // namespace tern::walk
