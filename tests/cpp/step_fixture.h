// A model, an engine and a rolling cache described by hand: what Java's CachePolicy does, in its plainest form.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "oracle/transformer_oracle.h"
#include "tern.h"

namespace tern {

inline void ok(int32_t status) { ASSERT_EQ(status, TERN_OK) << tern_last_error(); }

// A tern_batch that owns its arrays.
struct BatchArrays {
  std::vector<int32_t> token, slot, seq_row_begin{0}, seq_segment_begin{0}, segment_slot, segment_len, segment_rotation,
      output_row, target, top_k, penalty_begin{0}, penalty_token, out_token;
  std::vector<int64_t> rope_pos, q_pos, sink_end, lo, hi, segment_index, seed, draw;
  std::vector<float> temperature, top_p, min_p, repeat_penalty, out_logprob;
  int n_rotations = 2;

  void add_output(int row, int want = -1) {
    output_row.push_back(row);
    target.push_back(want);
    temperature.push_back(0);
    top_k.push_back(0);
    top_p.push_back(1);
    min_p.push_back(0);
    repeat_penalty.push_back(1);
    seed.push_back(1);
    draw.push_back(0);
    penalty_begin.push_back(static_cast<int32_t>(penalty_token.size()));
    out_token.push_back(-7);
    out_logprob.push_back(NAN);
  }

  void end_sequence() {
    seq_row_begin.push_back(static_cast<int32_t>(token.size()));
    seq_segment_begin.push_back(static_cast<int32_t>(segment_slot.size()));
  }

  tern_batch view() {
    tern_batch b = {};
    b.struct_size = sizeof b;
    b.n_rows = static_cast<int32_t>(token.size());
    b.n_seqs = static_cast<int32_t>(seq_row_begin.size()) - 1;
    b.n_segments = static_cast<int32_t>(segment_slot.size());
    b.n_rotations = n_rotations;
    b.n_outputs = static_cast<int32_t>(output_row.size());
    b.token = token.data(), b.slot = slot.data(), b.rope_pos = rope_pos.data(), b.q_pos = q_pos.data();
    b.sink_end = sink_end.data(), b.lo = lo.data(), b.hi = hi.data();
    b.seq_row_begin = seq_row_begin.data(), b.seq_segment_begin = seq_segment_begin.data();
    b.segment_slot = segment_slot.data(), b.segment_len = segment_len.data();
    b.segment_index = segment_index.data(), b.segment_rotation = segment_rotation.data();
    b.output_row = output_row.data(), b.target = target.data(), b.temperature = temperature.data();
    b.top_k = top_k.data(), b.top_p = top_p.data(), b.min_p = min_p.data(), b.repeat_penalty = repeat_penalty.data();
    b.seed = seed.data(), b.draw = draw.data(), b.penalty_begin = penalty_begin.data();
    b.penalty_token = penalty_token.data(), b.out_token = out_token.data(), b.out_logprob = out_logprob.data();
    return b;
  }
};

// Sinks and window over pages taken from a free list; pages that fall out are poisoned and given back.
class RollingSequence {
 public:
  RollingSequence(std::deque<int32_t>* free_pages, int64_t n_sinks, int64_t window)
      : free_(free_pages), n_sinks_(n_sinks), window_(window) {}

  // Appends rows for the tokens to the batch; every row is an output.
  void append(const std::vector<int32_t>& tokens, BatchArrays* b) {
    const int64_t begin = n_, end = n_ + static_cast<int64_t>(tokens.size());
    for (int64_t i = begin; i < end; i++) {
      if (!page_of_.count(i / 64)) {
        ASSERT_FALSE(free_->empty());
        page_of_[i / 64] = free_->front();
        free_->pop_front();
      }
      b->token.push_back(tokens[static_cast<size_t>(i - begin)]);
      b->slot.push_back(slot_of(i));
      b->rope_pos.push_back(i);
      b->q_pos.push_back(i);
      b->q_pos.push_back(std::min(i, n_sinks_ + window_));
      b->sink_end.push_back(std::min(n_sinks_, i + 1));
      b->lo.push_back(std::max<int64_t>(0, i - window_));
      b->hi.push_back(i);
      b->add_output(static_cast<int>(b->token.size()) - 1);
    }
    add_segments(0, std::min(n_sinks_, end), 1, b);
    add_segments(std::max(n_sinks_, begin - window_), end, 0, b);
    b->end_sequence();
    n_ = end;
  }

  // Gives all pages back.
  void release() {
    for (const auto& page : page_of_) free_->push_back(page.second);
    page_of_.clear();
  }

  // Poisons what no later row may see, and gives back pages that hold nothing else.
  void evict(tern_engine* engine) {
    const int64_t first = std::max(n_sinks_, n_ - window_);
    for (int64_t j = n_sinks_; j < first; j++)
      if (page_of_.count(j / 64)) ok(tern_engine_fill(engine, slot_of(j), 1, NAN));
    for (auto it = page_of_.begin(); it != page_of_.end();) {
      const bool sinks = it->first * 64 < n_sinks_, dead = (it->first + 1) * 64 <= first;
      if (!sinks && dead) {
        free_->push_back(it->second);
        it = page_of_.erase(it);
      } else {
        ++it;
      }
    }
  }

 private:
  int32_t slot_of(int64_t i) const { return page_of_.at(i / 64) * 64 + static_cast<int32_t>(i % 64); }

