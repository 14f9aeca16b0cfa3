// Comparison of a float result with an fp64 oracle: |out - ref64| <= 2 |same-precision reference - ref64| + eps * row norm.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace tern::oracle {

// First offending element as text, or empty. ref32 is a plain float evaluation of the same formula: its own distance from the
// oracle sets the scale, taken as the largest over the row so that one lucky element does not set a bound of nothing.
// units: how many float epsilons of the row's norm are allowed on top (the error of one rounding a term, not a tuned figure).
inline std::string mismatch(const float* out, const double* ref64, const float* ref32, int64_t n_rows, int64_t dim,
                            double units = 4) {
  for (int64_t r = 0; r < n_rows; r++) {
    double norm = 0, spread = 0;
    for (int64_t i = 0; i < dim; i++) {
      const double distance = std::fabs(double(ref32[r * dim + i]) - ref64[r * dim + i]);
      norm = std::isnan(ref64[r * dim + i]) ? NAN : std::max(std::fabs(ref64[r * dim + i]), norm);
      spread = std::isnan(distance) ? NAN : std::max(distance, spread);
      if (std::isnan(norm) || std::isnan(spread)) break;
    }
    const double bound = 2 * spread + units * std::numeric_limits<float>::epsilon() * norm;
    // A reference that is not finite would open the bound to everything.
    if (!std::isfinite(norm) || !std::isfinite(spread)) return "row " + std::to_string(r) + ": a reference is not finite";
    for (int64_t i = 0; i < dim; i++) {
      const double error = std::fabs(double(out[r * dim + i]) - ref64[r * dim + i]);
      if (!(error <= bound)) {
        std::ostringstream text;
        text.precision(9);
        text << "row " << r << " element " << i << ": " << out[r * dim + i] << ", oracle " << ref64[r * dim + i] << ", error "
             << error << " > bound " << bound;
        return text.str();
      }
    }
  }
  return "";
}

// Seed of this run's random cases: TERN_SEED replays one.
inline uint64_t seed() {
  const char* text = std::getenv("TERN_SEED");
  return text ? std::strtoull(text, nullptr, 10) : 20240229;
}

}  // namespace tern::oracle
