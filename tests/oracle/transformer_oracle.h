// The transformer in the precision T, as plainly as it can be written: one sequence, all positions at once, dense attention
// under a visibility rule and a distance rule (the D-matrix form of a cache policy). Slow, never optimised.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <random>
#include <vector>

#include "tern.h"

namespace tern::oracle {

struct Layer {
  std::vector<float> attn_norm, attn_sub_norm, wq, wk, wv, wo, ffn_norm, ffn_sub_norm, w_gate, w_up, w_down;
  std::vector<float> q_norm, k_norm;  // [head_dim], or empty
};

struct Transformer {
  tern_model_config config;
  std::vector<float> token_embd, output_norm;
  std::vector<Layer> layers;
};

// Which keys position i sees, and the RoPE distance at which it sees them.
struct Policy {
  std::function<bool(int64_t i, int64_t j)> visible;
  std::function<int64_t(int64_t i, int64_t j)> distance;
};

inline Policy dense_policy() {
  return {[](int64_t i, int64_t j) { return j <= i; }, [](int64_t i, int64_t j) { return i - j; }};
}

// Sinks are the first S tokens, the window the R before the query (Xiao et al. 2024).
inline Policy sinks_policy(int64_t S, int64_t R) {
  return {[=](int64_t i, int64_t j) { return j <= i && (j < S || j >= i - R); },
          [=](int64_t i, int64_t j) { return j < S ? std::min(i, S + R) - j : i - j; }};
}

inline Transformer random_transformer(const tern_model_config& c, uint64_t seed, bool head_norms = false) {
  std::mt19937_64 rng(seed);
  auto matrix = [&](int64_t rows, int64_t cols) {
    std::normal_distribution<float> normal(0, 1 / std::sqrt(float(cols)));
    std::vector<float> m(static_cast<size_t>(rows * cols));
    for (float& x : m) x = normal(rng);
    return m;
  };
  auto norm = [&](int64_t n) {
    std::uniform_real_distribution<float> uniform(0.5f, 1.5f);
    std::vector<float> v(static_cast<size_t>(n));
    for (float& x : v) x = uniform(rng);
    return v;
  };
  const int q_dim = c.n_heads * c.head_dim, kv_dim = c.n_kv_heads * c.head_dim;
  Transformer t;
  t.config = c;
  t.token_embd = matrix(c.vocab_size, c.hidden_dim);
  for (float& x : t.token_embd) x *= 4;
  t.output_norm = norm(c.hidden_dim);
  for (int l = 0; l < c.n_layers; l++)
    t.layers.push_back({norm(c.hidden_dim), norm(q_dim), matrix(q_dim, c.hidden_dim), matrix(kv_dim, c.hidden_dim),
                        matrix(kv_dim, c.hidden_dim), matrix(c.hidden_dim, q_dim), norm(c.hidden_dim), norm(c.ffn_dim),
                        matrix(c.ffn_dim, c.hidden_dim), matrix(c.ffn_dim, c.hidden_dim), matrix(c.hidden_dim, c.ffn_dim), {}, {}});
  for (Layer& layer : t.layers)
    if (head_norms) layer.q_norm = norm(c.head_dim), layer.k_norm = norm(c.head_dim);
  return t;
}

// What a cache of less precision does to numbers, for a reference of the same precision; empty: nothing.
template <class T>
struct Rounding {
  std::function<void(T* head, int dim)> kv;  // one head's key or value of one token
  std::function<T(T)> half;                  // a query's element, or a weight of the softmax
};

template <class T>
class Reference {
 public:
  Reference(const Transformer& t, const Policy& policy, Rounding<T> rounding = {})
      : t_(t), c_(t.config), policy_(policy), rounding_(std::move(rounding)) {}

  // Logits [n, vocab_size] of the tokens at positions 0..n-1.
  std::vector<T> logits(const std::vector<int32_t>& tokens) const {
    const int n = static_cast<int>(tokens.size());
    std::vector<std::vector<T>> x(static_cast<size_t>(n));
    for (int i = 0; i < n; i++)
      x[i].assign(t_.token_embd.begin() + int64_t(tokens[i]) * c_.hidden_dim,
                  t_.token_embd.begin() + int64_t(tokens[i] + 1) * c_.hidden_dim);
    for (const Layer& layer : t_.layers) {
      attend(layer, x);
      for (std::vector<T>& row : x) feed_forward(layer, row);
    }
    std::vector<T> out;
    for (const std::vector<T>& row : x) {
      const std::vector<T> l = matmul(t_.token_embd, norm(row, t_.output_norm));
      out.insert(out.end(), l.begin(), l.end());
    }
    return out;
  }

 private:
  std::vector<T> norm(const std::vector<T>& x, const std::vector<float>& weight) const {
    T sum = 0;
    for (T v : x) sum += v * v;
    const T inv = 1 / std::sqrt(sum / T(x.size()) + T(c_.norm_eps));
    std::vector<T> out(x.size());
    for (size_t i = 0; i < x.size(); i++) out[i] = x[i] * inv * T(weight[i]);
    return out;
  }

