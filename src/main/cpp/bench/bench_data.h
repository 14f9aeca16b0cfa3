// Made-up data of benchmarks: seeded, of ordinary magnitude, and results that show whether they were written.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/backend.h"

namespace tern {

std::vector<float> random_floats(int64_t n, uint64_t seed);

// Makes weights [n_rows, n_cols] of random rows of type, all alike; kernel: for a ternary kernel of the meter's, null: as the backend picks. Throws
// UNSUPPORTED for a type of which no random rows are made.
class RandomWeight {
 public:
  RandomWeight(int type, int store, int n_rows, int n_cols, const char* kernel = nullptr);
  std::unique_ptr<Weight> make(Backend& backend) const;

 private:
  int type_, store_, n_rows_, n_cols_, n_piece_;
  const char* kernel_;
  std::vector<uint8_t> rows_;  // n_piece of them, again and again
};

// Memory of the backend with the given content again and again, up to n_bytes.
Buffer filled(Backend& backend, int64_t n_bytes, const void* content, int64_t content_bytes, const char* purpose);

// Slots [0, n_slots) of a layer get random keys and values.
void fill_keys(Backend& backend, const KvLayerSpan& kv, const HeadShape& shape, int64_t n_slots);

// A result of a call, in the backend's memory, of which every byte is kPoison until it is written.
struct BenchResult {
  enum Kind { floats, halves, bytes };
  void* data;
  int64_t size;
  Kind kind;
};
constexpr int kPoison = 0xff;  // NaN in every format, -1 as an integer
void poison(Backend& backend, const BenchResult& result);
// Throws INTERNAL if a float or a half is NaN, or if no byte was written.
void check_written(Backend& backend, const BenchResult& result);

}  // namespace tern
