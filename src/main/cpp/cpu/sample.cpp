#include "cpu/sample.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "cpu/sample_scan.h"

namespace tern::cpu {

const SampleScan kSampleScanScalar = {Scan<4>::maxima, Scan<4>::masses};

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kMax = std::numeric_limits<float>::max();

int n_spans(int n) { return (n + kSpan - 1) / kSpan; }

struct Scratch {
  uint64_t* keys;     // [vocab_size]
  double* span_mass;  // [n_spans]
  float* span_max;    // [n_spans]
  float* penalised;   // [vocab_size]
  float* values;      // [vocab_size]

  Scratch(void* memory, int n) {
    keys = static_cast<uint64_t*>(memory);
    span_mass = reinterpret_cast<double*>(keys + n);
    span_max = reinterpret_cast<float*>(span_mass + n_spans(n));
    penalised = span_max + n_spans(n);
    values = penalised + n;
  }
};

// The order of tokens as one integer: higher logit first, then lower id. -0 counts as 0.
uint64_t key_of(float logit, int id) {
  const float value = logit + 0.0f;
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  bits = bits >> 31 ? ~bits : bits | 0x80000000u;
  return uint64_t(bits) << 32 | (0xffffffffu - static_cast<uint32_t>(id));
}

int id_of(uint64_t key) { return static_cast<int>(0xffffffffu - static_cast<uint32_t>(key)); }

float logit_of(uint64_t key) {
  uint32_t bits = static_cast<uint32_t>(key >> 32);
  bits = bits >> 31 ? bits & 0x7fffffffu : ~bits;
  float logit;
  std::memcpy(&logit, &bits, sizeof logit);
  return logit;
}

// A bijection of 64-bit words whose every output bit depends on every input bit: two rounds of xor-shift and multiply, with the
// constants of Stafford's variant 13 (also SplitMix64's).
uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// Uniform in [0, 1) with 53 bits: the seed chooses a place in a Weyl sequence, the draw steps along it.
double uniform(int64_t seed, int64_t draw) {
  const uint64_t start = mix(static_cast<uint64_t>(seed) + 0x9e3779b97f4a7c15u);
  const uint64_t word = mix(start + static_cast<uint64_t>(draw) * 0x9e3779b97f4a7c15u);
  return static_cast<double>(word >> 11) * 0x1p-53;
}

class Sampler {
 public:
  Sampler(const SampleScan& scan, const Sampling& s, int n, void* memory) : scan_(scan), s_(s), n_(n), scratch_(memory, n) {}

  Sampled run(const float* raw);

 private:
  const float* penalise(const float* raw);
  int first_largest() const;
  int choose();
  uint64_t top_k_threshold(int k);
  uint64_t nucleus_threshold(int n_keys, double mass);
  int collect(uint64_t threshold);
  double mass_of(const uint64_t* keys, int n);
  int draw(const float* logits, int n, double u);
  float weight(float logit) const { return Scan<4>::weight(logit, max_, inv_temperature_, min_weight_); }