  void head_norms(std::vector<T>& x, const std::vector<float>& weight) const {
    for (size_t at = 0; at < x.size(); at += weight.size()) {
      const std::vector<T> head = norm({x.begin() + at, x.begin() + at + weight.size()}, weight);
      std::copy(head.begin(), head.end(), x.begin() + at);
    }
  }

  static std::vector<T> matmul(const std::vector<float>& w, const std::vector<T>& x) {
    std::vector<T> out(w.size() / x.size());
    for (size_t r = 0; r < out.size(); r++) {
      T sum = 0;
      for (size_t j = 0; j < x.size(); j++) sum += T(w[r * x.size() + j]) * x[j];
      out[r] = sum;
    }
    return out;
  }

  // q . k of one head with q rotated by the distance against an unrotated k: RoPE depends on differences only.
  T score(const T* q, const T* k, int64_t distance) const {
    T sum = 0;
    const int half = c_.rope_dim / 2;
    for (int p = 0; p < half; p++) {
      const int a = c_.rope_style == TERN_ROPE_ADJACENT ? 2 * p : p, b = c_.rope_style == TERN_ROPE_ADJACENT ? 2 * p + 1 : p + half;
      const double angle = double(distance) * std::pow(c_.rope_freq_base, -2.0 * p / c_.rope_dim);
      const T cos = T(std::cos(angle)), sin = T(std::sin(angle));
      sum += (q[a] * cos - q[b] * sin) * k[a] + (q[b] * cos + q[a] * sin) * k[b];
    }
    for (int d = c_.rope_dim; d < c_.head_dim; d++) sum += q[d] * k[d];
    return sum / std::sqrt(T(c_.head_dim));
  }

  void attend(const Layer& layer, std::vector<std::vector<T>>& x) const {
    const size_t n = x.size();
    std::vector<std::vector<T>> q(n), k(n), v(n);
    for (size_t i = 0; i < n; i++) {
      const std::vector<T> h = norm(x[i], layer.attn_norm);
      q[i] = matmul(layer.wq, h), k[i] = matmul(layer.wk, h), v[i] = matmul(layer.wv, h);
      if (!layer.q_norm.empty()) head_norms(q[i], layer.q_norm), head_norms(k[i], layer.k_norm);
    }
    const int group = c_.n_heads / c_.n_kv_heads, d = c_.head_dim;
    for (size_t i = 0; i < n; i++) {
      for (int head = 0; rounding_.kv && head < c_.n_kv_heads; head++)
        rounding_.kv(&k[i][head * d], d), rounding_.kv(&v[i][head * d], d);
      for (T& e : q[i]) e = rounded(e);
    }
    for (size_t i = 0; i < n; i++) {
      std::vector<T> out(static_cast<size_t>(c_.n_heads * d), T(0));
      for (int head = 0; head < c_.n_heads; head++) {
        const int kv = head / group;
        std::vector<T> p(n, T(0));
        T max = -INFINITY, sum = 0;
        for (size_t j = 0; j < n; j++)
          if (policy_.visible(int64_t(i), int64_t(j))) {
            p[j] = score(&q[i][head * d], &k[j][kv * d], policy_.distance(int64_t(i), int64_t(j)));
            max = std::max(max, p[j]);
          }
        for (size_t j = 0; j < n; j++)
          if (policy_.visible(int64_t(i), int64_t(j))) sum += p[j] = std::exp(p[j] - max);
        for (size_t j = 0; j < n; j++)
          if (policy_.visible(int64_t(i), int64_t(j)))
            for (int e = 0; e < d; e++) out[head * d + e] += rounded(p[j]) / sum * v[j][kv * d + e];
      }
      if (c_.sub_norms) out = norm(out, layer.attn_sub_norm);
      const std::vector<T> o = matmul(layer.wo, out);
      for (size_t e = 0; e < o.size(); e++) x[i][e] += o[e];
    }
  }

  void feed_forward(const Layer& layer, std::vector<T>& x) const {
    const std::vector<T> h = norm(x, layer.ffn_norm);
    std::vector<T> g = matmul(layer.w_gate, h);
    const std::vector<T> u = matmul(layer.w_up, h);
    for (size_t i = 0; i < g.size(); i++)
      g[i] = (c_.gate == TERN_GATE_SILU ? g[i] / (1 + std::exp(-g[i])) : g[i] > 0 ? g[i] * g[i] : T(0)) * u[i];
    if (c_.sub_norms) g = norm(g, layer.ffn_sub_norm);
    const std::vector<T> o = matmul(layer.w_down, g);
    for (size_t e = 0; e < o.size(); e++) x[e] += o[e];
  }

  const Transformer& t_;
  const tern_model_config& c_;
  T rounded(T x) const { return rounding_.half ? rounding_.half(x) : x; }

  Policy policy_;
  Rounding<T> rounding_;
};

}  // namespace tern::oracle
