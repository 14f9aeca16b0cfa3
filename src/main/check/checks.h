// What the checks of single kernels share: the list of cases, arrays in a backend's memory, and how near a result came to its bound.
#pragma once

#include <cmath>
#include <cstring>
#include <functional>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "core/check_plugin.h"
#include "core/status.h"

namespace tern::check {

struct Case {
  const char* group;
  std::string name;
  std::function<CheckResult(Backend&)> run;
};

// Each adds the cases of one file.
void add_activations(std::vector<Case>& all);
void add_append(std::vector<Case>& all);
void add_attention(std::vector<Case>& all);
void add_dense(std::vector<Case>& all);
void add_embed(std::vector<Case>& all);
void add_rope(std::vector<Case>& all);
void add_sample(std::vector<Case>& all);
void add_ternary(std::vector<Case>& all);

CheckResult repeat(Backend& backend, int what, int n_repeats, uint64_t seed);
CheckResult memory(Backend& backend, int64_t n_bytes, const Pattern& pattern);
CheckResult copies(Backend& backend, int64_t n_bytes, uint64_t seed);
CheckResult speed(Backend& backend, int what);

inline CheckResult not_here(const char* why) {
  CheckResult r;
  r.verdict = TERN_CHECK_NOT_HERE;
  r.text = why;
  return r;
}

// An array in the memory of a backend.
template <class T>
class Array {
 public:
  Array(Backend& backend, size_t n) : backend_(backend), n_(n), buffer_(backend.allocate(bytes() + 1, "a check")) {}
  Array(Backend& backend, const std::vector<T>& values) : Array(backend, values.size()) { upload(values); }

  operator T*() const { return buffer_.template as<T>(); }
  Span span() const { return {buffer_.template as<void>(), bytes()}; }
  void upload(const std::vector<T>& values) { backend_.upload(buffer_.template as<void>(), values.data(), bytes()); }
  std::vector<T> download() const {
    std::vector<T> values(n_);
    backend_.download(values.data(), buffer_.template as<void>(), bytes());
    return values;
  }

 private:
  int64_t bytes() const { return static_cast<int64_t>(n_ * sizeof(T)); }

  Backend& backend_;
  size_t n_;
  Buffer buffer_;
};

inline std::vector<float> normal(std::mt19937_64& random, size_t n, float sigma = 1) {
  std::normal_distribution<float> distribution;
  std::vector<float> x(n);
  for (float& e : x) e = distribution(random) * sigma;
  return x;
}

// Collects comparisons into a result. The text is of the first that failed.
class Compare {
 public:
  void within(const char* what, size_t i, double out, double ref, double bound) {
    result_.n_values++;
    const double error = std::fabs(out - ref);
    if (!(error <= bound)) wrong(what, i, out, ref, bound);
    const double share = bound > 0 ? error / bound : error > 0 ? 1e30 : 0;
    if (!(share <= nearest_)) nearest_ = share, result_.error = error, result_.bound = bound;
  }
  // NaN equals no number, and -0 equals 0: bits of floats that must be the same are compared by same_bits.
  template <class T>
  void equal(const char* what, size_t i, T out, T ref) {
    result_.n_values++;
    if (!(out == ref)) wrong(what, i, double(out), double(ref), 0);
  }
  // A value of bound 0, as it is.
  void fail_at(const char* what, size_t i, double out, double ref) {
    result_.n_values++;
    wrong(what, i, out, ref, 0);
  }
  void count(int64_t n) { result_.n_values += n; }
  CheckResult result() const { return result_; }

 private:
  void wrong(const char* what, size_t i, double out, double ref, double bound) {
    result_.verdict = TERN_CHECK_FAILED;
    if (result_.n_wrong++) return;
    std::ostringstream text;
    text.precision(9);
    text << what << " " << i << " is " << out << ", the oracle has " << ref << ": off by " << std::fabs(out - ref) << ", allowed "
         << bound;
    result_.text = text.str();
  }

  CheckResult result_;
  double nearest_ = -1;
};

}  // namespace tern::check