  void add_segments(int64_t begin, int64_t end, int rotation, BatchArrays* b) const {
    while (begin < end) {
      const int64_t stop = std::min(end, (begin / 64 + 1) * 64);
      b->segment_slot.push_back(slot_of(begin));
      b->segment_len.push_back(static_cast<int32_t>(stop - begin));
      b->segment_index.push_back(begin);
      b->segment_rotation.push_back(rotation);
      begin = stop;
    }
  }

  std::deque<int32_t>* free_;
  int64_t n_sinks_, window_, n_ = 0;
  std::map<int64_t, int32_t> page_of_;
};

// Device, model and engine of a random transformer, ternary or dense, gone at the end of the test.
class ModelOnDevice {
 public:
  ModelOnDevice(const char* device_name, const oracle::Transformer& t, int n_threads, int n_pages, int kv_type, bool ternary) {
    ok(tern_device_open(device_name, n_threads, &device));
    ok(tern_model_create(device, &t.config, &model));
    const tern_model_config& c = t.config;
    const int q = c.n_heads * c.head_dim, kv = c.n_kv_heads * c.head_dim;
    load(TERN_ROLE_TOKEN_EMBD, -1, c.vocab_size, c.hidden_dim, t.token_embd, false);
    load(TERN_ROLE_OUTPUT_NORM, -1, 1, c.hidden_dim, t.output_norm, false);
    for (int l = 0; l < c.n_layers; l++) {
      const oracle::Layer& w = t.layers[l];
      load(TERN_ROLE_ATTN_NORM, l, 1, c.hidden_dim, w.attn_norm, false);
      load(TERN_ROLE_FFN_NORM, l, 1, c.hidden_dim, w.ffn_norm, false);
      if (c.sub_norms) {
        load(TERN_ROLE_ATTN_SUB_NORM, l, 1, q, w.attn_sub_norm, false);
        load(TERN_ROLE_FFN_SUB_NORM, l, 1, c.ffn_dim, w.ffn_sub_norm, false);
      }
      if (!w.q_norm.empty()) {
        load(TERN_ROLE_ATTN_Q_NORM, l, 1, c.head_dim, w.q_norm, false);
        load(TERN_ROLE_ATTN_K_NORM, l, 1, c.head_dim, w.k_norm, false);
      }
      load(TERN_ROLE_WQ, l, q, c.hidden_dim, w.wq, ternary);
      load(TERN_ROLE_WK, l, kv, c.hidden_dim, w.wk, ternary);
      load(TERN_ROLE_WV, l, kv, c.hidden_dim, w.wv, ternary);
      load(TERN_ROLE_WO, l, c.hidden_dim, q, w.wo, ternary);
      load(TERN_ROLE_W_GATE, l, c.ffn_dim, c.hidden_dim, w.w_gate, ternary);
      load(TERN_ROLE_W_UP, l, c.ffn_dim, c.hidden_dim, w.w_up, ternary);
      load(TERN_ROLE_W_DOWN, l, c.hidden_dim, c.ffn_dim, w.w_down, ternary);
    }
    ok(tern_model_seal(model));
    vocab_size = c.vocab_size;
    engine_config = {sizeof(tern_engine_config), n_pages, kv_type, 256, 16, 64, 2, 256};
    ok(tern_engine_create(model, &engine_config, &engine));
    for (int p = 0; p < n_pages; p++) free_pages.push_back(p);
    ok(tern_engine_fill(engine, 0, n_pages * 64, NAN));
  }
  ~ModelOnDevice() {
    tern_engine_destroy(engine);
    tern_model_destroy(model);
    tern_device_destroy(device);
  }

  std::vector<float> logits(int n_outputs) {
    std::vector<float> out(static_cast<size_t>(n_outputs) * vocab_size);
    for (int o = 0; o < n_outputs; o++) ok(tern_engine_logits(engine, o, out.data() + int64_t(o) * vocab_size));
    return out;
  }

  // Logits of all tokens fed in chunks under sinks and window.
  std::vector<float> run(const std::vector<int32_t>& tokens, int chunk, int64_t n_sinks, int64_t window) {
    RollingSequence seq(&free_pages, n_sinks, window);
    std::vector<float> all;
    for (size_t at = 0; at < tokens.size(); at += chunk) {
      const std::vector<int32_t> part(tokens.begin() + at, tokens.begin() + std::min(tokens.size(), at + chunk));
      BatchArrays b;
      seq.append(part, &b);
      const tern_batch view = b.view();
      ok(tern_step(engine, &view));
      const std::vector<float> l = logits(static_cast<int>(part.size()));
      all.insert(all.end(), l.begin(), l.end());
      seq.evict(engine);
    }
    seq.release();
    return all;
  }

  tern_device* device = nullptr;
  tern_model* model = nullptr;
  tern_engine* engine = nullptr;
  tern_engine_config engine_config;
  std::deque<int32_t> free_pages;
  int vocab_size = 0;

 private:
  void load(int role, int layer, int rows, int cols, const std::vector<float>& w, bool ternary) {
    std::vector<float> values = w;
    if (ternary)
      for (float& x : values) x = x > 0.02f ? 0.05f : x < -0.02f ? -0.05f : 0.f;
    ok(tern_model_load_begin(model, role, layer, TERN_TYPE_F32, ternary ? TERN_STORE_TERNARY : TERN_STORE_DENSE, rows, cols, 1));
    ok(tern_model_load_rows(model, role, layer, rows, values.data(), int64_t(values.size()) * 4));
  }
};

class ModelOnCpu : public ModelOnDevice {
 public:
  ModelOnCpu(const oracle::Transformer& t, int n_threads, int n_pages, int kv_type, bool ternary = false)
      : ModelOnDevice("cpu", t, n_threads, n_pages, kv_type, ternary) {}
};

}  // namespace tern