  const SampleScan& scan_;
  const Sampling& s_;
  const int n_;
  Scratch scratch_;
  const float* logits_ = nullptr;  // after the penalty
  float max_ = 0;
  float inv_temperature_ = 1;
  float min_weight_ = 0;
};

Sampled Sampler::run(const float* raw) {
  constexpr Sampled kFailed = {-1, std::numeric_limits<float>::quiet_NaN()};
  const float raw_max = scan_.maxima(raw, n_, scratch_.span_max);
  if (!(raw_max > -kInf && raw_max < kInf)) return kFailed;
  const double raw_mass = scan_.masses(raw, n_, raw_max, 1, 0, scratch_.span_mass);
  if (!(raw_mass >= 1)) return kFailed;  // a NaN among the logits
  int token = s_.target;
  if (token < 0) {
    logits_ = raw;
    max_ = raw_max;
    if (s_.n_penalty > 0 && s_.repeat_penalty != 1) {
      logits_ = penalise(raw);
      max_ = scan_.maxima(logits_, n_, scratch_.span_max);
    }
    token = s_.temperature > 0 ? choose() : first_largest();
  } else if (token >= n_) {
    return kFailed;
  }
  return {token, static_cast<float>(double(raw[token]) - raw_max - std::log(raw_mass))};
}

// Each listed token is computed from its raw logit, so that listing it again changes nothing. Finite logits stay finite.
const float* Sampler::penalise(const float* raw) {
  std::memcpy(scratch_.penalised, raw, sizeof(float) * static_cast<size_t>(n_));
  for (int i = 0; i < s_.n_penalty; i++) {
    const int32_t id = s_.penalty_token[i];
    if (id < 0 || id >= n_ || raw[id] == -kInf) continue;
    const float logit = raw[id] > 0 ? raw[id] / s_.repeat_penalty : raw[id] * s_.repeat_penalty;
    scratch_.penalised[id] = std::min(std::max(logit, -kMax), kMax);
  }
  return scratch_.penalised;
}

int Sampler::first_largest() const {
  int span = 0;
  while (scratch_.span_max[span] != max_) span++;
  int id = span * kSpan;
  while (logits_[id] != max_) id++;
  return id;
}

int Sampler::choose() {
  inv_temperature_ = std::min(1 / std::min(s_.temperature, kMax), kMax);
  const float min_weight = s_.min_p > 0 ? std::min(s_.min_p, 1.0f) : 0;
  const bool top_k = s_.top_k > 0 && s_.top_k < n_;
  const bool top_p = s_.top_p < 1;
  const double u = uniform(s_.seed, s_.draw);
  if (!top_k && !top_p) {
    min_weight_ = min_weight;
    return draw(logits_, n_, u);
  }

  // Every filter keeps a prefix of the order, hence a threshold on keys.
  uint64_t threshold = 0;
  if (top_k) threshold = top_k_threshold(s_.top_k);
  if (top_p) {
    const double p = std::max(double(s_.top_p), 0.0);
    if (top_k) {
      const double total = mass_of(scratch_.keys, s_.top_k);
      threshold = nucleus_threshold(s_.top_k, p * total);
    } else {
      const double total = scan_.masses(logits_, n_, max_, inv_temperature_, 0, scratch_.span_mass);
      // Weights below (1 - p) total / n cannot be in the nucleus: from the first of them on, no n could make up (1 - p) total.
      // The bound is loosened by far more than the roundings on the way.
      const double x = std::log((1 - p) * total / n_) - 1e-3;
      const double bound = double(max_) + x / double(inv_temperature_);
      const float loose = static_cast<float>(std::max(bound - 1e-6 * std::fabs(bound), -double(kMax)));
      threshold = nucleus_threshold(collect(key_of(std::min(loose, max_), n_ - 1)), p * total);
    }
  }

  const int kept = collect(threshold);  // in order of ids
  for (int i = 0; i < kept; i++) scratch_.values[i] = logit_of(scratch_.keys[i]);
  min_weight_ = min_weight;
  return id_of(scratch_.keys[draw(scratch_.values, kept, u)]);
}

// Keys not below the threshold, in order of ids, into scratch.keys. Spans whose maximum is lower are not read.
int Sampler::collect(uint64_t threshold) {
  const float low = logit_of(threshold);
  int found = 0;
  for (int begin = 0; begin < n_; begin += kSpan) {
    if (scratch_.span_max[begin / kSpan] < low) continue;
    const int end = std::min(begin + kSpan, n_);
    for (int i = begin; i < end; i++) {
      const uint64_t key = key_of(logits_[i], i);
      scratch_.keys[found] = key;
      found += key >= threshold;
    }
  }
  return found;
}

// Leaves the k largest keys first in scratch.keys and returns the smallest of them. The k-th largest span maximum is a bound
// from below: k different tokens reach it.
uint64_t Sampler::top_k_threshold(int k) {
  float bound = -kInf;
  const int spans = n_spans(n_);
  if (k <= spans) {
    std::copy(scratch_.span_max, scratch_.span_max + spans, scratch_.values);
    std::nth_element(scratch_.values, scratch_.values + (k - 1), scratch_.values + spans, std::greater<float>());
    bound = scratch_.values[k - 1];
  }
  const int found = collect(key_of(bound, n_ - 1));
  std::nth_element(scratch_.keys, scratch_.keys + (k - 1), scratch_.keys + found, std::greater<uint64_t>());
  return scratch_.keys[k - 1];
}

double Sampler::mass_of(const uint64_t* keys, int n) {
  for (int i = 0; i < n; i++) scratch_.values[i] = logit_of(keys[i]);
  return scan_.masses(scratch_.values, n, max_, inv_temperature_, 0, scratch_.span_mass);
}

// The last key of the smallest prefix, in descending order, of the first n_keys in scratch.keys that holds the mass. Halves the
// part in question by selection, which costs O(n_keys) where sorting all would not.
uint64_t Sampler::nucleus_threshold(int n_keys, double mass) {
  uint64_t* begin = scratch_.keys;  // all before it are in the prefix
  uint64_t* end = begin + n_keys;   // all from it on are not
  while (end - begin > 64) {
    uint64_t* middle = begin + (end - begin) / 2;
    std::nth_element(begin, middle, end, std::greater<uint64_t>());
    const double upper = mass_of(begin, static_cast<int>(middle - begin));
    if (upper >= mass) {
      end = middle;
    } else {
      mass -= upper;
      begin = middle;
    }
  }
  std::sort(begin, end, std::greater<uint64_t>());
  double sum = weight(logit_of(*begin));
  while (sum < mass && begin + 1 < end) sum += weight(logit_of(*++begin));
  return *begin;
}

// Index of the first logit at which the running sum of weights, in order of index, exceeds u times the total.
int Sampler::draw(const float* logits, int n, double u) {
  const double total = scan_.masses(logits, n, max_, inv_temperature_, min_weight_, scratch_.span_mass);
  const double target = u * total;
  double before = 0, sum = 0;
  int span = 0;
  for (int i = 0; i < n_spans(n); i++) {
    if (scratch_.span_mass[i] == 0) continue;
    span = i;  // the last one with any mass, should rounding leave the target unreached
    before = sum;
    sum += scratch_.span_mass[i];
    if (sum > target) break;
  }
  int chosen = span * kSpan;
  sum = before;
  for (int i = chosen; i < std::min((span + 1) * kSpan, n) && sum <= target; i++) {
    const float w = weight(logits[i]);
    sum += w;
    if (w > 0) chosen = i;
  }
  return chosen;
}

}  // namespace

int64_t sample_scratch_bytes(int vocab_size) {
  return int64_t(vocab_size) * 16 + int64_t(n_spans(vocab_size)) * 12;
}

Sampled sample(Isa isa, const float* logits, int vocab_size, const Sampling& sampling, void* scratch) {
  const SampleScan& scan = isa == Isa::avx512 ? kSampleScanAvx512 : isa == Isa::avx2 ? kSampleScanAvx2 : kSampleScanScalar;
  return Sampler(scan, sampling, vocab_size, scratch).run(logits);
}

}  // namespace tern::cpu
