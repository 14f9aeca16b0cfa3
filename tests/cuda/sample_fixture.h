// What tests of sampling share: batches of rows of logits with options, on the device and through a launch.
#pragma once

#include <cstring>
#include <limits>

#include "cases/sample_cases.h"
#include "cuda/gpu_test.h"
#include "sample.h"
#include "sample_oracle.h"

namespace tern::cuda {

// A launch in the making. Rows point to their logits: those of many rows may be the same.
struct Batch {
  int vocab_size;
  std::vector<const std::vector<float>*> logits;
  std::vector<cpu::Sampling> rows;

  explicit Batch(int n) : vocab_size(n) {}
  void add(const std::vector<float>& row, const cpu::Sampling& s) {
    ASSERT_EQ(static_cast<int>(row.size()), vocab_size);
    logits.push_back(&row);
    rows.push_back(s);
  }
};

struct Drawn {
  std::vector<int32_t> token;
  std::vector<float> logprob;
};

template <class T, class F>
DeviceArray<T> column(const Batch& b, const F& field) {
  std::vector<T> values;
  for (const cpu::Sampling& s : b.rows) values.push_back(static_cast<T>(field(s)));
  return DeviceArray<T>(values);
}

// All that a launch reads and writes, on the device. offset: of the logits, in elements from a multiple of 16 bytes.
struct OnDevice {
  DeviceArray<float> logits;
  DeviceArray<int32_t> target;
  DeviceArray<float> temperature;
  DeviceArray<int32_t> top_k;
  DeviceArray<float> top_p, min_p, repeat_penalty;
  DeviceArray<int64_t> seed, draw;
  DeviceArray<int32_t> begin, listed;
  DeviceArray<uint8_t> scratch;
  DeviceArray<int32_t> token;
  DeviceArray<float> logprob;
  SampleArgs args;

  explicit OnDevice(const Batch& b, int offset = 0)
      : logits(all_logits(b, offset)),
        target(column<int32_t>(b, [](const cpu::Sampling& s) { return s.target; })),
        temperature(column<float>(b, [](const cpu::Sampling& s) { return s.temperature; })),
        top_k(column<int32_t>(b, [](const cpu::Sampling& s) { return s.top_k; })),
        top_p(column<float>(b, [](const cpu::Sampling& s) { return s.top_p; })),
        min_p(column<float>(b, [](const cpu::Sampling& s) { return s.min_p; })),
        repeat_penalty(column<float>(b, [](const cpu::Sampling& s) { return s.repeat_penalty; })),
        seed(column<int64_t>(b, [](const cpu::Sampling& s) { return s.seed; })),
        draw(column<int64_t>(b, [](const cpu::Sampling& s) { return s.draw; })),
        begin(begins(b)),
        listed(all_listed(b)),
        scratch(static_cast<size_t>(sample_scratch_bytes(b.vocab_size, static_cast<int>(b.rows.size())))),
        token(b.rows.size()),
        logprob(b.rows.size()) {
    args = {logits.data() + offset, b.vocab_size,  static_cast<int>(b.rows.size()), target.data(),
            temperature.data(),     top_k.data(),  top_p.data(),                    min_p.data(),
            repeat_penalty.data(),  seed.data(),   draw.data(),                     begin.data(),
            listed.data(),          scratch.data(), token.data(),                   logprob.data()};
  }
  Drawn results() {
    synchronize();
    return {token.download(), logprob.download()};
  }

  static std::vector<float> all_logits(const Batch& b, int offset) {
    std::vector<float> all(static_cast<size_t>(offset), std::numeric_limits<float>::quiet_NaN());
    for (const auto* row : b.logits) all.insert(all.end(), row->begin(), row->end());
    return all;
  }
  static std::vector<int32_t> begins(const Batch& b) {
    std::vector<int32_t> at = {0};
    for (const cpu::Sampling& s : b.rows) at.push_back(at.back() + s.n_penalty);
    return at;
  }
  static std::vector<int32_t> all_listed(const Batch& b) {
    std::vector<int32_t> all;
    for (const cpu::Sampling& s : b.rows) all.insert(all.end(), s.penalty_token, s.penalty_token + s.n_penalty);
    all.push_back(-1);
    return all;
  }
};

inline Drawn sample(const Batch& b, int offset = 0) {
  OnDevice on(b, offset);
  launch_sample(on.args, device_info(), stream());
  return on.results();
}

inline bool same(const Drawn& a, const Drawn& b) {
  return a.token == b.token && std::memcmp(a.logprob.data(), b.logprob.data(), a.logprob.size() * sizeof(float)) == 0;
}

// Calls body in several orders of threads; on a GPU twice.
template <class Body>
void in_orders(const Body& body) {
#ifdef TERN_SIMT
  const unsigned before = simt::seed();
  for (const unsigned order : {1u, 7u, 23u}) {
    simt::set_seed(order);
    body();
  }
  simt::set_seed(before);
#else
  body();
  body();
#endif
}

}  // namespace tern::cuda
