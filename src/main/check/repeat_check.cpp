// The same problem again and again, compared bit for bit: what a device computes wrongly now and then shows here and nowhere else.
#include <algorithm>

#include "problems.h"

namespace tern::check {
namespace {

// Small: a few megabytes of results a second. Large: every core busy for milliseconds.
ProductSizes product_sizes(const Backend& backend, bool large) {
  if (!large) return {320, 640, 24};
  return backend.host_memory() ? ProductSizes{1024, 2048, 32} : ProductSizes{8192, 4096, 512};
}
AttentionSizes attention_sizes(bool prefill) {
  return prefill ? AttentionSizes{8, 2, 64, 1, 40, 520} : AttentionSizes{8, 2, 64, 4, 4, 520};
}

// Bits of floats as words; what was not written shows, as the words are poisoned in between.
class Repeated {
 public:
  Repeated(Backend& backend, size_t n_out, uint64_t seed) : backend_(backend), out_(backend, n_out + n_out % 2), n_(n_out), seed_(seed) {}
  float* out() const { return out_; }

  template <class Body>
  CheckResult run(int n_repeats, const Body& body) {
    CheckResult result;
    std::vector<float> first;
    for (int i = 0; i <= n_repeats; i++) {
      backend_.pattern_write(out(), static_cast<int64_t>((n_ + 1) / 2), {PatternKind::random, seed_ + static_cast<uint64_t>(i)});
      body();
      std::vector<float> got = out_.download();
      got.resize(n_);
      if (i == 0) first = std::move(got);
      else compare(first, got, i, result);
    }
    return result;
  }

 private:
  void compare(const std::vector<float>& first, const std::vector<float>& got, int i, CheckResult& result) const {
    result.n_values += static_cast<int64_t>(n_);
    if (std::memcmp(first.data(), got.data(), n_ * sizeof(float)) == 0) return;
    result.verdict = TERN_CHECK_FAILED;
    size_t n_wrong = 0, where = 0;
    for (size_t j = n_; j-- > 0;)
      if (std::memcmp(&first[j], &got[j], sizeof(float)) != 0) n_wrong++, where = j;
    if (result.n_wrong == 0) {
      uint32_t a, b;
      std::memcpy(&a, &first[where], 4), std::memcpy(&b, &got[where], 4);
      char text[200];
      std::snprintf(text, sizeof text, "repeat %d: element %zu has the bits %08x, at first it had %08x; %zu of %zu elements differ", i, where, b, a,
                    n_wrong, n_);
      result.text = text;
    }
    result.n_wrong += static_cast<int64_t>(n_wrong);
  }

  Backend& backend_;
  Array<float> out_;
  size_t n_;
  uint64_t seed_;
};

CheckResult product(Backend& backend, bool ternary, bool large, int n_repeats, uint64_t seed) {
  ProductProblem problem(backend, ternary, product_sizes(backend, large), seed);
  Repeated repeated(backend, problem.n_results(), seed);
  // A GPU has results sooner than they are compared: it would idle.
  const int n_times = large && !backend.host_memory() ? 64 : 1;
  return repeated.run(n_repeats, [&] {
    for (int i = 0; i < n_times; i++) problem.compute(repeated.out());
  });
}

CheckResult attention(Backend& backend, bool prefill, int n_repeats, uint64_t seed) {
  AttentionRun problem(backend, attention_sizes(prefill), seed);
  Repeated repeated(backend, problem.n_results(), seed);
  return repeated.run(n_repeats, [&] { problem.compute(repeated.out()); });
}

}  // namespace

CheckResult repeat(Backend& backend, int what, int n_repeats, uint64_t seed) {
  switch (what) {
    case TERN_REPEAT_DENSE: return product(backend, false, false, n_repeats, seed);
    case TERN_REPEAT_TERNARY: return product(backend, true, false, n_repeats, seed);
    case TERN_REPEAT_DENSE_LARGE: return product(backend, false, true, n_repeats, seed);
    case TERN_REPEAT_TERNARY_LARGE: return product(backend, true, true, n_repeats, seed);
    default: return attention(backend, what == TERN_REPEAT_PREFILL, n_repeats, seed);
  }
}

}  // namespace tern::check
