// Tables of angles, and heads rotated by them, rows spread over the pool.
//
// A position times a frequency has more digits than fp64: at position 2^40 its rounding alone would be 1e-4 radians, and two
// positions at equal distance would not rotate alike. So the product is kept as hi + lo, exactly, and
//   cos(hi + lo) = cos hi - lo sin hi,   sin(hi + lo) = sin hi + lo cos hi    (|lo| <= 2^-14: lo^2/2 < 2^-28, kept as well)
#include "cpu/rope.h"

#include <cmath>
#include <cstring>

#include "cpu/rope_head.h"

namespace tern::cpu {
namespace {

constexpr int64_t kInlineAngles = 512;     // some 10 us of sines
constexpr int64_t kInlineElements = 32768;  // some 10 us of rotations
constexpr int kTaskElements = 8192;

}  // namespace

void rope_table(Pool& pool, const int64_t* pos, int n_rows, const double* inv_freq, int rope_dim, float* cos_sin) {
  const int half = rope_dim / 2;
  const auto row = [&](int i, int) {
    float* const cosines = cos_sin + int64_t{i} * rope_dim;
    const double p = static_cast<double>(pos[i]);
    for (int j = 0; j < half; j++) {
      const double hi = p * inv_freq[j];
      const double lo = std::fma(p, inv_freq[j], -hi);
      const double c = std::cos(hi), s = std::sin(hi), shrink = 1 - 0.5 * lo * lo;
      cosines[j] = static_cast<float>(c * shrink - lo * s);
      cosines[half + j] = static_cast<float>(s * shrink + lo * c);
    }
  };
  if (int64_t{n_rows} * half > kInlineAngles) {
    pool.run(n_rows, row);
    return;
  }
  for (int i = 0; i < n_rows; i++) row(i, 0);
}

void rope_inv_freq(double base, const float* factor, int rope_dim, double* inv_freq) {
  for (int j = 0; j < rope_dim / 2; j++) inv_freq[j] = std::pow(base, -2.0 * j / rope_dim) / (factor ? double(factor[j]) : 1.0);
}

void rope(Pool& pool, Isa isa, const float* x, int x_stride, const float* cos_sin, int style, int n_rows, int n_heads,
          int head_dim, int rope_dim, float* out, int out_stride) {
  const RopeKernels& kernels = isa == Isa::avx512 ? kRopeAvx512 : isa == Isa::avx2 ? kRopeAvx2 : kRopePortable;
  const auto rotate = kernels.rotate[style];
  const int half = rope_dim / 2;
  const auto row = [&](int i) {
    const float* const cosines = cos_sin + int64_t{i} * rope_dim;
    for (int h = 0; h < n_heads; h++) {
      const float* const from = x + int64_t{i} * x_stride + h * head_dim;
      float* const to = out + int64_t{i} * out_stride + h * head_dim;
      rotate(from, cosines, cosines + half, half, to);
      if (from != to) std::memcpy(to + rope_dim, from + rope_dim, sizeof(float) * (head_dim - rope_dim));
    }
  };
  const int64_t row_elements = int64_t{n_heads} * head_dim;
  if (n_rows * row_elements <= kInlineElements) {
    for (int i = 0; i < n_rows; i++) row(i);
    return;
  }
  const int rows = static_cast<int>(1 + kTaskElements / row_elements);
  pool.run((n_rows + rows - 1) / rows, [&](int task, int) {
    for (int i = task * rows; i < n_rows && i < (task + 1) * rows; i++) row(i);
  });
}

}  // namespace tern::cpu
