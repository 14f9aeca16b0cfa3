// How far the roundings of floats may move a draw, and what must be drawn beyond that.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "activations_oracle.h"
#include "sample_oracle.h"

namespace tern::oracle {

// A weight is the product of two exponentials, each within 2 units of the last place, 4 kUnit, of arguments (x - m) / T that
// have three roundings: of the difference, of 1 / T, and of the product; the magnitudes of both arguments add up to |z|. What
// follows is in fp64 or in integers as fine. This is the mean over the distribution, as shares weigh it. Not for temperature 0.
inline double weight_error(const std::vector<float>& logits, double temperature, double arguments_roundings) {
  const double max = *std::max_element(logits.begin(), logits.end());
  double sum = 0, sum_z = 0;
  for (const float l : logits) {
    const double z = (double(l) - max) / temperature, w = std::exp(z);
    if (w > 0) sum += w, sum_z -= w * z;
  }
  return (8 + arguments_roundings * sum_z / sum) * kUnit * (1 + 0x1p-10);
}

// A share is a quotient of two sums with that error each; so is the mass that top_p compares. Tokens that filters drop are the
// ones of larger error, so that the mean over all bounds the mean over those kept.
struct ExpectedDraw {
  Distribution d;
  std::vector<double> upto;  // [vocab_size]; share of tokens up to this one
  double slack;

  ExpectedDraw(const std::vector<float>& logits, const cpu::Sampling& s) : d(distribution(logits, s)) {
    slack = 2 * weight_error(penalised(logits, s), s.temperature, 3) + 0x1p-36;
    double sum = 0;
    for (const double p : d.p) upto.push_back(sum += p);
  }
  // Filters keep the same tokens whatever the roundings.
  bool decided() const { return d.margin > slack; }
  int token(double u) const {
    int id = static_cast<int>(std::upper_bound(upto.begin(), upto.end(), u) - upto.begin());
    if (id == static_cast<int>(upto.size())) id--;
    while (id > 0 && d.p[static_cast<size_t>(id)] == 0) id--;
    return id;
  }
  bool near_boundary(double u) const {
    const auto next = std::lower_bound(upto.begin(), upto.end(), u - slack);
    return u < slack || u > 1 - slack || (next != upto.end() && *next <= u + slack);
  }
};

}  // namespace tern::oracle
